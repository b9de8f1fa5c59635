"""Where things are in a view, and how far from each other: pure arithmetic in px.

Places are compared at edges, not at centroids: of a part that is still entering the view only the leading edge moves
with the belt.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
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


def off(before: Box, after: Box, way: Way, size: Size) -> float:
    """How far something is from where another would be after a way, px; infinite where that is out of view."""
    if gone(before, way, size):
        return math.inf
    return math.hypot(_miss(before, after, 0, way.x, size[1]), _miss(before, after, 1, way.y, size[0]))


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
        self._order = sorted(range(len(boxes)), key=lambda j: boxes[j][0])
        self._boxes = boxes
        self._lows = [boxes[j][0] for j in self._order]
        self._widest = max((box[2] for box in boxes), default=0.0)

    def near(self, box: Box, margin: float) -> Iterator[int]:
        """Indices of those that come within a margin of a box, in both directions."""
        x, y, width, height = box
        first = bisect_left(self._lows, x - margin - self._widest)
        last = bisect_right(self._lows, x + width + margin)
        for j in self._order[first:last]:
            left, top, wide, high = self._boxes[j]
            if left + wide >= x - margin and y - margin <= top + high and top <= y + height + margin:
                yield j


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


def _miss(before: Box, after: Box, axis: int, way: float, edge: int) -> float:
    """Mean distance of the ends that were in view from where they should be; an end out of view is at the edge."""
    low, high = before[axis], before[axis] + before[axis + 2]
    a = abs(after[axis] - max(low + way, 0)) if low > 0 else None
    b = abs(after[axis] + after[axis + 2] - min(high + way, edge)) if high < edge else None
    if a is None:
        return b or 0.0
    return a if b is None else (a + b) / 2
