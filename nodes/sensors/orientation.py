"""How a picture of the target lies: which of the eight ways in which a square can be laid on itself. Pure.

A mask is square, so that a flip or a transpose of it changes no shape and goes unnoticed by everything but this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar, get_args

from nodes.sensors.virtual.scene import resampled
from nodes.sensors.virtual.target import STROKES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = TypeVar("Kind", bound="np.generic")
Turned = Literal["", "flip_x", "flip_y", "transpose", "turn_90", "turn_180", "turn_270", "transverse"]
WAYS: tuple[Turned, ...] = get_args(Turned)
WORDS: dict[Turned, str] = {
    "": "upright",
    "flip_x": "mirrored left to right",
    "flip_y": "mirrored top to bottom",
    "transpose": "transposed: rows are columns",
    "turn_90": "turned by 90° clockwise",
    "turn_180": "turned by 180°",
    "turn_270": "turned by 90° counter-clockwise",
    "transverse": "transposed over the other diagonal",
}
SIDE = 60  # px of the square to which whatever is compared is brought


class Match(NamedTuple):
    """How one shape lies to another.

    Attributes:
        turned: What was done to the other.
        likeness: Intersection over union of both, in their boxes, after that.
        next: The same for the second best way.
    """

    turned: Turned
    likeness: float
    next: float


def laid(pixels: NDArray[Kind], how: Turned) -> NDArray[Kind]:
    """A picture laid otherwise.

    Args:
        pixels: (…, H, W).
        how: Which way.
    """
    if how in {"transpose", "turn_90", "turn_270", "transverse"}:
        pixels = pixels.swapaxes(-1, -2)
    if how in {"flip_x", "turn_90", "turn_180", "transverse"}:
        pixels = pixels[..., ::-1]
    if how in {"flip_y", "turn_180", "turn_270", "transverse"}:
        pixels = pixels[..., ::-1, :]
    return pixels


def target() -> NDArray[np.bool_]:
    """The target in its box: (SIDE, SIDE) bool."""
    import numpy as np

    x, y = ((np.arange(10 * SIDE) + 0.5) / (10 * SIDE) for _ in range(2))
    inside = np.zeros((10 * SIDE, 10 * SIDE), bool)
    for left, top, right, bottom in STROKES:
        inside |= ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None, :]
    return boxed(inside)


def boxed(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A shape in its box, brought to (SIDE, SIDE); all False where there is none.

    Args:
        inside: (H, W) bool.
    """
    import numpy as np

    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((SIDE, SIDE), bool)
    box = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    found: NDArray[np.bool_] = resampled(inside[..., None].astype(np.uint8), box, (SIDE, SIDE))[..., 0] > 0.5
    return found


def match(shape: NDArray[np.bool_], other: NDArray[np.bool_]) -> Match:
    """How a shape lies to another: what has to be done to the other so that it looks most like this one.

    Args:
        shape: (SIDE, SIDE) bool, as `boxed` gives it.
        other: The same.
    """
    likeness = {how: _likeness(shape, laid(other, how)) for how in WAYS}
    first, second = sorted(WAYS, key=lambda how: -likeness[how])[:2]
    return Match(first, likeness[first], likeness[second])


def _likeness(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 0.0
