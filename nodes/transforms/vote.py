"""Let several frames decide each pixel."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from pipeline.masks import Mask
from pipeline.node import Flaw, node
from pipeline.records import Frame, Gap, Layer

Most = Annotated[int, Meta(ge=1, le=64, description="frames")]
View = tuple[str, str, tuple[int, int]]


def _check(params: Struct) -> list[Flaw]:
    """Flaws that types cannot see."""
    least, of = getattr(params, "least", 1), getattr(params, "of", 1)
    return [Flaw(("least",), f"expected at most `of`, which is {of}, got {least}")] if least > of else []


@node(per="camera", check=_check)
def vote(frames: Iterator[Frame | Gap], *, least: Most = 2, of: Most = 3) -> Iterator[Frame | Gap]:
    """Keep the pixels that enough of a prompt's last frames show: what flickers goes, what is missing once stays.

    For views that stand still: of what moves only what overlaps is left. Each prompt and label votes by itself. Frames
    count by their number, so those that a gap took are no votes; until there are `of` of them, as large a share of
    those there are must agree. Settling frames pass as they are and are no votes. A new session begins anew.

    Args:
        least: Frames that must show a pixel.
        of: Frames that vote: the newest and those before it.
    """
    session, seen = "", dict[str, deque[Frame]]()
    for record in frames:
        if record.session != session:
            session, seen = record.session, {}
        if isinstance(record, Gap) or record.epoch == "settling" or of == 1:
            yield record
            continue
        voters = seen.setdefault(record.prompt, deque())
        voters.append(record)
        while len(voters) > of or voters[0].size != record.size:
            voters.popleft()
        yield decided(voters, least, of)


def decided(voters: Sequence[Frame], least: int, of: int) -> Frame:
    """The newest of some frames, with the pixels that enough of them show; the same object where those are its own."""
    newest = voters[-1]
    enough = -(-least * len(voters) // of)
    own = [layer.label for layer in newest.layers]
    others = dict.fromkeys(layer.label for frame in voters for layer in frame.layers if layer.label not in own)
    back = [layer for layer in (_layer(label, voters, enough) for label in others) if layer.mask.area]
    layers = (*(_layer(label, voters, enough) for label in own), *back)
    same = len(layers) == len(own) and all(a is b for a, b in zip(layers, newest.layers, strict=True))
    return newest if same else replace(newest, layers=layers)


def _layer(label: str, voters: Sequence[Frame], enough: int) -> Layer:
    """What enough frames show for one label; its score is the best of theirs where the newest has none."""
    import numpy as np

    own = [layer for frame in voters for layer in frame.layers if layer.label == label]
    votes = sum((layer.mask.dense.astype(np.uint8) for layer in own), np.zeros(voters[-1].size, np.uint8))
    mask = Mask.from_dense(votes >= enough)
    newest = next((layer for layer in voters[-1].layers if layer.label == label), None)
    if newest is None:
        return Layer(label, mask, max(layer.score for layer in own))
    return newest if newest.mask == mask else replace(newest, mask=mask)
