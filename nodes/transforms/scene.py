"""What a tracker looks at, and what it says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from nodes.transforms.places import Box, Size, Way, moved
from pipeline.records import Region

FEW = 8  # regions that tell a velocity


class Past(NamedTuple):
    """A part as it was last seen by itself.

    Attributes:
        key: Which part: a number that no other one of the session has.
        region: How it looked.
        way: How far it has moved since then, up to the last frame.
        held: Frames in a row in which it was seen, but not by itself.
    """

    key: int
    region: Region
    way: Way
    held: int = 0


class Scene(NamedTuple):
    """What was there and what is there, in a view of a size (height, width), px, so many frames after the last."""

    past: Sequence[Past]
    present: Sequence[Region]
    size: Size
    frames: int = 1

    @property
    def bare(self) -> Scene:
        """The scene with the largest regions alone: enough to tell a velocity, however many specks there are."""
        past = sorted(self.past, key=lambda each: -each.region.area_px)
        present = sorted(self.present, key=lambda each: -each.area_px)
        return self._replace(past=past[:FEW], present=present[:FEW])

    @property
    def velocities(self) -> set[Way]:
        """Every velocity that would make one present region of one past region."""
        return {way for before in self.past for now in self.present if (way := self.velocity(before, now))}

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
        spent: Present regions that are no parts of their own: what others flowed together to, or fell apart into.
        parted: Past regions that turned out to be several parts: what was seen of them until now was of all of those.
    """

    pairs: Mapping[int, int]
    held: Mapping[int, Way] = {}
    spent: frozenset[int] = frozenset()
    parted: frozenset[int] = frozenset()


class Motion(Protocol):
    """What says which region is which, and where a part is meanwhile."""

    @property
    def travelled(self) -> Way:
        """How far everything has moved since the beginning; nothing, where each part moves for itself."""

    def follow(self, scene: Scene, told: Way | None) -> Found:
        """Find out which region is which, and learn from it how they move.

        Args:
            told: How far everything has moved since the last frame, where that is known.
        """

    def place(self, part: Past, size: Size) -> Box:
        """Where a part is now, as far as it is in view, px: of no width or no height once it has left."""

    def pace(self, part: Past | None) -> Way:
        """How far a part moves per frame; of None, any part."""

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
