r"""Frames drawn in letters: `#` is a pixel that is set, `.` or a space one that is not.

Example:
    >>> print(pixels("##.\n#..", scale=1).astype(int))
    [[1 1 0]
     [1 0 0]]
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Any

from pipeline.errors import KensaError
from pipeline.masks import Mask
from pipeline.records import Frame, Gap, Layer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERIOD_NS = 33_333_333  # between two drawn frames: 30 per second
SESSION = "case"


def pixels(drawing: str, scale: int) -> NDArray[np.bool_]:
    """A drawing as pixels; lines that are shorter than the longest are filled up.

    Args:
        drawing: Lines of `#`, `.` and spaces.
        scale: Pixels per letter, each way.

    Returns:
        (H, W) bool, row-major: lines × scale, longest line × scale.

    Raises:
        KensaError: If it is empty or holds another letter.
    """
    import numpy as np

    lines = drawing.rstrip().splitlines()
    width = max(map(len, lines), default=0)
    strange = sorted({letter for line in lines for letter in line} - set("#. "))
    if strange or not width:
        raise KensaError(f"expected a drawing of '#' and '.', got {'nothing' if not width else repr(strange[0])}")
    coarse = np.array([[letter == "#" for letter in line.ljust(width)] for line in lines])
    return np.kron(coarse, np.ones((scale, scale), bool))


def shot(drawn: NDArray[Any], camera: str, seq: int, label: str) -> Frame:
    """One frame with one layer."""
    size = (int(drawn.shape[0]), int(drawn.shape[1]))
    layers = (Layer(label, Mask.from_dense(drawn)),)
    return Frame(camera=camera, session=SESSION, seq=seq, t_ns=seq * PERIOD_NS, size=size, layers=layers)


def gap(camera: str, first: int, last: int) -> Gap:
    """Frames that nobody saw."""
    t_ns = first * PERIOD_NS
    return Gap(camera=camera, session=SESSION, seq=first, t_ns=t_ns, last=last, reason="overflow", where="case")


def belt(
    drawn: NDArray[Any], view: int, step: int, *, camera: str, label: str, hidden: Container[int]
) -> Iterator[Frame | Gap]:
    """What a camera sees of a long drawing that moves to the right under it, until it has seen its left end.

    Args:
        drawn: (H, W) bool, the whole belt.
        view: Width of the view, px.
        step: How far the belt moves in a frame, px.
        camera: Name of the camera.
        label: Label of the layer.
        hidden: Numbers of frames that are lost: each is told as a gap.
    """
    for seq, left in enumerate(range(drawn.shape[1] - view, -1, -step)):
        yield gap(camera, seq, seq) if seq in hidden else shot(drawn[:, left : left + view], camera, seq, label)
