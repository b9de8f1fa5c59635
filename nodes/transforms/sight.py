"""A part that is being followed, as far as it was seen; what one more view makes of it. Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from nodes.transforms.places import Way
from nodes.transforms.summary import Summary
from pipeline.records import Region, Regions


class Sight(Struct, frozen=True, kw_only=True):
    """A part that is being followed.

    Attributes:
        key: A number of its own, from its first sight on.
        region: How it looked when it was last seen by itself.
        at: How far everything had travelled then.
        seq: When it was last seen.
        t_ns: When that was, UTC nanoseconds.
        first_seq: When it was first seen.
        best: Its best view so far.
        best_seq: When that was.
        best_at: How far everything had travelled then.
        measured: What was measured in the frames in which it was seen whole.
        seen: Frames in which it was seen by itself.
        views: Frames in which it was seen whole.
        held: Frames since it was seen by itself in which it was seen all the same.
        broken: Frames in a row in which it was seen in pieces.
        of: The part that it is thought to be a piece of.
        unseen: Frames since it was last seen that were looked at without finding it.
        dark: Frames since then that nobody could look at.
        hidden: Frames before then that nobody could look at, and in which it was or may have been in view.
        id: Its id, once it is certain.
        told: Whether it was told already, and has come back: it is not told again.
    """

    key: int
    region: Region
    at: Way
    seq: int
    t_ns: int
    first_seq: int
    best: Region
    best_seq: int
    best_at: Way
    measured: Summary
    seen: int = 1
    views: int = 0
    held: int = 0
    broken: int = 0
    of: int | None = None
    unseen: int = 0
    dark: int = 0
    hidden: int = 0
    id: int | None = None
    told: bool = False


def again(sight: Sight, region: Region, at: Way, dark: int, frame: Regions) -> Sight:
    """The part, seen once more."""
    better = _rank(region) > _rank(sight.best)
    if region.whole:
        sight.measured.add(region)
    return replace(
        sight,
        region=region,
        at=at,
        seq=frame.seq,
        t_ns=frame.t_ns,
        best=region if better else sight.best,
        best_seq=frame.seq if better else sight.best_seq,
        best_at=at if better else sight.best_at,
        seen=sight.seen + 1,
        views=sight.views + region.whole,
        held=0,
        broken=0,
        unseen=0,
        dark=0,
        hidden=sight.hidden + sight.dark + dark,
    )


def anew(sight: Sight) -> Sight:
    """The part with its last view alone: those before were of several parts."""
    region = sight.region
    last = {"best": region, "best_seq": sight.seq, "best_at": sight.at}
    return replace(sight, **last, views=int(region.whole), measured=measured(region))


def measured(region: Region) -> Summary:
    """What is measured of a part from this view on."""
    summary = Summary()
    if region.whole:
        summary.add(region)
    return summary


def _rank(region: Region) -> tuple[bool, int]:
    """Whole views before partial ones, large ones before small ones."""
    return region.whole, region.area_px
