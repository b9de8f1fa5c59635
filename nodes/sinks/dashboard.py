"""The operator's screen: one page that says what the line sees, decides and calls for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from nodes.screen.shifts import Start, zoned
from pipeline.gets import LOOPBACK
from pipeline.node import Batch, Flaw, node
from pipeline.records import Frame, Gap, Image, Part, Regions, Tracks, Verdict

Port = Annotated[int, Meta(ge=1024, le=65535, description="(TCP port)")]
Every = Annotated[float, Meta(ge=1, le=86400, description="s")]


def _unclear(params: Any) -> Iterator[Flaw]:
    if not params.shifts:
        yield Flaw(("shifts",), "expected at least one time of day, got none")
    try:
        zoned(params.zone)
    except ValueError as error:
        yield Flaw(("zone",), str(error))


# Verdicts are counted, each of them once. What is seen is shown while it is new, and drawn where it was rejected.
@node(batch=Batch(records=1024, seconds=0.05), passing=(Frame, Gap, Image, Regions, Tracks, Part), check=_unclear)
def dashboard(
    batches: Iterator[list[Frame | Image | Regions | Tracks | Part | Verdict | Gap]],
    *,
    port: Port = 8088,
    address: str = LOOPBACK,
    title: str = "Inspection",
    lang: Literal["en", "ja"] = "en",
    tokens: str | None = None,
    path: str | None = None,
    shifts: tuple[Start, ...] = ("06:00", "14:00", "22:00"),
    zone: str = "",
    every: Every = 600.0,
    images: bool = False,
) -> None:
    """Serve the operator's screen: a page for a touch panel, a wall or a desk, in English and Japanese.

    It shows the masks that each camera sees, the last verdict in colour, word and shape, counts by shift and batch, the
    last rejects with what was measured on them, reasons by how often they come, the trend of FAIL with control limits,
    alarms with what to do about them, how the line stands, and which rules and networks decide. Nothing of it is
    fetched from elsewhere. Whoever reaches it can read; who has a token can acknowledge and shelve alarms, as with
    `kensa alarm`, and begin a batch. See docs/screen.md.

    A page is told what is new and waited for by nobody: one that is slow skips states.

    Args:
        port: TCP port of the page.
        address: Which of this host's addresses it listens at; only this host reaches the default.
        title: Head line of the page.
        lang: Language it begins with.
        tokens: File of tokens of those who may act, `NAME TOKEN` on each line; nobody may if it is not given.
        path: File in which counts and rejects outlive a restart; they begin anew if it is not given.
        shifts: When shifts begin.
        zone: Time zone of the plant, such as `Asia/Tokyo`; the host's own if it is not given.
        every: How long a point of the trend is.
        images: Show the pictures of cameras whose images leave them, behind their masks.
    """
    from nodes.screen.opening import opened
    from nodes.sinks.canvas import vision

    vision()  # rejects are drawn with it: say so now, not when somebody looks
    kept, held = Path(path) if path else None, Path(tokens) if tokens else None
    with opened(
        kept, held, (address, port), title=title, lang=lang, shifts=shifts, zone=zone, every=every, images=images
    ) as stage:
        for batch in batches:
            stage.add(batch)
