"""Which region is which part, from its first sight to its last: pure arithmetic, no pixels."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from nodes.transforms.motion import Motion, Past, Scene, Way, gone
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
        hidden: Frames before then that nobody could look at.
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
    """Follows the parts of one session.

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
        new = [_first(region, frame) for j, region in enumerate(frame.regions) if j not in found.values()]
        left = [sight for sight in now if self._has_left(sight, frame)]
        self._sights = [self._named(sight) for sight in [*now, *new] if sight not in left]
        self._last = frame
        return _parts(left, frame), self._tracks(frame)

    def close(self) -> list[Part]:
        """Tell the parts that are still in view: nothing more will be seen of them."""
        left, self._sights = self._sights, []
        return _parts(left, self._last) if self._last else []

    def _dark(self, frame: Regions) -> int:
        """Frames between the last one and this that nobody could look at."""
        if self._last is None:
            return 0
        if frame.seq <= self._last.seq:
            raise ValueError(f"expected a frame after seq {self._last.seq}, found seq {frame.seq}")
        return frame.seq - self._last.seq - 1

    def _next(self, sight: Sight, j: int | None, dark: int, frame: Regions) -> Sight:
        if j is None:
            return replace(sight, unseen=sight.unseen + 1, dark=sight.dark + dark)
        return _again(sight, frame.regions[j], dark, frame)

    def _has_left(self, sight: Sight, frame: Regions) -> bool:
        if not sight.unseen:
            return False
        way = (self._motion.velocity or Way(0.0, 0.0)).times(frame.seq - sight.seq)
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


def _first(region: Region, frame: Regions) -> Sight:
    """A part at the moment it is first seen."""
    seq, views = frame.seq, int(region.whole)
    return Sight(region=region, seq=seq, t_ns=frame.t_ns, first_seq=seq, best=region, best_seq=seq, views=views)


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
        )
        for sight in sights
        if sight.id is not None
    ]
