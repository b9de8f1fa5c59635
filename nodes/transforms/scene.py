"""What a tracker looks at, and what it says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple, Protocol

from nodes.transforms.places import Box, Size, Way, moved
from pipeline.records import Region

FEW = 8  # regions whose every velocity is tried
MANY = 20  # past regions that vote for one
BIN = 3.0  # px/frame: velocities that vote together
TRIED = 8  # velocities with most votes


class Past(NamedTuple):
    """A part as it was last seen by itself.

    Attributes:
        key: Which part: a number that no other one of the session has.
        region: How it looked.
        way: How far it has moved since then, up to the last frame.
        unseen: Frames in a row in which it was not seen.
        broken: Frames in a row in which it was seen in pieces.
        sure: Whether it was seen whole so often that its size is known.
        best: The box of its best view, px.
        of: The part that it was thought to be a piece of.
    """

    key: int
    region: Region
    way: Way
    unseen: int = 0
    broken: int = 0
    sure: bool = False
    best: Box = (0, 0, 0, 0)
    of: int | None = None


class Scene(NamedTuple):
    """What was there and what is there, in a view of a size (height, width), px, so many frames after the last."""

    past: Sequence[Past]
    present: Sequence[Region]
    size: Size
    frames: int = 1

    @property
    def velocities(self) -> list[Way]:
        """Velocities that would make present regions of past ones: all, or where there are many those of most."""
        past = self.past[:: len(self.past) // MANY + 1]
        ways = [way for before in past for now in self.present if (way := self.velocity(before, now))]
        return sorted(set(ways)) if len(ways) <= FEW**2 else _commonest(ways)

    def velocity(self, before: Past, now: Region) -> Way | None:
        """The velocity since the last frame, if these two are the same; None where no edge tells."""
        way = moved(before.region.box, now.box, self.size)
        return way and way.less(before.way).times(1 / self.frames)


class Found(NamedTuple):
    """Which region is which.

    Attributes:
        pairs: Index of a past region → index of the present one.
        held: Past regions that are in view but not by themselves: they flowed together with others, or fell apart.
            Each with how far it is from where its motion would have taken it.
        broken: Those of them that are in pieces.
        spent: Present regions that are no parts of their own: what others flowed together to, or fell apart into.
        parted: Present region → the past one that it is thought to be a piece of, or to have been in one region with:
            all that was seen of that until now was of both.
        rejoined: Past regions that were pieces of others after all, and are in one with them again.
    """

    pairs: Mapping[int, int]
    held: Mapping[int, Way] = {}
    broken: frozenset[int] = frozenset()
    spent: frozenset[int] = frozenset()
    parted: Mapping[int, int] = {}
    rejoined: frozenset[int] = frozenset()


class Motion(Protocol):
    """What says which region is which, and where a part is meanwhile."""

    @property
    def travelled(self) -> Way:
        """How far everything has moved since the beginning; nothing, where each part moves for itself."""

    @property
    def trial(self) -> int:
        """Most frames in a row in which what is no part for certain may be overlooked."""

    def follow(self, scene: Scene, told: Way | None) -> Found:
        """Find out which region is which, and learn from it how they move.

        Args:
            told: How far everything has moved since the last frame, where that is known.
        """

    def place(self, part: Past, size: Size) -> Box:
        """Where a part is now, as far as it is in view, px: of no width or no height once it has left."""

    def pace(self, part: Past | None) -> Way:
        """How far a part moves per frame; of None, any part."""

    def coasts(self, part: Past) -> bool:
        """Whether a part that is overlooked must be where its motion has taken it."""

    def returns(self, part: Past) -> bool:
        """Whether a part that has left the view did so at the side that it came from: it will come again."""

    def came(self, region: Region, size: Size) -> bool:
        """Whether it is certain that a region which nobody knows has come into view since the last frame."""


class Match(NamedTuple):
    """One way to explain what is seen.

    Attributes:
        found: Index of the past region → index of the present one.
        lost: Past regions that should be in view and are not.
        new: Present regions that should have been in view and were not.
        against: What speaks against it; 0 is perfect.
    """

    found: dict[int, int]
    lost: list[int]
    new: list[int]
    against: float


def _commonest(ways: Sequence[Way]) -> list[Way]:
    """The middles of the bins that got most votes, each with its neighbours' (Hough, US patent 3,069,654)."""
    bins: dict[tuple[int, int], list[Way]] = {}
    for way in ways:
        bins.setdefault((round(way.x / BIN), round(way.y / BIN)), []).append(way)
    votes = {place: sum(len(bins.get(each, ())) for each in _beside(place)) for place in bins}
    found: list[Way] = []
    taken: set[tuple[int, int]] = set()
    for place in sorted(votes, key=lambda place: (-votes[place], place)):
        if place not in taken and len(found) < TRIED:
            voters = [way for each in _beside(place) for way in bins.get(each, ())]
            found.append(Way(fmean(way.x for way in voters), fmean(way.y for way in voters)))
            taken.update(_beside(place))
    return found


def _beside(place: tuple[int, int]) -> list[tuple[int, int]]:
    """A bin and those around it."""
    return [(place[0] + x, place[1] + y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
