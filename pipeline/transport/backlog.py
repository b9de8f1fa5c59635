"""The sender's side of a durable edge: what waits on disk stands between what is on its way and the queue. Pure.

Order is kept by standing in line: what is on its way, then the rows on disk, then what is being written, then the
queue. Only the first that is not empty gives numbers. What is numbered stays in memory until it is done, so that it
can be sent again without the disk; if it is on disk as well, that is for the next incarnation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from pipeline.plan import Queue as Limits
from pipeline.transport.came import Came, several
from pipeline.transport.channel import Ledger
from pipeline.transport.flow import Flow, credit
from pipeline.transport.item import Item, left_out, tells_of_gap, tells_of_part
from pipeline.transport.pace import Pace
from pipeline.transport.segment import Row

BATCH = 1024  # records written at a time
NOTHING: Mapping[str, Came] = {}
LOADED = 512  # rows read ahead of the consumer
LOADED_BYTES = 4 << 20

Disk = Literal["unknown", "well", "ill"]


class Backlog(Flow):
    """A flow whose queue overflows to disk; somebody else writes and reads there, and says what came of it.

    Attributes:
        disk: `unknown` until it is known what an earlier incarnation left there, `ill` while it cannot be written.
        spilled: Records handed over that are on disk and not done.
        recovered: Of those handed over: records that an earlier incarnation had left on disk.
        staged: What is to be written: its number, or 0 where it has none, and the record.
        released: Everything up to this row is done.
        read: The last row that was read; those after it are nowhere else.
    """

    def __init__(self, name: str, limits: Limits, disk: Disk = "well", kinds: Iterable[str] = ()) -> None:
        super().__init__(name, limits)
        self._several = several(kinds)
        self._tails: Mapping[str, Came] = {}
        self.disk: Disk = disk
        self.spilled = self.recovered = self.released = self.read = 0
        self.staged: deque[tuple[int, Item]] = deque()
        self._limits = limits
        self._pace = Pace()
        self._rows: dict[int, tuple[int, int]] = {}
        self._loaded: deque[Row] = deque()
        self._behind = 0  # rows without a number
        self._waiting = 0  # what is staged and has no number: items
        self._waiting_weight = self._staged_bytes = 0
        self._held = 0  # records that are both on their way and on disk
        self._kept = 0  # numbers up to this one are staged or on disk
        self._regate()

    @property
    def drained(self) -> bool:
        """Everything that was handed over is done, or on disk; more may come."""
        return super().drained and not self.staged and not self._behind

    @property
    def idle(self) -> bool:
        """Nothing is on disk or on the way there."""
        return not self.staged and not self._behind and not self._rows

    @property
    def hungry(self) -> int:
        """How many rows should be read now."""
        room = LOADED - len(self._loaded)
        return min(room, self._behind - len(self._loaded)) if room > LOADED // 2 else 0

    def retune(self, limits: Limits) -> None:
        """Go by other bounds from now on."""
        super().retune(limits)
        self._limits = limits
        self._regate()

    def offer(self, item: Item, now: float) -> bool:
        """Hand a record over: what is too much goes to disk, or, where that cannot be, is let go."""
        self.join(item)
        super().offer(item, now)
        if self.queue.over(self.ahead, self._ahead_bytes):
            if self.disk == "well" and self._staged_bytes <= self._limits.bytes:
                self.stage()
            else:
                self.queue.shed(None, self.ahead, self._ahead_bytes)
        return True

    def gather(self, item: Item) -> bool:
        """Past the bounds of the queue: what gathers is far below them."""
        self.join(item)
        self.queue.put(item)
        return True

    def direct(self, item: Item) -> int:
        """The number of a record that goes past the queue; 0: it may not."""
        return 0 if self._tails else super().direct(item)

    def join(self, item: Item) -> None:
        """Tell what an earlier incarnation took along of a camera between what it left on disk and its next record."""
        if item.camera not in self._tails:
            return
        session, came, since = self._tails[item.camera]
        if session != item.session and tells_of_gap(item):
            return  # sessions before it are told again first
        self._tails = {camera: tail for camera, tail in self._tails.items() if camera != item.camera}
        first = came + 1 if not self._several else came if since is None else since
        last = item.seq - (not tells_of_part(item))
        if session == item.session and first <= last:
            self.queue.tell(left_out(item, first, last, self.queue.name))

    def look(self, now: float, *, away: bool) -> None:
        """Measure; and let everything go to disk while the consumer is away, or what has waited too long."""
        self._pace.look(self.queue.sent, now)
        if self.disk == "well" and self._staged_bytes <= self._limits.bytes and (away or self._stale(now)):
            self.stage()

    def stage(self) -> None:
        """Let everything that waits go to disk, and before it what is on its way, unless rows there stand before it."""
        if not self._behind and not self._waiting:
            for number in range(max(self.base, self._kept + 1), self._top + 1):
                if self._undone[number].payload is not None:
                    self._stage(number, self._undone[number])
            self._kept = self._top
        for item in self.queue.drain():
            self._stage(0, item)
        self._regate()

    def outgoing(self) -> list[Item]:
        """What is to be written next, in order."""
        while self.staged and 0 < self.staged[0][0] < self.base:
            self._staged_bytes -= self.staged.popleft()[1].size
        return [self.staged[i][1] for i in range(min(len(self.staged), BATCH))]

    def stored(self, rows: Sequence[int]) -> None:
        """What `outgoing` gave is on disk, in these rows."""
        for row in rows:
            number, item = self.staged.popleft()
            self._staged_bytes -= item.size
            if 0 < number < self.base:
                self.read = self.released = row
                continue
            self.spilled += item.weight
            if number:
                self._rows[number] = (row, item.weight)
                self._held += item.weight
                self.read = row
            else:
                self._waiting, self._waiting_weight = self._waiting - 1, self._waiting_weight - item.weight
                self._behind += 1
        self._regate()

    def failed(self) -> None:
        """The disk takes nothing: what was to be written waits in memory again, as much as may."""
        self.disk = "ill"
        self.queue.restore([item for number, item in self.staged if not number])
        self.staged.clear()
        self._waiting = self._waiting_weight = self._staged_bytes = 0
        self._kept = max(self._rows, default=0)
        self.queue.shed(None, self.ahead, self._ahead_bytes)
        self._regate()

    def found(self, records: int, weight: int, after: int, lost: int, tails: Mapping[str, Came] = NOTHING) -> None:
        """This is what an earlier incarnation left on disk after a row; some was torn out of it.

        Where it was killed, `tails` say how far each camera had come.
        """
        self._tails = tails
        for item in [*self.queue.items.values()] if tails else ():
            self.join(item)
        self.disk = "well"
        self._behind += records
        self.spilled += weight
        self.recovered += weight + lost
        self.read = self.released = after
        self.queue.count("torn", lost)
        self._regate()

    def settled(self) -> None:
        """The disk works, and nothing was left there."""
        self.disk = "well"
        self._regate()

    def loaded(self, rows: Sequence[Row]) -> None:
        """These are the next on disk; none at all means that what should be there cannot be read."""
        self._loaded.extend(rows)
        for each in rows:
            self.read = each.row
            self._torn(each.torn)
        if not rows:
            self._behind = len(self._loaded)
            self._torn(self.spilled - self._held - sum(each.item.weight for each in self._loaded))
        self._regate()

    def lost(self, weight: int, rows: int) -> None:
        """The oldest on disk that were not read had to go; gaps stand in their place."""
        self._behind -= rows
        self.spilled -= weight
        self.queue.count("spool_full", weight)

    def acknowledge(self, taken: int, done: int, refused: Mapping[int, str] | None = None) -> None:
        """What the consumer has taken and what it has finished with, both up to a number; some it refused."""
        before = self.base
        super().acknowledge(taken, done, refused)
        if self._rows:
            for number in range(before, self.base):
                row, weight = self._rows.pop(number, (0, 0))
                self.released = max(self.released, row)
                self.spilled -= weight
                self._held -= weight

    def abandon(self, reason: str) -> None:
        """Let go of all that is neither done nor on disk."""
        for number, (_, weight) in self._rows.items():
            item = self._undone[number]
            self._undone[number] = replace(item, weight=item.weight - weight)
        self._rows.clear()
        self._held = 0
        self.failed()
        super().abandon(reason)

    def ledger(self) -> Ledger:
        """What became of everything so far."""
        ledger = super().ledger()
        in_flight = ledger.in_flight - self._held + self._waiting_weight
        sent = ledger.sent + self.recovered
        return replace(ledger, sent=sent, in_flight=in_flight, spilled=self.spilled, recovered=self.recovered)

    def _number(self, now: float) -> bool:
        if self.gate:
            return super()._number(now)
        if not self._loaded or not (self._ending or self._pace.may(now)):
            return False
        row, item, _ = self._loaded.popleft()
        self._behind -= 1
        self._top += 1
        self._kept = self._top
        self._undone[self._top] = item
        self._undone_bytes += item.size
        self._weight += item.weight
        self._held += item.weight
        self._rows[self._top] = (row, item.weight)
        self._regate()
        return True

    def _disown(self, number: int, reason: str) -> None:
        """What is refused is dropped, though its row stays on disk until it is done."""
        super()._disown(number, reason)
        if number in self._rows:
            row, weight = self._rows[number]
            self._rows[number] = row, 0
            self.spilled -= weight
            self._held -= weight

    def _stage(self, number: int, item: Item) -> None:
        self.staged.append((number, item))
        self._staged_bytes += item.size
        if not number:
            self._waiting, self._waiting_weight = self._waiting + 1, self._waiting_weight + item.weight

    def _stale(self, now: float) -> bool:
        age, items = self._limits.age, self.queue.items
        return bool(age and items) and next(iter(items.values())).since < now - age

    def _torn(self, weight: int) -> None:
        self.spilled -= weight
        self.queue.count("torn", weight)

    def _regate(self) -> None:
        """While something stands before the queue, nothing goes past it."""
        before = self.disk == "unknown" or self._behind or self._waiting
        self.gate = 0 if before else credit(self._limits)
