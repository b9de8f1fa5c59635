"""How regions move on a belt: all together. Pure arithmetic, no pixels.

General trackers compare where a part is with where it was; on a belt that moves half a part or more per frame they
lose nearly all. A belt is simpler than the world: everything on it moves by the same way, so one velocity explains
every region at once. It is given, or learnt from the last frames; where it no longer fits (the belt stopped, or was
never seen before) the one that explains most is searched among all pairs.

Places are compared at edges, not at centroids: of a part that is still entering the view only the leading edge moves
with the belt. Matching is nearest first within a gate, after Reid, *An algorithm for tracking multiple targets*, IEEE
TAC 24 (1979).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from pipeline.records import Region

Size = tuple[int, int]

GATE = 0.5  # of a part's longer side: parts that do not touch are farther apart
LEAST_GATE = 4.0  # px: tiny regions flicker by as much as they measure
FEW = 8  # regions that tell a velocity
LEARNING = 5  # frames from which a first velocity is averaged; later ones weigh a fifth

# What speaks against an explanation, in units of one standard deviation, squared.
FLICKER = 1.5  # px: standard deviation of a place
ABSENT = 25.0  # a region that should be in view and is not, or that should have been and was not
ANOTHER = 4.0  # a region that came or went at the edge: a part more than there need be
INERTIA = 4.0  # px/frame: a velocity that changes by this much, or doubles, is as unlikely as an absent region


class Way(NamedTuple):
    """A distance in px, or a velocity in px per frame."""

    x: float
    y: float

    def times(self, frames: float) -> Way:
        """The distance after so many frames."""
        return Way(self.x * frames, self.y * frames)


REST = Way(0.0, 0.0)


class Past(NamedTuple):
    """A region as it was last seen, so many frames ago."""

    region: Region
    frames: int


class Match(NamedTuple):
    """One way to explain what is seen.

    Attributes:
        found: Index of the past region → index of the present one.
        absent: Past regions that should be in view and are not, present ones that should have been and were not.
        against: What speaks against it; 0 is perfect.
    """

    found: dict[int, int]
    absent: int
    against: float


class Scene(NamedTuple):
    """What was there and what is there, in a view of a size (height, width), px."""

    past: Sequence[Past]
    present: Sequence[Region]
    size: Size

    @property
    def bare(self) -> Scene:
        """The scene with the largest regions alone: enough to tell a velocity, however many specks there are."""
        past = sorted(self.past, key=lambda each: -each.region.area_px)
        return Scene(past[:FEW], sorted(self.present, key=lambda each: -each.area_px)[:FEW], self.size)

    @property
    def velocities(self) -> set[Way]:
        """Every velocity that would make one present region of one past region."""
        return {way for before in self.past for now in self.present if (way := self.velocity(before, now))}

    def velocity(self, before: Past, now: Region) -> Way | None:
        """The velocity, if these two are the same; None where no edge tells."""
        way = moved(before.region, now, self.size)
        return way and way.times(1 / before.frames)


class Motion:
    """The belt's velocity: told, or learnt from what is matched.

    Args:
        velocity: Where it is known.
    """

    def __init__(self, velocity: Way | None = None) -> None:
        self.velocity = velocity
        self._learnt = LEARNING if velocity else 0
        self._scenes: deque[Scene] = deque(maxlen=2 * LEARNING)

    def follow(self, scene: Scene) -> dict[int, int]:
        """Find out which region is which, and learn from it how the belt moves.

        Returns:
            Index of a past region → index of the present one.
        """
        match = explain(scene, self.velocity or REST)
        if scene.past and scene.present and (match.absent or self._learnt < LEARNING):
            self._search(scene.bare)
            match = explain(scene, self.velocity or REST)
        self._learn([way for i, j in match.found.items() if (way := scene.velocity(scene.past[i], scene.present[j]))])
        return match.found

    def _search(self, scene: Scene) -> None:
        """Take the velocity with the least against it; one that hardly differs from the known one is the known one."""
        settled = self._learnt == LEARNING
        if not settled:
            self._scenes.append(scene)
        against = self._against if settled else self._against_all
        way = min(sorted(scene.velocities | {self.velocity or REST}), key=lambda way: against(scene, way))
        if self.velocity is None or math.dist(way, self.velocity) > INERTIA:
            self.velocity, self._learnt = way, min(self._learnt, 1)
            if settled:
                self._scenes = deque([scene], self._scenes.maxlen)

    def _against_all(self, _: Scene, way: Way) -> float:
        """What speaks against the velocity of a belt that is not known yet: its first frames together."""
        return sum(explain(scene, way).against for scene in self._scenes)

    def _against(self, scene: Scene, way: Way) -> float:
        """What speaks against another velocity of a known belt: also that it would be another one."""
        known = self.velocity or REST
        return explain(scene, way).against + ABSENT * math.dist(way, known) / (math.hypot(*known) + INERTIA)

    def _learn(self, seen: Sequence[Way]) -> None:
        if not seen:
            return
        self._learnt = min(self._learnt + 1, LEARNING)
        now, old = Way(median(w.x for w in seen), median(w.y for w in seen)), self.velocity or REST
        self.velocity = Way(old.x + (now.x - old.x) / self._learnt, old.y + (now.y - old.y) / self._learnt)


def explain(scene: Scene, velocity: Way) -> Match:
    """Match what was there with what is there, if the belt moves at this velocity: nearest first."""
    past, present, size = scene
    found: dict[int, int] = {}
    against = 0.0
    for miss, i, j in _near(scene, velocity):
        if i not in found and j not in found.values():
            found[i] = j
            against += (miss / FLICKER) ** 2
    lost = [_stays(p.region, velocity.times(p.frames), size) for i, p in enumerate(past) if i not in found]
    new = [_stays(now, velocity.times(-1), size) for j, now in enumerate(present) if j not in found.values()]
    absent = sum(lost) + sum(new)
    return Match(found, absent, against + ABSENT * absent + ANOTHER * (len(lost) + len(new) - absent))


def _near(scene: Scene, velocity: Way) -> list[tuple[float, int, int]]:
    """Every pair that may be the same: (px from the predicted place, index before, index now), nearest first."""
    return sorted(
        (miss, i, j)
        for i, (region, frames) in enumerate(scene.past)
        for j, now in enumerate(scene.present)
        if (miss := off(region, now, velocity.times(frames), scene.size)) <= gate(region)
    )


def gate(region: Region) -> float:
    """How far from its predicted place a region may be found, px."""
    return max(LEAST_GATE, GATE * max(region.box[2:]))


def gone(region: Region, way: Way, size: Size) -> bool:
    """Whether a way takes a region out of the view."""
    x, y, width, height = region.box
    return x + way.x >= size[1] or y + way.y >= size[0] or x + width + way.x <= 0 or y + height + way.y <= 0


def moved(before: Region, after: Region, size: Size) -> Way | None:
    """How far a region moved, if these two are the same; None where the view cuts off every edge that would tell."""
    x = _along(_span(before, 0), _span(after, 0), size[1])
    y = _along(_span(before, 1), _span(after, 1), size[0])
    return None if x is None else Way(x, y or 0.0)


def off(before: Region, after: Region, way: Way, size: Size) -> float:
    """How far a region is from where another one would be after a way, px; infinite where that is out of view."""
    if gone(before, way, size):
        return math.inf
    x = _miss(_span(before, 0), _span(after, 0), way.x, size[1])
    return math.hypot(x, _miss(_span(before, 1), _span(after, 1), way.y, size[0]))


def _stays(region: Region, way: Way, size: Size) -> bool:
    """Whether a way leaves so much of a region in view that it can't be overlooked."""
    x, y, width, height = region.box
    in_x = min(x + way.x + width, size[1]) - max(x + way.x, 0)
    in_y = min(y + way.y + height, size[0]) - max(y + way.y, 0)
    return in_x > LEAST_GATE and in_y > LEAST_GATE


def _span(region: Region, axis: int) -> tuple[int, int]:
    """First and last (exclusive) row or column."""
    return region.box[axis], region.box[axis] + region.box[axis + 2]


def _along(before: tuple[int, int], after: tuple[int, int], edge: int) -> float | None:
    """Mean way of the ends that are in view both times."""
    low = [after[0] - before[0]] if before[0] > 0 < after[0] else []
    high = [after[1] - before[1]] if before[1] < edge > after[1] else []
    ways = low + high
    return sum(ways) / len(ways) if ways else None


def _miss(before: tuple[int, int], after: tuple[int, int], way: float, edge: int) -> float:
    """Mean distance of the ends that were in view from where they should be; an end out of view is at the edge."""
    low = [abs(after[0] - max(before[0] + way, 0))] if before[0] > 0 else []
    high = [abs(after[1] - min(before[1] + way, edge))] if before[1] < edge else []
    misses = low + high
    return sum(misses) / len(misses) if misses else 0.0
