"""Which region is which part, from its first sight to its last: pure arithmetic, no pixels."""

from __future__ import annotations

from bisect import bisect_left

from msgspec import Struct
from msgspec.structs import replace

from nodes.transforms.motion import REST, Motion, Past, Scene, Size, Way, gone
from pipeline.records import Part, Region, Regions, Track, Tracks


class Sight(Struct, frozen=True, kw_only=True):
    """A part that is being followed.

    Attributes:
        region: How it looked when it was last seen.
        seq: When that was.
        t_ns: When that was, UTC nanoseconds.
        first_seq: When it was first seen.
        best: Its best view so far.
        best_seq: When that was.
        seen: Frames in which it was seen at all.
        views: Frames in which it was seen whole.
        unseen: Frames since then that were looked at without finding it.
        dark: Frames since then that nobody could look at.
        hidden: Frames before then that nobody could look at, and in which it was or may have been in view.
        id: Its id, once it is confirmed.
    """

    region: Region
    seq: int
    t_ns: int
    first_seq: int
    best: Region
    best_seq: int
    seen: int = 1
    views: int = 0
    unseen: int = 0
    dark: int = 0
    hidden: int = 0
    id: int | None = None


class Tracker:
    """Follows the parts of one session, or what is left of one: frames before the first that it sees were hidden.

    Whatever hides a frame hides the parts that were in view then, also those that came or left in the dark.

    Args:
        confirm: Sights that make a part.
        max_gap: Most frames in a row that may be looked at without finding it.
        velocity: How far the belt moves in a frame, where that is known.
    """

    def __init__(self, confirm: int, max_gap: int, velocity: Way | None) -> None:
        self._confirm, self._max_gap = confirm, max_gap
        self._motion = Motion(velocity)
        self._sights: list[Sight] = []
        self._ids = 0
        self._last: Regions | None = None
        self._missing = -1

    def look(self, frame: Regions) -> tuple[list[Part], Tracks]:
        """Take in what one frame shows.

        Returns:
            The parts that have left since the last frame, and what is where now.

        Raises:
            ValueError: If the frame is not newer than the last one.
        """
        dark = self._dark(frame)
        past = [Past(sight.region, frame.seq - sight.seq) for sight in self._sights]
        found = self._motion.follow(Scene(past, frame.regions, frame.size))
        now = [self._next(sight, found.get(i), dark, frame) for i, sight in enumerate(self._sights)]
        new = [self._first(region, dark, frame) for j, region in enumerate(frame.regions) if j not in found.values()]
        left = [sight for sight in now if self._has_left(sight, frame)]
        self._sights = [self._named(sight) for sight in [*now, *new] if sight not in left]
        self._last = frame
        return _parts([self._told(sight, sight.dark, frame.size) for sight in left], frame), self._tracks(frame)

    def miss(self, last: int) -> None:
        """Nobody will ever see the frames up to this one."""
        self._missing = max(self._missing, last)

    def close(self) -> list[Part]:
        """Tell the parts that are still in view: nothing more will be seen of them."""
        if (frame := self._last) is None:
            return []
        dark = max(0, self._missing - frame.seq)
        left, self._sights = self._sights, []
        return _parts([self._told(sight, sight.dark + dark, frame.size) for sight in left], frame)

    def _dark(self, frame: Regions) -> int:
        """Frames between the last one and this that nobody could look at."""
        if self._last is None:
            self._ids = frame.seq  # a run that died in this session may have given the smaller ids
            return frame.seq
        if frame.seq <= self._last.seq:
            raise ValueError(f"expected a frame after seq {self._last.seq}, found seq {frame.seq}")
        return frame.seq - self._last.seq - 1

    def _first(self, region: Region, dark: int, frame: Regions) -> Sight:
        """A part at the moment it is first seen."""
        seq, views = frame.seq, int(region.whole)
        hidden = _in_view(region, dark, self._way.times(-1), frame.size)
        return Sight(
            region=region,
            seq=seq,
            t_ns=frame.t_ns,
            first_seq=seq,
            best=region,
            best_seq=seq,
            views=views,
            hidden=hidden,
        )

    def _told(self, sight: Sight, dark: int, size: Size) -> Sight:
        """A part that has left, with the frames that hid how."""
        return replace(sight, hidden=sight.hidden + _in_view(sight.region, dark, self._way, size))

    @property
    def _way(self) -> Way:
        return self._motion.velocity or REST

    def _next(self, sight: Sight, j: int | None, dark: int, frame: Regions) -> Sight:
        if j is None:
            return replace(sight, unseen=sight.unseen + 1, dark=sight.dark + dark)
        return _again(sight, frame.regions[j], dark, frame)

    def _has_left(self, sight: Sight, frame: Regions) -> bool:
        if not sight.unseen:
            return False
        way = self._way.times(frame.seq - sight.seq)
        return sight.unseen > self._max_gap or gone(sight.region, way, frame.size)

    def _named(self, sight: Sight) -> Sight:
        """The part with an id, as soon as it was seen often enough: ids count parts, not specks."""
        if sight.id is not None or sight.seen < self._confirm:
            return sight
        self._ids += 1
        return replace(sight, id=self._ids - 1)

    def _tracks(self, frame: Regions) -> Tracks:
        seen = tuple(Track(s.id, s.region) for s in self._sights if s.id is not None and s.seq == frame.seq)
        return Tracks(
            camera=frame.camera, session=frame.session, seq=frame.seq, t_ns=frame.t_ns, size=frame.size, tracks=seen
        )


def _in_view(region: Region, frames: int, way: Way, size: Size) -> int:
    """In how many of so many frames in a row a region may be in view, if it moves by `way` from each to the next."""
    return bisect_left(range(1, frames + 1), True, key=lambda n: gone(region, way.times(n), size))


def _again(sight: Sight, region: Region, dark: int, frame: Regions) -> Sight:
    """The part, seen once more."""
    better = _rank(region) > _rank(sight.best)
    return replace(
        sight,
        region=region,
        seq=frame.seq,
        t_ns=frame.t_ns,
        best=region if better else sight.best,
        best_seq=frame.seq if better else sight.best_seq,
        seen=sight.seen + 1,
        views=sight.views + region.whole,
        unseen=0,
        dark=0,
        hidden=sight.hidden + sight.dark + dark,
    )


def _rank(region: Region) -> tuple[bool, int]:
    """Whole views before partial ones, large ones before small ones."""
    return region.whole, region.area_px


def _parts(sights: list[Sight], frame: Regions) -> list[Part]:
    """What is told about parts that have left; those that were never confirmed were specks."""
    return [
        Part(
            camera=frame.camera,
            session=frame.session,
            seq=sight.seq,
            t_ns=sight.t_ns,
            id=sight.id,
            first_seq=sight.first_seq,
            views=sight.views,
            hidden=sight.hidden,
            best=sight.best,
            best_seq=sight.best_seq,
            prompt=frame.prompt,
            epoch=frame.epoch,
            roi=frame.roi,
        )
        for sight in sights
        if sight.id is not None
    ]
