"""Where things are in a view, and how far from each other: pure arithmetic in px.

Places are compared at edges, not at centroids: of a part that is still entering the view only the leading edge moves
with the belt.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

Size = tuple[int, int]
Box = tuple[float, float, float, float]

GATE = 0.5  # of a part's longer side: parts that do not touch are farther apart
LEAST_GATE = 4.0  # px: tiny regions flicker by as much as they measure


class Way(NamedTuple):
    """A distance in px, or a velocity in px per frame."""

    x: float
    y: float

    def times(self, frames: float) -> Way:
        """The distance after so many frames."""
        return Way(self.x * frames, self.y * frames)

    def plus(self, other: Way) -> Way:
        """Both, one after the other."""
        return Way(self.x + other.x, self.y + other.y)

    def less(self, other: Way) -> Way:
        """What is left of it after another one."""
        return Way(self.x - other.x, self.y - other.y)


REST = Way(0.0, 0.0)


def gate(box: Box) -> float:
    """How far from its predicted place something may be found, px."""
    return max(LEAST_GATE, GATE * max(box[2], box[3]))


def gone(box: Box, way: Way, size: Size) -> bool:
    """Whether a way takes it out of the view."""
    x, y, width, height = box
    return x + way.x >= size[1] or y + way.y >= size[0] or x + width + way.x <= 0 or y + height + way.y <= 0


def beyond(box: Box, way: Way, size: Size) -> float:
    """How far outside the view a way takes it, px; not positive where some of it is in view."""
    x, y, width, height = box
    along = max(x + way.x - size[1], -(x + width + way.x))
    return max(along, y + way.y - size[0], -(y + height + way.y))


def stays(box: Box, way: Way, size: Size) -> bool:
    """Whether a way leaves so much of it in view that it can't be overlooked."""
    x, y, width, height = box
    in_x = min(x + way.x + width, size[1]) - max(x + way.x, 0)
    in_y = min(y + way.y + height, size[0]) - max(y + way.y, 0)
    return in_x > LEAST_GATE and in_y > LEAST_GATE


def moved(before: Box, after: Box, size: Size) -> Way | None:
    """How far it moved, if these two are the same; None where the view cuts off every edge that would tell."""
    x = _along(before[0], before[0] + before[2], after[0], after[0] + after[2], size[1])
    y = _along(before[1], before[1] + before[3], after[1], after[1] + after[3], size[0])
    return None if x is None else Way(x, y or 0.0)


def carried(box: Box, way: Way, size: Size, length: float = math.inf) -> Box:
    """What of it is in view after a way; an end that was out of view stays so, as long as it can be.

    Args:
        length: The most that it may measure along the way, px: as much of it may come into view.
    """
    x, width = _carried(box[0], box[0] + box[2], way.x, size[1], length)
    y, height = _carried(box[1], box[1] + box[3], way.y, size[0], math.inf)
    return x, y, width, height


class Ends(NamedTuple):
    """Where the ends of something are expected, px; None where it went on beyond the view: no end of it was seen."""

    left: float | None
    right: float | None
    top: float | None
    low: float | None

    @classmethod
    def after(cls, box: Box, way: Way, size: Size) -> Ends:
        """Those of a box after a way; an end that has left the view is at its edge."""
        x, y, width, height = box
        right, low = x + width, y + height
        return cls(
            max(x + way.x, 0.0) if x > 0 else None,
            min(right + way.x, size[1]) if right < size[1] else None,
            max(y + way.y, 0.0) if y > 0 else None,
            min(low + way.y, size[0]) if low < size[0] else None,
        )

    def off(self, box: Box) -> float:
        """How far a box is from there, px: the mean of both ends along each axis."""
        x, y, width, height = box
        left, right, top, low = self
        along = _mean(None if left is None else x - left, None if right is None else x + width - right)
        return math.hypot(along, _mean(None if top is None else y - top, None if low is None else y + height - low))


def ends(before: Box, after: Box, way: Way, size: Size) -> list[float]:
    """How far the ends along x that are in view are from where a way takes them, px, with their sign."""
    low = [after[0] - before[0] - way.x] if before[0] > 0 < after[0] else []
    high = [sum(after[::2]) - sum(before[::2]) - way.x] if sum(before[::2]) < size[1] > sum(after[::2]) else []
    return low + high


def iou(one: Box, other: Box) -> float:
    """Intersection over union."""
    both = shared(one, other)
    return both and both / (one[2] * one[3] + other[2] * other[3] - both)


def shared(one: Box, other: Box) -> float:
    """What both cover, px²."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around several."""
    x, y = min(box[0] for box in boxes), min(box[1] for box in boxes)
    return x, y, max(box[0] + box[2] for box in boxes) - x, max(box[1] + box[3] for box in boxes) - y


class Shelf:
    """Boxes in order of x, so that those near another one are found without looking at all."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._rows = sorted(enumerate(boxes), key=lambda row: row[1][0])
        self._lows = [box[0] for _, box in self._rows]
        self._widest = max((box[2] for box in boxes), default=0.0)

    def near(self, box: Box) -> list[int]:
        """Indices of those that touch a box."""
        x, y, width, height = box
        low = y + height
        rows = self._rows[bisect_left(self._lows, x - self._widest) : bisect_right(self._lows, x + width)]
        return [j for j, (left, top, wide, high) in rows if left + wide >= x and top <= low and y <= top + high]


def _along(low: float, high: float, now_low: float, now_high: float, edge: int) -> float | None:
    """Mean way of the ends that are in view both times."""
    a, b = low > 0 < now_low, high < edge > now_high
    if a and b:
        return (now_low - low + now_high - high) / 2
    return now_low - low if a else now_high - high if b else None


def _carried(low: float, high: float, way: float, edge: int, length: float) -> tuple[float, float]:
    """First end and length of what is in view."""
    first = max(low + way, 0.0) if low > 0 else max(0.0, high + way - max(length, high - low))
    last = min(high + way, float(edge)) if high < edge else min(float(edge), low + way + max(length, high - low))
    return first, max(0.0, last - first)


def _mean(low: float | None, high: float | None) -> float:
    """Mean distance of two ends from their places; one that nobody knows says nothing."""
    if low is None:
        return 0.0 if high is None else abs(high)
    return abs(low) if high is None else (abs(low) + abs(high)) / 2
