"""Which region is which part, from its first sight to its last: pure arithmetic, no pixels."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from itertools import accumulate

from msgspec.structs import replace

from nodes.transforms.places import Box, Ends, Size, Way, beyond, gate, gone
from nodes.transforms.scene import Found, Motion, Past, Scene
from nodes.transforms.sight import Sight, again, anew, measured
from pipeline.records import Coasted, Part, Region, Regions, Track, Tracks

KNOWN = 256  # parts that are recognised when a belt brings them back
SURE = 3  # whole views after which a part's size is known


class Tracker:
    """Follows the parts of one session, or what is left of one: frames before the first that it sees were hidden.

    Whatever hides a frame hides the parts that were in view then, also those that came or left in the dark.

    Args:
        confirm: Sights that make a part, where it can be seen so often.
        max_gap: Most frames in a row that may be looked at without finding it.
        motion: What says which region is which.
        mark: Where a region lies on the belt that had travelled so far, where that is known.
    """

    def __init__(
        self, confirm: int, max_gap: int, motion: Motion, mark: Callable[[Region, Way], float] | None = None
    ) -> None:
        self._confirm, self._max_gap, self._motion, self._mark = confirm, max_gap, motion, mark
        self._sights: list[Sight] = []
        self._gone: deque[Sight] = deque(maxlen=KNOWN)
        self._ids = self._keys = 0
        self._last: Regions | None = None
        self._missing = -1

    def look(self, frame: Regions, travelled: Way | None = None) -> tuple[list[Part], Tracks]:
        """Take in what one frame shows.

        Args:
            travelled: How far everything has moved since the last frame, where that is known, px.

        Returns:
            The parts that have left since the last frame, and what is where now.

        Raises:
            ValueError: If the frame is not newer than the last one.
        """
        dark = self._dark(frame)
        past = [self._past(sight) for sight in self._sights]
        found = self._motion.follow(Scene(past, frame.regions, frame.size, dark + 1), travelled)
        kept = [(i, sight) for i, sight in enumerate(self._sights) if i not in found.rejoined]
        now = [self._named(self._next(sight, i, found, dark, frame)) for i, sight in kept]
        left = [sight for sight in now if self._has_left(sight, frame.size)]
        new = [self._named(sight) for sight in self._new(found, dark, frame)]
        self._sights = [sight for sight in now if not self._has_left(sight, frame.size)] + new
        self._note(left, frame.size)
        self._last = frame
        return self._parts(left, frame, 0), self._tracks(frame)

    def miss(self, last: int) -> None:
        """Nobody will ever see the frames up to this one."""
        self._missing = max(self._missing, last)

    def close(self) -> list[Part]:
        """Tell the parts that are still in view: nothing more will be seen of them."""
        if (frame := self._last) is None:
            return []
        left, self._sights = self._sights, []
        return self._parts(left, frame, max(0, self._missing - frame.seq))

    def _dark(self, frame: Regions) -> int:
        """Frames between the last one and this that nobody could look at."""
        if self._last is None:
            self._ids = frame.seq  # a run that died in this session may have given the smaller ids
            return frame.seq
        if frame.seq <= self._last.seq:
            raise ValueError(f"expected a frame after seq {self._last.seq}, found seq {frame.seq}")
        return frame.seq - self._last.seq - 1

    def _past(self, sight: Sight) -> Past:
        return Past(
            key=sight.key,
            region=sight.region,
            way=self._motion.travelled.less(sight.at),
            unseen=sight.unseen,
            broken=sight.broken,
            sure=sight.views >= SURE,
            best=sight.best.box,
            of=sight.of,
        )

    def _new(self, found: Found, dark: int, frame: Regions) -> list[Sight]:
        """The parts that nobody knew."""
        taken = {*found.pairs.values(), *found.spent}
        of = {j: self._sights[i].key for j, i in found.parted.items()}
        regions = [(j, region) for j, region in enumerate(frame.regions) if j not in taken]
        return [replace(self._first(region, dark, frame), of=of.get(j)) for j, region in regions]

    def _note(self, left: list[Sight], size: Size) -> None:
        """Remember who has just left the view, while no farther from it than it is wide."""
        if left:
            near = (sight for sight in (*self._gone, *left) if 0 <= self._outside(sight, size) <= max(size))
            self._gone = deque((sight for sight in near if sight.told or self._certain(sight, size)), KNOWN)

    def _outside(self, sight: Sight, size: Size) -> float:
        return beyond(sight.region.box, self._motion.travelled.less(sight.at), size)

    def _back(self, region: Region, size: Size) -> bool:
        """Whether a region that is new is a part that was told, and that the belt has brought back."""
        for sight in self._gone:
            box, way = sight.region.box, self._motion.travelled.less(sight.at)
            if not gone(box, way, size) and Ends.after(box, way, size).off(region.box) <= gate(box):
                self._gone.remove(sight)
                return True
        return False

    def _first(self, region: Region, dark: int, frame: Regions) -> Sight:
        """A part at the moment it is first seen; where it must just have come into view it is one for certain."""
        self._keys += 1
        sight = Sight(
            key=self._keys,
            region=region,
            at=self._motion.travelled,
            seq=frame.seq,
            t_ns=frame.t_ns,
            first_seq=frame.seq,
            best=region,
            best_seq=frame.seq,
            best_at=self._motion.travelled,
            measured=measured(region),
            views=int(region.whole),
            hidden=_in_view(region.box, dark, self._motion.pace(None).times(-1), frame.size),
        )
        if self._gone and self._back(region, frame.size):
            return replace(sight, told=True)
        return self._with_id(sight) if self._motion.came(region, frame.size) else sight

    def _next(self, sight: Sight, i: int, found: Found, dark: int, frame: Regions) -> Sight:
        """The part after one more frame: seen, seen with others, or not seen."""
        if (j := found.pairs.get(i)) is not None:
            more = again(sight, frame.regions[j], self._motion.travelled, dark, frame)
            return anew(more) if i in found.parted.values() else more
        if (rest := found.held.get(i)) is not None:
            return replace(
                sight,
                at=sight.at.less(rest),
                seq=frame.seq,
                t_ns=frame.t_ns,
                held=sight.held + 1,
                broken=sight.broken + 1 if i in found.broken else 0,
                unseen=0,
                dark=0,
                hidden=sight.hidden + sight.dark + dark,
            )
        if self._away(sight, frame.size):
            return replace(sight, unseen=max(sight.unseen, 1))
        return replace(sight, unseen=sight.unseen + 1, dark=sight.dark + dark)

    def _away(self, sight: Sight, size: Size) -> bool:
        """Whether a part is out of view, but will come again."""
        return sight.id is not None and self._outside(sight, size) >= 0 and self._motion.returns(self._past(sight))

    def _has_left(self, sight: Sight, size: Size) -> bool:
        if not (sight.unseen or sight.held):
            return False
        if self._away(sight, size):
            return False
        place = self._motion.place(self._past(sight), size)
        most = self._max_gap if sight.id is not None else min(self._max_gap, self._motion.trial)
        return sight.unseen > most or place[2] <= 0 or place[3] <= 0

    def _named(self, sight: Sight) -> Sight:
        """The part with an id, as soon as it was seen often enough: ids count parts, not specks."""
        known = sight.told or sight.id is not None
        return sight if known or sight.seen < self._confirm else self._with_id(sight)

    def _with_id(self, sight: Sight) -> Sight:
        self._ids += 1
        return replace(sight, id=self._ids - 1)

    def _tracks(self, frame: Regions) -> Tracks:
        known = [sight for sight in self._sights if sight.id is not None]
        seen = [Track(s.id, s.region) for s in known if not (s.unseen or s.held)]  # type: ignore[arg-type]
        coasted = (self._coasted(s, frame.size) for s in known if s.unseen or s.held)
        return Tracks(
            camera=frame.camera,
            session=frame.session,
            seq=frame.seq,
            t_ns=frame.t_ns,
            size=frame.size,
            tracks=tuple(seen),
            prompt=frame.prompt,
            model=frame.model,
            epoch=frame.epoch,
            roi=frame.roi,
            coasted=tuple(each for each in coasted if each),
            watermark=self._watermark(frame),
            encoder=frame.encoder,
            reading=frame.reading,
            calibration=frame.calibration,
        )

    def _coasted(self, sight: Sight, size: Size) -> Coasted | None:
        """Where a part that is overlooked must be; None where nobody can say."""
        assert sight.id is not None
        past = self._past(sight)
        if self._outside(sight, size) >= 0 or not self._motion.coasts(past):
            return None
        return Coasted(sight.id, self._motion.place(past, size))

    def _parts(self, sights: list[Sight], frame: Regions, dark: int) -> list[Part]:
        """What is told about parts that have left; what was seen less often than it must have been was a speck."""
        sure = [sight for sight in sights if self._certain(sight, frame.size)]
        later = (sight.seq for sight in reversed(sure[1:]))
        marks = [*accumulate(later, min, initial=self._watermark(frame))]
        return [self._part(one, frame, dark, mark) for one, mark in zip(sure, reversed(marks), strict=False)]

    def _watermark(self, frame: Regions) -> int:
        """Whatever is told after this frame was seen in this one or later."""
        return min((sight.seq for sight in self._sights), default=frame.seq + 1)

    def _certain(self, sight: Sight, size: Size) -> bool:
        if sight.id is None or sight.seen >= self._confirm:
            return sight.id is not None
        pace, box = self._motion.pace(self._past(sight)), sight.region.box
        most = self._confirm - 1
        return sight.seen > _in_view(box, most, pace, size) + _in_view(box, most, pace.times(-1), size)

    def _part(self, sight: Sight, frame: Regions, dark: int, watermark: int) -> Part:
        pace = self._motion.pace(self._past(sight))
        assert sight.id is not None
        return Part(
            camera=frame.camera,
            session=frame.session,
            seq=sight.seq,
            t_ns=sight.t_ns,
            id=sight.id,
            first_seq=sight.first_seq,
            views=sight.views,
            hidden=sight.hidden + _in_view(sight.region.box, sight.dark + dark, pace, frame.size),
            best=sight.best,
            best_seq=sight.best_seq,
            measures=sight.measured.spreads,
            mark=self._mark and self._mark(sight.best, sight.best_at),
            prompt=frame.prompt,
            epoch=frame.epoch,
            roi=frame.roi,
            watermark=watermark,
        )


def _in_view(box: Box, frames: int, way: Way, size: Size) -> int:
    """In how many of so many frames in a row something may be in view, if it moves by `way` from each to the next."""
    return bisect_left(range(1, frames + 1), True, key=lambda n: gone(box, way.times(n), size))
