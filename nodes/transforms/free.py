"""How regions move that go where they like: each for itself. Pure arithmetic on boxes, or on masks where asked.

A Kalman filter of constant velocity says where each is expected (its middle and its size, in units of its height: as
in Wojke et al., *Simple online and realtime tracking with a deep association metric*, ICIP 2017), and the cheapest
assignment by overlap says which it is. Overlap counts the more, the more alike the heights are (Yang et al.,
*Hybrid-SORT: weak cues matter for online multi-object tracking*, AAAI 2024). Where all of them are beside their places
by the same way, the camera has moved: they are looked for once more, that far away.

What is overlooked is told where it is expected, for as long as that is likelier right than wrong: each frame may be as
far off as those before it were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from nodes.transforms.assignment import assign
from nodes.transforms.places import REST, Box, Shelf, Size, Way, gone, iou
from nodes.transforms.scene import Found, Past, Scene
from pipeline.records import Region

# Standard deviations in heights: of a place, and of what a velocity changes by in a frame.
PLACE = 1 / 20
SPEED = 1 / 160

LEAST = 0.2  # of the overlap: less is nobody
HALF = 0.5  # of the overlap: what was found so far from where it was told was told wrong
BEFORE = 3  # sights, right by half, that whoever is new is taken to have had
LATELY = 20  # sights that tell how well it is expected
TOGETHER = 3  # parts that can tell that the camera moved
CERTAIN = 3.0  # standard deviations by which they must be beside their places
DEVIATION = 1.4826 * math.sqrt(math.pi / 2)  # of a median, in median absolute deviations per root of their number

State = tuple[float, float, float, float]
Overlap = Callable[[Region, Box, Region], float]


class Filter(NamedTuple):
    """What is known of one part: the middle and size of its box, how they change, and how sure that is.

    Attributes:
        at: (x, y, width, height), x and y of the middle, px.
        pace: How each of them changes, px per frame.
        spread: Variance of a place, covariance of a place and its velocity, variance of that; heights squared.
        ago: Frames since it was seen.
        right: Mean overlap of where it was expected and where it was found.
        sights: Of how many.
    """

    at: State
    pace: State
    spread: tuple[float, float, float]
    ago: int = 0
    right: float = HALF
    sights: int = BEFORE

    @classmethod
    def of(cls, box: Box) -> Filter:
        """A part at its first sight."""
        return cls(_middle(box), (0.0, 0.0, 0.0, 0.0), (4 * PLACE**2, 0.0, 100 * SPEED**2))

    def later(self, frames: int) -> Filter:
        """What is expected after so many frames; what is lost keeps its size."""
        a, b, c = self.spread
        (x, y, width, height), pace = self.at, self.pace
        grow = 0 if self.ago else frames
        at = (x + pace[0] * frames, y + pace[1] * frames, width + pace[2] * grow, height + pace[3] * grow)
        spread = (a + 2 * b * frames + c * frames**2 + PLACE**2 * frames, b + c * frames, c + SPEED**2 * frames)
        pace = pace if grow else (pace[0], pace[1], 0.0, 0.0)
        return Filter(at, pace, spread, self.ago + frames, self.right, self.sights)

    def beside(self, way: Way) -> Filter:
        """The same in another place."""
        x, y, width, height = self.at
        return self._replace(at=(x + way.x, y + way.y, width, height))

    def seen(self, box: Box) -> Filter:
        """What is known once it was seen there."""
        a, b, c = self.spread
        place, pace = a / (a + PLACE**2), b / (a + PLACE**2)
        (x, y, w, h), (dx, dy, dw, dh) = self.at, self.pace
        now = _middle(box)
        miss_x, miss_y, miss_w, miss_h = now[0] - x, now[1] - y, now[2] - w, now[3] - h
        return Filter(
            (x + place * miss_x, y + place * miss_y, w + place * miss_w, h + place * miss_h),
            (dx + pace * miss_x, dy + pace * miss_y, dw + pace * miss_w, dh + pace * miss_h),
            ((1 - place) * a, (1 - place) * b, c - pace * b),
            right=self.right + (iou(self.box, box) - self.right) / (self.sights + 1),
            sights=min(self.sights + 1, LATELY),
        )

    @property
    def box(self) -> Box:
        """Where it is."""
        x, y, width, height = self.at
        width, height = max(width, 1.0), max(height, 1.0)
        return x - width / 2, y - height / 2, width, height


class Free:
    """Every part for itself: a Kalman filter each, told apart by overlap.

    Args:
        masks: Compare pixels, not boxes.
    """

    travelled = REST
    trial = 0

    def __init__(self, *, masks: bool) -> None:
        self._overlap: Overlap = _mask_iou if masks else _box_iou
        self._filters: dict[int, Filter] = {}

    def follow(self, scene: Scene, told: Way | None) -> Found:  # noqa: ARG002 - nothing moves all of them
        """Find out which region is which, and learn from it how each moves."""
        known = [self._filters.get(part.key) or Filter.of(part.region.box) for part in scene.past]
        expected = [each.later(scene.frames) for each in known]
        pairs = self._pairs(scene, expected)
        if way := _common([_beside(expected[i], scene.present[j]) for i, j in pairs.items()]):
            expected = [each.beside(way) for each in expected]
            pairs = self._pairs(scene, expected)
        for i, j in pairs.items():
            expected[i] = expected[i].seen(scene.present[j].box)
        self._filters = {part.key: each for part, each in zip(scene.past, expected, strict=True)}
        return Found(pairs)

    def place(self, part: Past, size: Size) -> Box:
        """Where it is expected."""
        box = self._filters[part.key].box if part.key in self._filters else part.region.box
        return (0.0, 0.0, 0.0, 0.0) if gone(box, REST, size) else box

    def pace(self, part: Past | None) -> Way:
        """Its own velocity; of a part that nobody knows, none."""
        known = self._filters.get(part.key) if part else None
        return Way(*known.pace[:2]) if known else REST

    def coasts(self, part: Past) -> bool:
        """Whether it is expected well enough, after so many frames."""
        known = self._filters.get(part.key)
        return known is not None and (1 - known.right) * known.ago <= HALF

    def returns(self, part: Past) -> bool:  # noqa: ARG002 - it may go anywhere
        """Never certain."""
        return False

    def came(self, region: Region, size: Size) -> bool:  # noqa: ARG002 - it may have come from anywhere
        """Never certain."""
        return False

    def _pairs(self, scene: Scene, expected: Sequence[Filter]) -> dict[int, int]:
        boxes = [region.box for region in scene.present]
        shelf = Shelf(boxes)
        near = []
        for i, each in enumerate(expected):
            box = each.box
            for j in shelf.near(box):
                overlap = self._overlap(scene.past[i].region, box, scene.present[j])
                if overlap > LEAST:
                    near.append((1 - overlap * _alike(box, boxes[j]), i, j))
        return assign(near, 1.0)


def _common(ways: Sequence[Way]) -> Way | None:
    """By how far all are beside their places, if it is certain that they are; along each axis for itself."""
    if len(ways) < TOGETHER:
        return None
    way = Way(_certain([each.x for each in ways]), _certain([each.y for each in ways]))
    return None if way == REST else way


def _certain(values: list[float]) -> float:
    """The median, where it is far enough from 0 for how they scatter."""
    middle = median(values)
    scatter = DEVIATION * median(abs(value - middle) for value in values) / math.sqrt(len(values))
    return middle if abs(middle) > CERTAIN * scatter else 0.0


def _beside(expected: Filter, region: Region) -> Way:
    x, y, _, _ = _middle(region.box)
    return Way(x - expected.at[0], y - expected.at[1])


def _box_iou(_: Region, expected: Box, now: Region) -> float:
    return iou(expected, now.box)


def _mask_iou(before: Region, expected: Box, now: Region) -> float:
    """Of the pixels as they were, carried to where they are expected, and as they are."""
    import numpy as np

    (x, y, width, height), (left, top, wide, high) = before.box, now.box
    x = round(expected[0] + (expected[2] - width) / 2)
    y = round(expected[1] + (expected[3] - height) / 2)
    first_x, last_x = max(x, left), min(x + width, left + wide)
    first_y, last_y = max(y, top), min(y + height, top + high)
    if last_x <= first_x or last_y <= first_y:
        return 0.0
    was, there = before.mask.dense, now.mask.dense
    dx, dy = before.box[0] - x, before.box[1] - y
    same = was[first_y + dy : last_y + dy, first_x + dx : last_x + dx] & there[first_y:last_y, first_x:last_x]
    both = int(np.count_nonzero(same))
    return both / (before.area_px + now.area_px - both)


def _alike(one: Box, other: Box) -> float:
    """Intersection over union of two heights at their places."""
    low, high = max(one[1], other[1]), min(one[1] + one[3], other[1] + other[3])
    return max(0.0, high - low) / (max(one[1] + one[3], other[1] + other[3]) - min(one[1], other[1]))


def _middle(box: Box) -> State:
    x, y, width, height = box
    return x + width / 2, y + height / 2, width, height
