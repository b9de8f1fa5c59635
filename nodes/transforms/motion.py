"""How regions move on a belt: all together. Pure arithmetic, no pixels.

General trackers compare where a part is with where it was; on a belt that moves half a part or more per frame they
lose nearly all. A belt is simpler than the world: everything on it moves by the same way, so one velocity explains
every region at once. It is given, read off an encoder, or learnt from the last frames; where it no longer fits (the
belt stopped, or was never seen before) the one that explains most is searched among all pairs.

Matching is the cheapest assignment within a gate, after Reid, *An algorithm for tracking multiple targets*, IEEE
TAC 24 (1979).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import median

from nodes.transforms.assignment import assign
from nodes.transforms.clusters import PIECE, resolve
from nodes.transforms.places import LEAST_GATE, REST, Box, Ends, Shelf, Size, Way, beyond, carried, gate, gone, stays
from nodes.transforms.scene import Found, Match, Past, Scene
from pipeline.records import Region

LEARNING = 5  # frames from which a first velocity is averaged; later ones weigh a fifth
STRICT = 0.3  # of the gate, beside its place against all others, or of a side's length: it is not itself
TYPICAL = 255  # whole regions that tell how long a part is

# What speaks against an explanation, in units of one standard deviation, squared.
FLICKER = 1.5  # px: standard deviation of a place
ABSENT = 16.0  # a region that should be in view and is not, or that should have been and was not
ANOTHER = 6.0  # a region that came or went at the edge: a part more than there need be
INERTIA = 4.0  # px/frame: a velocity that changes by this much, or doubles, is as unlikely as an absent region


class Belt:
    """One velocity for all: told, read off an encoder, or learnt from what is matched.

    Args:
        velocity: Where it is known, px per frame.
        patience: Most frames in a row in which a part may be seen in pieces.
    """

    def __init__(self, velocity: Way | None, patience: int) -> None:
        self.velocity = velocity
        self.trial = self._patience = patience
        self.travelled = self._heading = REST
        self._learnt = LEARNING if velocity else 0
        self._scenes: deque[Scene] = deque(maxlen=2 * LEARNING)
        self._lengths: deque[float] = deque(maxlen=TYPICAL)
        self._widths: deque[float] = deque(maxlen=TYPICAL)

    @property
    def settled(self) -> bool:
        """Whether the velocity is known well enough to say what must be in view."""
        return self._learnt == LEARNING

    def follow(self, scene: Scene, told: Way | None) -> Found:
        """Find out which region is which, and learn from it how the belt moves."""
        if told is not None:
            self.velocity, self._learnt = told.times(1 / scene.frames), LEARNING
        match, found = self._read(scene, trusted=told is not None)
        if told is None:
            self._learn(scene, match, found)
        whole = [each.box for j in found.pairs.values() if (each := scene.present[j]).whole]
        self._lengths += [box[2] for box in whole]
        self._widths += [box[3] for box in whole]
        self._move(self.pace(None).times(scene.frames), scene.size)
        return found

    def place(self, part: Past, size: Size) -> Box:
        """Where the belt has taken it; what has still to come into view comes as far as parts are usually long."""
        return carried(part.region.box, part.way, size, self._typical)

    def pace(self, part: Past | None) -> Way:  # noqa: ARG002 - one velocity for all
        """The belt's velocity."""
        return self.velocity or REST

    def coasts(self, part: Past) -> bool:  # noqa: ARG002 - whatever lies on the belt goes with it
        """Always."""
        return True

    def returns(self, part: Past) -> bool:
        """Where the belt has gone back with it: by less than the view is wide it does not change its direction."""
        return part.way.x * self._heading.x + part.way.y * self._heading.y < 0

    def came(self, region: Region, size: Size) -> bool:
        """Where the velocity is known, and it would have been out of view before; a corner of a part is not certain."""
        pace = self.pace(None)
        side, usual = (3, self._widths) if abs(pace.x) >= abs(pace.y) else (2, self._lengths)
        wide = region.box[side] >= PIECE * median(usual) if usual else region.whole
        return self.settled and wide and beyond(region.box, pace.times(-1), size) >= -LEAST_GATE

    def _move(self, way: Way, size: Size) -> None:
        """The belt has gone on: its direction is that of its way of late, over about the width of the view."""
        kept = math.exp(-math.hypot(*way) / max(size))
        self.travelled, self._heading = self.travelled.plus(way), self._heading.times(kept).plus(way)

    @property
    def _typical(self) -> float:
        return median(self._lengths) if self._lengths else math.inf

    def _read(self, scene: Scene, *, trusted: bool) -> tuple[Match, Found]:
        """What is seen at the known velocity, or at another one where that explains too little."""
        match, found = self._explained(scene, self.pace(None))
        if trusted or not (scene.past and scene.present):
            return match, found
        if not self.settled or _unexplained(scene, match, found) >= max(1, len(found.pairs) + len(found.held)):
            self._search(scene)
            return self._explained(scene, self.pace(None))
        return match, found

    def _explained(self, scene: Scene, velocity: Way) -> tuple[Match, Found]:
        """What is matched at a velocity, and what becomes of it with merges and splits."""
        step = velocity.times(scene.frames)
        match, typical = explain(scene, step, strict=self.settled), self._typical
        if not (match.lost or match.new):
            return match, Found(match.found)
        places = [carried(past.region.box, past.way.plus(step), scene.size, typical) for past in scene.past]
        return match, resolve(scene, match, places, patience=self._patience, typical=typical)

    def _search(self, scene: Scene) -> None:
        """Take the velocity with the least against it; one that hardly differs from the known one is the known one."""
        settled = self.settled
        if not settled:
            self._scenes.append(scene)
        way = self._likeliest([scene] if settled else [*self._scenes][::-1], scene.velocities)
        if self.velocity is None or math.dist(way, self.velocity) > INERTIA:
            self.velocity, self._learnt = way, min(self._learnt, 1)
            if settled:
                self._scenes = deque([scene], self._scenes.maxlen)

    def _likeliest(self, scenes: Sequence[Scene], velocities: Sequence[Way]) -> Way:
        """The velocity with the least against it in all scenes together; one that has more against it is given up."""
        likeliest = known = self.pace(None)
        least = sum(self._cost(scene, known) for scene in scenes)
        for way in velocities:
            against = self._change(way)
            for scene in scenes:
                against += self._cost(scene, way)
                if against >= least:
                    break
            else:
                likeliest, least = way, against
        return likeliest

    def _change(self, way: Way) -> float:
        """What speaks against a belt that is known having another velocity."""
        known = self.pace(None)
        return ABSENT * math.dist(way, known) / (math.hypot(*known) + INERTIA) if self.settled else 0.0

    def _cost(self, scene: Scene, way: Way) -> float:
        """What speaks against a velocity; what flowed together or fell apart is less strange than what is absent."""
        match, found = self._explained(scene, way)
        return match.against + (ABSENT - ANOTHER) * _unexplained(scene, match, found)

    def _learn(self, scene: Scene, match: Match, found: Found) -> None:
        """Take in what every part says of the velocity: slowly while it is nearly the known one, else at once.

        Who flowed together, fell apart or parted says nothing, as long as others do.
        """
        alone = match.found.items() & found.pairs.items()
        parted = {*found.parted.values()}
        pairs = [(scene.past[i], scene.present[j]) for i, j in alone if i not in parted]
        seen = [way for before, now in pairs if (way := scene.velocity(before, now))]
        old = self.pace(None)
        seen = seen or [old.plus(way.times(1 / scene.frames)) for way in found.held.values()]
        if not seen:
            return
        self._learnt = min(self._learnt + 1, LEARNING)
        now = Way(median(w.x for w in seen), median(w.y for w in seen))
        share = 1 if math.dist(now, old) > 2 * FLICKER else 1 / self._learnt
        self.velocity = old.plus(now.less(old).times(share))


