"""A record as it waits, and what is told in its place when it is let go."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from pipeline import codec
from pipeline.errors import DecodeError
from pipeline.records import Gap, Record, Verdict
from pipeline.transport.came import of_part


class Item(Struct, frozen=True, gc=False):
    """One record as it waits.

    Attributes:
        payload: The record, its bytes where they will travel, always the record itself for a gap;
            None ends the stream.
        size: Bytes it occupies.
        since: When it was handed over, seconds.
        weight: Records handed over that it stands for: 0 for a gap made here, more for merged ones.
    """

    camera: str
    session: str
    seq: int
    t_ns: int
    payload: Record | bytes | None
    size: int
    since: float
    weight: int = 1


END = Item("", "", 0, 0, None, 0, 0.0, 0)
WITHDRAWN = replace(END)  # an end behind which something came after all


def gap_of(item: Item) -> Gap:
    """The gap that waits."""
    assert isinstance(item.payload, Gap)
    return item.payload


def missed(item: Item, reason: str, where: str) -> Item:
    """The gap that tells of a record that was let go."""
    camera, session, seq, t_ns = item.camera, item.session, item.seq, item.t_ns
    gap = Gap(camera=camera, session=session, seq=seq, last=seq, t_ns=t_ns, reason=reason, where=where)
    return Item(camera, session, seq, t_ns, gap, 0, item.since, 0)


def left_out(item: Item, first: int, last: int, where: str) -> Item:
    """The gap that tells what is missing before a record since somebody died."""
    camera, session, t_ns = item.camera, item.session, item.t_ns
    gap = Gap(camera=camera, session=session, seq=first, last=last, t_ns=t_ns, reason="restart", where=where)
    return Item(camera, session, first, t_ns, gap, 0, item.since, 0)


def covers(told: Gap | None, lost: Item) -> bool:
    """Whether a gap that was told tells of this one too."""
    return told is not None and told.session == lost.session and told.seq <= lost.seq <= told.last


def touching(a: Gap, b: Gap) -> bool:
    """Whether two gaps of one camera are one."""
    same = (a.session, a.reason, a.where) == (b.session, b.reason, b.where)
    return same and a.seq <= b.seq <= a.last + 1


def merged(a: Item, b: Item) -> Item:
    """Two gaps of one camera and session as one, with what lies between them."""
    first, last = gap_of(a), max(gap_of(a).last, gap_of(b).last)
    gap = replace(first, seq=min(first.seq, b.seq), last=last)
    return replace(a, seq=gap.seq, payload=gap, weight=a.weight + b.weight)


def shed(a: Item, b: Item, where: str) -> Item:
    """Two gaps of one camera and session that a spool let go, as one."""
    whole = merged(a, b)
    return replace(whole, payload=replace(gap_of(whole), reason="spool_full", where=where))


def tells_of_part(item: Item) -> bool:
    """Whether what waits tells of a part."""
    record = _record(item)
    return record is not None and of_part(record)


def tells_of_gap(item: Item) -> bool:
    """Whether what waits tells of a gap, or of what it means for the parts in it."""
    record = _record(item)
    return isinstance(record, Gap) or (isinstance(record, Verdict) and record.subject == "gap")


def _record(item: Item) -> Record | None:
    """What waits; None where that is the end, or its consumer will say that it cannot be read."""
    if not isinstance(item.payload, bytes):
        return item.payload
    try:
        return codec.decode(item.payload)
    except DecodeError:
        return None
