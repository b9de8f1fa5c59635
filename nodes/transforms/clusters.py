"""Parts that flow together in a mask, and parts that fall apart in it: told by where they must be and how large."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from nodes.transforms.places import LEAST_GATE, REST, Box, Shelf, Way, around, ends, gate, iou, shared
from nodes.transforms.scene import Found, Match, Scene

WITHIN = 0.6  # of a box, that lies in another one: it is part of that
BETTER = 0.1  # of the intersection over union, by which several explain a box better than one
LONGER = 1.2  # times its best view: a part is not as long as this
PIECE = 0.5  # of the usual length: as long as this, a piece may be a part
SEVERAL = 1.5  # times the usual length: as long as this, a part may be several


def resolve(scene: Scene, match: Match, places: Sequence[Box], *, patience: int, typical: float) -> Found:
    """What a matching leaves over: parts that are in one region with others, and regions that are one part.

    Args:
        match: What is matched.
        places: Where every past region should be in view.
        patience: Most frames in a row in which a part may be in pieces.
        typical: How long parts usually are, px.
    """
    return _Clusters(scene, match, places, patience=patience, typical=typical).found()


class _Clusters:
    def __init__(self, scene: Scene, match: Match, places: Sequence[Box], *, patience: int, typical: float) -> None:
        self._scene, self._places = scene, places
        self._patience, self._typical = patience, typical
        self._pairs = dict(match.found)
        self._held: dict[int, Way] = {}
        self._spent: set[int] = set()
        self._broken: set[int] = set()
        self._parted: dict[int, int] = {}
        self._rejoined: set[int] = set()
        self._boxes = [region.box for region in scene.present]
        self._lost = match.lost

    def found(self) -> Found:
        """All of it: merges first, since what has flowed together may fall apart at its edges."""
        self._merges()
        self._splits()
        return Found(
            self._pairs,
            self._held,
            frozenset(self._broken),
            frozenset(self._spent),
            self._parted,
            frozenset(self._rejoined),
        )

    def _merges(self) -> None:
        """Regions that cover several parts, of which at most one was matched."""
        shelf, owners = Shelf(self._boxes), {j: i for i, j in self._pairs.items()}
        covered: dict[int, list[int]] = {}
        for i in self._lost:
            for j in shelf.near(self._places[i]):
                if _within(self._places[i], self._boxes[j]):
                    covered.setdefault(j, []).append(i)
        for j, parts in covered.items():
            if (owner := owners.get(j)) is not None:
                if not self._together(owner, parts, j):
                    continue
                parts.append(owner)
            if not self._grown(parts, j) and not self._rejoins(parts, j):
                self._hold(parts, j)

    def _together(self, owner: int, parts: list[int], j: int) -> bool:
        """Whether a region fits a part better with others beside it than alone."""
        every = around([self._places[i] for i in (owner, *parts)])
        return _better(every, self._places[owner], self._boxes[j])

    def _grown(self, parts: list[int], j: int) -> bool:
        """A part alone in a larger region: that is itself, unless it is known to be smaller than that."""
        i = parts[0]
        past = self._scene.past[i]
        smaller = past.sure and self._boxes[j][2] > past.best[2] * LONGER
        if len(parts) > 1 or (smaller and self._may_wait(i)):
            self._broken.update(parts if len(parts) == 1 else ())
            return False
        self._pairs[i] = j
        return True

    def _rejoins(self, parts: list[int], j: int) -> bool:
        """Pieces of one part that are in one again, and no longer than one: the eldest is that part."""
        past = self._scene.past
        first = min(parts, key=lambda i: past[i].key)
        rest = [i for i in parts if i != first]
        if any(past[i].of != past[first].key for i in rest) or self._boxes[j][2] > SEVERAL * self._typical:
            return False
        self._pairs = {i: k for i, k in self._pairs.items() if i not in parts} | {first: j}
        self._rejoined.update(rest)
        return True

    def _hold(self, parts: list[int], j: int) -> None:
        """Parts in one region are where their motion takes them, moved on by what the region's ends say."""
        rest = self._rest(around([self._places[i] for i in parts]), self._boxes[j])
        for i in parts:
            self._pairs.pop(i, None)
            self._held[i] = rest
        self._spent.add(j)

    def _splits(self) -> None:
        """Parts that are seen in pieces."""
        taken = {*self._pairs.values(), *self._spent}
        shelf = Shelf(self._places)
        pieces: dict[int, list[int]] = {}
        for j, box in enumerate(self._boxes):
            if j not in taken:
                for i in shelf.near(box):
                    if i not in self._held and _within(box, self._places[i]):
                        pieces.setdefault(i, []).append(j)
        for i, some in pieces.items():
            self._gather(i, [j for j in some if j not in self._spent])

    def _gather(self, i: int, pieces: list[int]) -> None:
        """One part of several pieces, or several parts that were taken for one."""
        place, first = self._places[i], self._pairs.get(i)
        every = pieces if first is None else [first, *pieces]
        around_all = around([self._boxes[j] for j in every]) if pieces else place
        if not pieces or (first is not None and not _better(around_all, self._boxes[first], place)):
            return
        if self._may_wait(i) and not self._several(place, every):
            self._pairs.pop(i, None)
            self._held[i] = self._rest(place, around_all)
            self._broken.add(i)
            self._spent.update(every)
        else:
            self._pairs[i] = max(every, key=lambda j: self._scene.present[j].area_px)
            self._parted.update((j, i) for j in every if j != self._pairs[i])

    def _several(self, place: Box, pieces: list[int]) -> bool:
        """Whether what was taken for one part is as long as several, and each piece as long as one."""
        lengths = [self._boxes[j][2] for j in pieces]
        return len(pieces) > 1 and place[2] > SEVERAL * self._typical and min(lengths) > PIECE * self._typical

    def _may_wait(self, i: int) -> bool:
        return self._scene.past[i].broken < self._patience

    def _rest(self, place: Box, box: Box) -> Way:
        """How far a box is from its place: what its ends say that are near enough to say something."""
        near = [end for end in ends(place, box, REST, self._scene.size) if abs(end) <= max(LEAST_GATE, gate(place) / 2)]
        return Way(fmean(near), 0.0) if near else REST


def _better(every: Box, one: Box, other: Box) -> bool:
    """Whether several fit another box better than one of them."""
    return iou(every, other) > iou(one, other) + BETTER


def _within(box: Box, other: Box) -> bool:
    """Whether most of a box lies in another one."""
    return shared(box, other) >= WITHIN * box[2] * box[3] > 0
