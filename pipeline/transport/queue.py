"""What waits on an edge: bounded in count, bytes and age; what it lets go is counted and told as gaps.

Pure: no I/O, no clock; the time is passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import takewhile

from msgspec import Struct
from msgspec.structs import replace

from pipeline.plan import Queue as Limits
from pipeline.records import Gap, Record

MAX_GAPS = 64  # told apart per camera; beyond that neighbours merge, which covers the natural holes between them


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


class Queue:
    """The queue of one edge, and the account of everything that ever was in it.

    Order is kept per camera. A gap that is told stands before the next record of its camera;
    gaps are merged where they touch and never dropped.

    Attributes:
        bytes: Bytes that wait.
        sent: Records handed over.
        dropped: Records let go, per reason.
        items: What waits, oldest first.
        gaps: What has to be told before a camera's next record.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.bytes = 0
        self.sent = 0
        self.dropped: dict[str, int] = {}
        self._limits = limits
        self._latest = limits.policy == "latest"
        self._blocks = limits.policy == "block"
        self.items: OrderedDict[str | int, Item] = OrderedDict()
        self.gaps: dict[str, list[Item]] = {}
        self._told: dict[str, Gap] = {}

    def __len__(self) -> int:
        return len(self.items)

    @property
    def empty(self) -> bool:
        """Nothing waits, not even a gap."""
        return not self.items and not self.gaps

    @property
    def waiting(self) -> int:
        """Records handed over that wait here, merged gaps counted one by one."""
        return len(self.items) + sum(gap.weight for gaps in self.gaps.values() for gap in gaps)

    def offer(self, item: Item, now: float, ahead: int = 0, ahead_bytes: int = 0) -> bool:
        """Take a record in; False, and nothing is changed, where the policy is to wait for room.

        Args:
            item: What to take in.
            now: The time, seconds.
            ahead: Records on their way that the consumer has not taken: they count against the bounds.
            ahead_bytes: Bytes of those.
        """
        self.expire(now)
        count, held = len(self.items) + ahead, self.bytes + ahead_bytes
        if self._blocks and count and self._over(count + 1, held + item.size):
            return False
        self.sent += 1
        key = item.camera if self._latest else self.sent
        if key in self.items:
            self._let_go(self.items[key], "superseded")
        self.items[key] = item
        self.bytes += item.size
        while len(self.items) > 1 and self._over(len(self.items) + ahead, self.bytes + ahead_bytes):
            self._let_go(self.items.pop(next(other for other in self.items if other != key)), "overflow")
        return True

    def take(self, now: float) -> Item | None:
        """The next to go: the gaps of a camera before its next record; None where nothing waits."""
        self.expire(now)
        camera = next(iter(self.items.values())).camera if self.items else next(iter(self.gaps), None)
        if camera in self.gaps:
            return self._take_gap(camera)
        if camera is None:
            return None
        _, item = self.items.popitem(last=False)
        self.bytes -= item.size
        return item

    def expire(self, now: float) -> None:
        """Let go of what has waited longer than the queue's age."""
        if not self._limits.age:
            return
        oldest = now - self._limits.age
        if self._latest:
            stale = [key for key, item in self.items.items() if item.since < oldest]
        else:
            stale = [key for key, _ in takewhile(lambda pair: pair[1].since < oldest, self.items.items())]
        for key in stale:
            self._let_go(self.items.pop(key), "expired")

    def refuse(self, item: Item, reason: str) -> None:
        """Account for what was taken but cannot be delivered; a gap is told in its place."""
        self._count(reason, item.weight)
        if not isinstance(item.payload, Gap):
            self._tell(_lost(item, reason, self.name))

    def turn_away(self, item: Item, reason: str) -> None:
        """Account for a record that was handed over but cannot be taken in."""
        self.sent += 1
        self.refuse(item, reason)

    def abandon(self, reason: str) -> None:
        """Let go of everything, gaps too: nobody is left to be told."""
        self._count(reason, self.waiting)
        self.items.clear()
        self.gaps.clear()
        self.bytes = 0

    def _over(self, count: int, held: int) -> bool:
        return count > self._limits.messages or held > self._limits.bytes

    def _let_go(self, item: Item, reason: str) -> None:
        self.bytes -= item.size
        if isinstance(item.payload, Gap):
            self._tell(item)
        elif reason == "superseded":
            self._count(reason, item.weight)
        else:
            self.refuse(item, reason)

    def _count(self, reason: str, weight: int) -> None:
        if weight:
            self.dropped[reason] = self.dropped.get(reason, 0) + weight

    def _take_gap(self, camera: str) -> Item:
        gaps = self.gaps[camera]
        first = gaps.pop(0)
        if not gaps:
            del self.gaps[camera]
        self._told[camera] = _gap(first)
        return first

    def _tell(self, lost: Item) -> None:
        if lost.weight == 0 and _covers(self._told.get(lost.camera), lost):
            return
        gaps = self.gaps.setdefault(lost.camera, [])
        if gaps and _touch(_gap(gaps[-1]), _gap(lost)):
            gaps[-1] = _merge(gaps[-1], lost)
        else:
            gaps.append(lost)
        if len(gaps) > MAX_GAPS:
            self._crowd(gaps)

    def _crowd(self, gaps: list[Item]) -> None:
        """Merge the first neighbours of one session; where there are none, each session keeps its gap."""
        for i in range(len(gaps) - 1):
            if gaps[i].session == gaps[i + 1].session:
                gaps[i : i + 2] = [_merge(gaps[i], gaps[i + 1])]
                return


def _gap(item: Item) -> Gap:
    assert isinstance(item.payload, Gap)
    return item.payload


def _lost(item: Item, reason: str, where: str) -> Item:
    camera, session, seq, t_ns = item.camera, item.session, item.seq, item.t_ns
    gap = Gap(camera=camera, session=session, seq=seq, last=seq, t_ns=t_ns, reason=reason, where=where)
    return Item(camera, session, seq, t_ns, gap, 0, item.since, 0)


def _covers(told: Gap | None, lost: Item) -> bool:
    return told is not None and told.session == lost.session and told.seq <= lost.seq <= told.last


def _touch(a: Gap, b: Gap) -> bool:
    same = (a.session, a.reason, a.where) == (b.session, b.reason, b.where)
    return same and a.seq <= b.seq <= a.last + 1


def _merge(a: Item, b: Item) -> Item:
    first, last = _gap(a), max(_gap(a).last, _gap(b).last)
    gap = replace(first, seq=min(first.seq, b.seq), last=last)
    return replace(a, seq=gap.seq, payload=gap, weight=a.weight + b.weight)
