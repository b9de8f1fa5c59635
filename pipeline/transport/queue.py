"""What waits on an edge: bounded in count, bytes and age; what it lets go is counted and told as gaps.

Pure: no I/O, no clock; the time is passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import takewhile

from msgspec.structs import replace

from pipeline.plan import Queue as Limits
from pipeline.records import Gap
from pipeline.transport.item import Item, covers, gap_of, merged, missed, touching

SPOILT = "malformed"  # why a record is refused that is well, as another one like it will show
MAX_GAPS = 64  # told apart per camera; beyond that neighbours merge, which covers the natural holes between them


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
        self.retune(limits)
        self._extra = 0  # records that merged gaps among the items stand for beyond one each
        self.items: OrderedDict[str | int, Item] = OrderedDict()
        self.gaps: dict[str, list[Item]] = {}
        self._told: dict[str, Gap] = {}
        self._first = 0  # the key before those of all items

    def __len__(self) -> int:
        return len(self.items)

    def retune(self, limits: Limits) -> None:
        """Go by other bounds, from the next record on."""
        self._limits = limits
        self._latest = limits.policy == "latest"
        self._blocks = limits.policy == "block"
        self._spools = limits.policy == "spool"

    @property
    def empty(self) -> bool:
        """Nothing waits, not even a gap."""
        return not self.items and not self.gaps

    @property
    def waiting(self) -> int:
        """Records handed over that wait here, merged gaps counted one by one."""
        return len(self.items) + self._extra + sum(gap.weight for gaps in self.gaps.values() for gap in gaps)

    def offer(self, item: Item, now: float, ahead: int = 0, ahead_bytes: int = 0) -> bool:
        """Take a record in; False, and nothing is changed, where the policy is to wait for room.

        Under `spool` it is the caller who makes room: by `drain`, or by `shed`.

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
        if not self._spools:
            self.shed(key, ahead, ahead_bytes)
        return True

    def put(self, item: Item) -> None:
        """Take a record in that is known to have room, behind all others; not under `latest`."""
        self.sent += 1
        self.items[self.sent] = item
        self.bytes += item.size

    def over(self, ahead: int, ahead_bytes: int) -> bool:
        """Whether more waits than may."""
        return self._over(len(self.items) + ahead, self.bytes + ahead_bytes)

    def shed(self, keep: str | int | None, ahead: int, ahead_bytes: int) -> None:
        """Let the oldest go while more waits than may; never the one that is to be kept, nor the last."""
        while len(self.items) > 1 and self.over(ahead, ahead_bytes):
            self._let_go(self.items.pop(next(other for other in self.items if other != keep)), "overflow")

    def drain(self) -> list[Item]:
        """Everything, as `take` would give it."""
        found: list[Item] = []
        while (item := self.take(0.0)) is not None:
            found.append(item)
        return found

    def restore(self, items: Sequence[Item]) -> None:
        """Put what was drained back before everything else."""
        for item in reversed(items):
            self._first -= 1
            self.items[self._first] = item
            self.items.move_to_end(self._first, last=False)
            self.bytes += item.size
            self._extra += item.weight - 1
            self._told.pop(item.camera, None)  # it was drained, not told

    def take(self, now: float) -> Item | None:
        """The next to go: the gaps of a camera before its next record; None where nothing waits."""
        self.expire(now)
        camera = next(iter(self.items.values())).camera if self.items else next(iter(self.gaps), None)
        if camera in self.gaps:
            return self._take_gap(camera)
        if camera is None:
            return None
        return self.first()

    def first(self) -> Item:
        """The oldest record; there must be one, and no gap before it."""
        _, item = self.items.popitem(last=False)
        self.bytes -= item.size
        self._extra -= item.weight - 1
        return item

    def several(self, most: int, size: int) -> list[Item]:
        """The oldest records, no more than so many, and none behind those that fill the size; no gap may wait."""
        found: list[Item] = []
        items, left = self.items, size
        while items and len(found) < most and left > 0:
            _, item = items.popitem(last=False)
            found.append(item)
            left -= item.size
            if item.weight != 1:
                self._extra -= item.weight - 1
        self.bytes -= size - left
        return found

    def expire(self, now: float) -> None:
        """Let go of what has waited longer than the queue's age."""
        if not self._limits.age or self._spools:
            return
        oldest = now - self._limits.age
        if self._latest:
            stale = [key for key, item in self.items.items() if item.since < oldest]
        else:
            stale = [key for key, _ in takewhile(lambda pair: pair[1].since < oldest, self.items.items())]
        for key in stale:
            self._let_go(self.items.pop(key), "expired")

    def refuse(self, item: Item, reason: str) -> None:
        """Account for what was taken but cannot be delivered; a gap is told in its place.

        A gap that was spoilt on its way is told again.
        """
        self.count(reason, item.weight)
        if not isinstance(item.payload, Gap):
            self._tell(missed(item, reason, self.name))
        elif reason == SPOILT:
            self.tell(replace(item, weight=0))

    def tell(self, gap: Item) -> None:
        """Tell a gap before the next record of its camera, whatever was told before."""
        self._told.pop(gap.camera, None)
        self._tell(gap)

    def turn_away(self, item: Item, reason: str) -> None:
        """Account for a record that was handed over but cannot be taken in."""
        self.sent += 1
        self.refuse(item, reason)

    def abandon(self, reason: str) -> None:
        """Let go of everything, gaps too: nobody is left to be told."""
        self.count(reason, self.waiting)
        self.items.clear()
        self.gaps.clear()
        self.bytes = self._extra = 0

    def _over(self, count: int, held: int) -> bool:
        return count > self._limits.messages or held > self._limits.bytes

    def _let_go(self, item: Item, reason: str) -> None:
        self.bytes -= item.size
        self._extra -= item.weight - 1
        if isinstance(item.payload, Gap):
            self._tell(item)
        elif reason == "superseded":
            self.count(reason, item.weight)
        else:
            self.refuse(item, reason)

    def count(self, reason: str, weight: int) -> None:
        """Count records that were let go."""
        if weight:
            self.dropped[reason] = self.dropped.get(reason, 0) + weight

    def _take_gap(self, camera: str) -> Item:
        gaps = self.gaps[camera]
        first = gaps.pop(0)
        if not gaps:
            del self.gaps[camera]
        self._told[camera] = gap_of(first)
        return first

    def _tell(self, lost: Item) -> None:
        if lost.weight == 0 and covers(self._told.get(lost.camera), lost):
            return
        gaps = self.gaps.setdefault(lost.camera, [])
        if gaps and touching(gap_of(gaps[-1]), gap_of(lost)):
            gaps[-1] = merged(gaps[-1], lost)
        else:
            gaps.append(lost)
        if len(gaps) > MAX_GAPS:
            self._crowd(gaps)

    def _crowd(self, gaps: list[Item]) -> None:
        """Merge the first neighbours of one session; where there are none, each session keeps its gap."""
        for i in range(len(gaps) - 1):
            if gaps[i].session == gaps[i + 1].session:
                gaps[i : i + 2] = [merged(gaps[i], gaps[i + 1])]
                return
