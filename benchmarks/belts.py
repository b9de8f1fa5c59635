"""Belts that are made up: what lies on them, and what a detector says of it, frame by frame.

Everything is in px of a view of 640 × 480; x is the way of the belt. Parts lie in lanes; their length is drawn from
30 to 70 px, so one length is about 50. Edges of boxes are rough by a standard deviation of 1 px, one part in a hundred
is overlooked, one frame in fifty shows a speck that is no part. Seeded: the same name and seed are the same belt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random
from typing import NamedTuple

Box = tuple[float, float, float, float]

SIZE = (480, 640)
LENGTH = 50.0
LANES = (60.0, 180.0, 300.0, 420.0)
ROUGH, LEAST = 1.0, 6.0
MISSED, SPECKS = 0.01, 0.02


class Lying(NamedTuple):
    """A part on the belt: `behind` is how far its front is behind the belt's origin; `width` is across the belt."""

    id: int
    lane: int
    behind: float
    length: float
    width: float


class Shown(NamedTuple):
    """One frame: true boxes (id, x, y, width, height), detected boxes, and how far the belt has moved in all, px."""

    true: list[tuple[int, Box]]
    found: list[Box]
    travelled: float


class Scene(NamedTuple):
    """A kind of belt.

    Attributes:
        speed: px per frame, by frame and seed.
        frames: How many are shown.
        missed: Share of the parts that are overlooked in a frame, each for itself.
        touching: Whether parts that lie close flow together at times, and single ones fall apart.
        limit: IDF1 to be reached.
        steady: Whether the speed is the same in every frame.
    """

    speed: Callable[[int, int], float]
    frames: int
    missed: float = MISSED
    touching: bool = False
    limit: float = 0.97
    steady: bool = True


def _constant(low: float, high: float) -> Callable[[int, int], float]:
    """A speed that each seed draws for itself, in lengths per frame."""
    return lambda _, seed: LENGTH * Random(seed).uniform(low, high)


def _stops(frame: int, seed: int) -> float:
    """Runs for 40 frames, brakes in four, rests for 12, is off in four; how fast is each seed's own."""
    full = LENGTH * Random(seed).uniform(0.15, 0.45)
    turn = frame % 60
    return full * min(max(0.0, (44 - turn) / 4), 1.0) if turn < 56 else full * (turn - 55) / 5


SCENES = {
    "slow": Scene(_constant(0.05, 0.15), 400),
    "fast": Scene(_constant(0.5, 1.0), 250, limit=0.96),
    "very fast": Scene(_constant(1.1, 1.7), 250, limit=0.93),
    "stop-and-go": Scene(_stops, 400, steady=False),
    "10 % missed": Scene(_constant(0.1, 0.4), 300, missed=0.1, limit=0.95),
    "merges and splits": Scene(_constant(0.1, 0.4), 300, touching=True, limit=0.90),
}


def show(scene: Scene, seed: int) -> list[Shown]:
    """Every frame of a belt."""
    random = Random(seed + 1000)
    steps = [scene.speed(frame, seed) for frame in range(scene.frames)]
    parts = _laid(random, sum(steps) + SIZE[1], touching=scene.touching)
    spells = _Spells(random) if scene.touching else None
    return [*_frames(scene, steps, parts, random, spells)]


def _frames(
    scene: Scene, steps: list[float], parts: list[Lying], random: Random, spells: _Spells | None
) -> Iterator[Shown]:
    travelled = SIZE[1] / 2  # half the view is full at the beginning, as of a line that is already running
    for step in steps:
        true = [(part, box) for part in parts if (box := _clipped(part, travelled))]
        seen = spells.of(true) if spells else [box for _, box in true]
        found = [_rough(box, random) for box in seen if random.random() >= scene.missed]
        if random.random() < SPECKS:
            found.append((random.uniform(0, SIZE[1] - 12), random.uniform(0, SIZE[0] - 12), 9.0, 9.0))
        random.shuffle(found)
        yield Shown([(part.id, box) for part, box in true], found, travelled)
        travelled += step