def _unexplained(scene: Scene, match: Match, found: Found) -> int:
    """How much is newly absent that is neither in one region with others nor in pieces."""
    known = {*found.pairs, *found.held, *found.rejoined}
    taken = {*found.pairs.values(), *found.spent}
    lost = sum(i not in known and not scene.past[i].unseen for i in match.lost)
    return lost + sum(j not in taken for j in match.new)


def explain(scene: Scene, step: Way, *, strict: bool) -> Match:
    """Match what was there with what is there, if the belt moved so far since the last frame: the cheapest way.

    Args:
        strict: Leave out who was whole and is of another size, or much farther from its place than the others are: that
            is somebody else, or not alone, or not all of it.
    """
    past, present, size = scene.past, scene.present, scene.size
    near = _near(scene, step)
    costs = {(i, j): cost for cost, i, j in near}
    found = assign(near, max(costs.values(), default=0.0) + 1)
    if strict and found:
        usual = FLICKER * math.sqrt(median(costs[pair] for pair in found.items()))
        found = {i: j for i, j in found.items() if _itself(past[i].region, present[j], costs[i, j], usual)}
    back = step.times(-1)
    left = [i for i in range(len(past)) if i not in found]
    came = {*range(len(present))} - {*found.values()}
    lost = [i for i in left if stays(past[i].region.box, past[i].way.plus(step), size)]
    new = [j for j in sorted(came) if stays(present[j].box, back, size)]
    against = sum(min(costs[pair], 2 * ABSENT) for pair in found.items())  # no pair is worse than neither of the two
    return Match(found, lost, new, against + ANOTHER * (len(left) + len(came)))


def _itself(before: Region, now: Region, cost: float, usual: float) -> bool:
    """Whether a match is good enough, where the others are so many px from their places; of a whole part alone."""
    if not before.whole:
        return True
    if FLICKER * math.sqrt(cost) > usual + STRICT * gate(before.box):
        return False
    sides = zip(before.box[2:], now.box[2:], strict=True)
    return not now.whole or all(abs(new - old) <= max(2 * LEAST_GATE, STRICT * old) for old, new in sides)


def _near(scene: Scene, step: Way) -> list[tuple[float, int, int]]:
    """Every pair that may be the same: (how unlikely, index before, index now)."""
    boxes = [region.box for region in scene.present]
    shelf = Shelf(boxes)
    pairs = []
    for i, part in enumerate(scene.past):
        box, way = part.region.box, part.way.plus(step)
        if gone(box, way, scene.size):
            continue
        reach, expected = gate(box), Ends.after(box, way, scene.size)
        for j in shelf.near((box[0] + way.x, box[1] + way.y, box[2], box[3])):
            miss = expected.off(boxes[j])
            if miss <= reach:
                pairs.append(((miss / FLICKER) ** 2, i, j))
    return pairs
