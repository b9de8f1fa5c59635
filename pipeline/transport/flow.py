"""The sender's side of an edge: its queue, the numbers of what is on its way, and its ledger. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from pipeline.plan import Queue as Limits
from pipeline.records import Gap
from pipeline.transport.channel import Ledger
from pipeline.transport.item import END, WITHDRAWN, Item, missed
from pipeline.transport.queue import Queue

MAX_CREDIT = 64  # records on their way to a consumer: wake-ups are shared, and a socket holds little
DURABLE_CREDIT = 256  # where everything is kept until it is done, more on its way costs nothing but memory
AGED_CREDIT = 8  # what is on its way can no longer expire, so an edge with an age keeps little there
MAX_UNDONE = 4096  # records a consumer may hold uncommitted before its producer waits
MAX_UNDONE_BYTES = 64 << 20  # and bytes


def credit(limits: Limits) -> int:
    """How many records may be on their way without the consumer having taken them; part of the queue's bound."""
    if limits.policy == "latest":
        return 1
    if limits.policy == "spool":
        return max(1, min(limits.messages // 2, DURABLE_CREDIT))
    return max(1, min(limits.messages // 2, AGED_CREDIT if limits.age else MAX_CREDIT))


class Flow:
    """Everything one producer has handed to one edge and the consumer has not finished with.

    Attributes:
        credit: Records that may be on their way.
        gate: The same for those that would go past the queue; 0 while something stands before it.

    Records are numbered from 1 as they leave the queue. What was sent is kept until it is
    done and sent again from `rewind`; nothing of it can be dropped any more.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self.queue = Queue(name, limits)
        self.credit = self.gate = credit(limits)
        self.base = 1
        self.next = 1
        self.taken = 0
        self._half = limits.bytes // 2
        self._top = 0
        self._undone: dict[int, Item] = {}
        self._ahead_bytes = 0
        self._undone_bytes = 0
        self._weight = 0
        self._delivered = 0
        self._resent = 0
        self._refused: set[int] = set()  # of what is not done: what is told already
        self._ending = False
        self._ended = False

    @property
    def ahead(self) -> int:
        """Records on their way that the consumer has not taken."""
        return self.next - 1 - self.taken

    @property
    def finished(self) -> bool:
        """The end of the stream was reached, and everything is done."""
        return self._ended and not self._undone

    @property
    def drained(self) -> bool:
        """Everything that was handed over is done; more may come."""
        return self.queue.empty and not self._undone

    def retune(self, limits: Limits) -> None:
        """Go by other bounds from now on."""
        self.queue.retune(limits)
        self.credit = self.gate = credit(limits)
        self._half = limits.bytes // 2

    def offer(self, item: Item, now: float) -> bool:
        """Hand a record over; False where the producer has to wait."""
        return self.queue.offer(item, now, self.ahead, self._ahead_bytes)

    def direct(self, item: Item) -> int:
        """The number of a record that goes past the queue, as if `peek` had given it and it was sent; 0: it may not."""
        number, queue = self.next, self.queue
        if number <= self._top or number - self.taken > self.gate or queue.items or queue.gaps or self._crowded():
            return 0
        queue.sent += 1
        self._top = number
        self.next = number + 1
        self._undone[number] = item
        self._undone_bytes += item.size
        self._ahead_bytes += item.size
        self._weight += 1
        return number

    def unsent(self, item: Item) -> None:
        """What went past the queue could not be sent: `peek` gives it again."""
        self._ahead_bytes -= item.size
        self.next -= 1

    def peek(self, now: float) -> tuple[int, Item] | None:
        """The next to send with its number, or None: nothing waits, or no credit is left."""
        if self.ahead >= self.credit or self._crowded():
            return None
        if self.next > self._top and not self._number(now):
            return None
        return self.next, self._undone[self.next]

    def sent(self) -> None:
        """What `peek` gave is on its way."""
        self._ahead_bytes += self._undone[self.next].size
        self.next += 1

    def several(self, most: int, size: int) -> list[Item]:
        """What waits behind what `peek` gave, as if `peek` had given each and it was sent: for one frame."""
        found: list[Item] = []
        queue, number = self.queue, self.next
        if number <= self._top or not self.gate or queue.gaps or self._crowded():
            return found
        most = min(most, self.credit - self.ahead)
        while queue.items and len(found) < most and size > 0:
            item = queue.first()
            found.append(item)
            self._undone[number] = item
            number += 1
            size -= item.size
            self._undone_bytes += item.size
            self._ahead_bytes += item.size
            self._weight += item.weight
        self._top, self.next = number - 1, number
        return found

    def acknowledge(self, taken: int, done: int, refused: Mapping[int, str] | None = None) -> None:
        """What the consumer has taken and what it has finished with, both up to a number; some it refused.

        What was refused is told as soon as this is heard, whether or not all that is before it is done.
        """
        for number in range(self.taken + 1, min(taken, self._top) + 1):
            if number < self.next:
                self._ahead_bytes -= self._undone[number].size
            self.taken = number
        self.next = max(self.next, self.taken + 1)
        for number, reason in refused.items() if refused else ():
            if self.base <= number <= self.taken and number not in self._refused:
                self._refused.add(number)
                self._disown(number, reason)
        last = min(done, self.taken)
        for number in range(self.base, last + 1):
            self._settle(self._undone.pop(number))
        if self._refused:
            self._refused = {number for number in self._refused if number > last}
        self.base = max(self.base, last + 1)

    def rewind(self) -> None:
        """Begin again with the first that is not done: the consumer is another one, or was away."""
        self._resent += sum(self._undone[number].weight for number in range(self.base, self.next))
        self.next = self.base
        self.taken = self.base - 1
        self._ahead_bytes = 0
        self._refused.clear()  # another consumer may have to be told again

    def end(self) -> None:
        """No more will be handed over: after what waits, the end of the stream is sent."""
        self._ending = True

    def abandon(self, reason: str) -> None:
        """Let go of all that is not done; only the end of the stream may still be sent."""
        self.queue.abandon(reason)
        self._ended = False
        for item in self._undone.values():
            if item.weight:
                self.queue.dropped[reason] = self.queue.dropped.get(reason, 0) + item.weight
        self._undone.clear()
        self._weight = self._ahead_bytes = self._undone_bytes = 0
        self.base = self.next = self._top + 1
        self.taken = self._top

    def ledger(self) -> Ledger:
        """What became of everything so far."""
        return Ledger(
            sent=self.queue.sent,
            delivered=self._delivered,
            dropped=dict(self.queue.dropped),
            in_flight=self.queue.waiting + self._weight,
            resent=self._resent,
        )

    def _crowded(self) -> bool:
        if self._ahead_bytes > self._half:
            return True
        return self.next - self.base >= MAX_UNDONE or self._undone_bytes > MAX_UNDONE_BYTES

    def _number(self, now: float) -> bool:
        item = None if self._ended else self.queue.take(now)
        if item is None and self._ending and not self._ended:
            item, self._ended = END, True
        if item is None:
            return False
        self._top += 1
        self._undone[self._top] = item
        self._undone_bytes += item.size
        self._weight += item.weight
        return True

    def _disown(self, number: int, reason: str) -> None:
        """Account for what was refused; its gap stands in its place too, should another consumer come.

        An end is refused by a consumer that may have to be told of a gap before it: it comes again, behind that.
        """
        item = self._undone[number]
        if item.payload is None:
            self._undone[number], self._ended = WITHDRAWN, self._ended and item is not END
            return
        gap = replace(item, weight=0) if isinstance(item.payload, Gap) else missed(item, reason, self.queue.name)
        self._undone[number] = gap
        self._weight -= item.weight
        self._undone_bytes -= item.size - gap.size
        self.queue.refuse(item, reason)

    def _settle(self, item: Item) -> None:
        self._weight -= item.weight
        self._undone_bytes -= item.size
        self._delivered += item.weight