def _laid(random: Random, length: float, *, touching: bool) -> list[Lying]:
    """Parts in every lane over so much belt; where they may touch, every second gap is a narrow one."""
    parts: list[Lying] = []
    for lane in range(len(LANES)):
        behind = random.uniform(0, LENGTH)
        while behind < length:
            long, wide = random.uniform(30, 70), random.uniform(40, 80)
            parts.append(Lying(len(parts), lane, behind, long, wide))
            close = touching and random.random() < 0.5
            behind += long + (random.uniform(3, 8) if close else LENGTH * random.uniform(0.4, 3))
    return parts


def _clipped(part: Lying, travelled: float) -> Box | None:
    """What of a part is in view; nothing, where that is less than `LEAST`."""
    front = travelled - part.behind
    left, right = max(0.0, front - part.length), min(float(SIZE[1]), front)
    if right - left < LEAST:
        return None
    return left, LANES[part.lane] - part.width / 2, right - left, part.width


def _rough(box: Box, random: Random) -> Box:
    """The box as a detector says it: edges off by a px or so, but not beyond the view."""
    x, y, width, height = box
    left, right = (edge if edge in (0.0, SIZE[1]) else edge + random.gauss(0, ROUGH) for edge in (x, x + width))
    top, low = y + random.gauss(0, ROUGH), y + height + random.gauss(0, ROUGH)
    left, right = max(0.0, left), min(float(SIZE[1]), right)
    return left, top, max(1.0, right - left), low - top


class _Spells:
    """Which parts flow together, and which fall apart, for some frames at a time."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._merged: dict[int, int] = {}
        self._split: dict[int, tuple[int, float]] = {}

    def of(self, true: list[tuple[Lying, Box]]) -> list[Box]:
        """The boxes of what is seen: of several parts in one, or of one in two."""
        boxes: list[Box] = []
        flowing: list[tuple[Lying, Box]] = []
        for lane in range(len(LANES)):
            row = sorted((each for each in true if each[0].lane == lane), key=lambda each: each[0].behind)
            flowing = row[:1]
            for one, other in pairwise(row):
                if self._flows(one, other):
                    flowing.append(other)
                    continue
                boxes += self._told(flowing)
                flowing = [other]
            boxes += self._told(flowing)
        return boxes

    def _flows(self, one: tuple[Lying, Box], other: tuple[Lying, Box]) -> bool:
        """Whether two neighbours flow together in this frame: a spell of one to eight frames, every now and then."""
        if one[0].behind + one[0].length + 10 < other[0].behind:
            return False
        left = self._merged.get(one[0].id, 0) or (self._random.randint(1, 8) if self._random.random() < 0.12 else 0)
        self._merged[one[0].id] = max(0, left - 1)
        return left > 0

    def _told(self, flowing: list[tuple[Lying, Box]]) -> list[Box]:
        if len(flowing) == 1:
            return self._pieces(*flowing[0])
        if not flowing:
            return []
        boxes = [box for _, box in flowing]
        left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
        right, low = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
        return [(left, top, right - left, low - top)]

    def _pieces(self, part: Lying, box: Box) -> list[Box]:
        """The part, or the two that it falls into for one to five frames."""
        left, cut = self._split.pop(part.id, (0, 0.5))
        if not left and self._random.random() < 0.03 and box[2] >= 0.9 * part.length:
            left, cut = self._random.randint(1, 5), self._random.uniform(0.35, 0.65)
        if not left or box[2] < part.length / 2:
            return [box]
        self._split[part.id] = (left - 1, cut) if left > 1 else (0, cut)
        x, y, width, height = box
        first = math.floor(width * cut) - 2.0
        return [(x, y, first, height), (x + first + 4.0, y, width - first - 4.0, height)]
