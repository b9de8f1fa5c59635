"""The sender's side of an edge: its queue, the numbers of what is on its way, and its ledger. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

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

    def gather(self, item: Item) -> bool:
        """Hand over a record that somebody else will send with others; False where the producer has to wait."""
        return self.offer(item, item.since)

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
        queue, number = self.queue, self.next
        if number <= self._top or not self.gate or queue.gaps or self._crowded():
            return []
        found = queue.several(min(most, self.credit - self.ahead), size)
        self._undone.update(zip(count(number), found, strict=False))
        held = sum([item.size for item in found])
        self._undone_bytes += held
        self._ahead_bytes += held
        self._weight += sum([item.weight for item in found])
        self.next = number + len(found)
        self._top = self.next - 1
        return found

    def acknowledge(self, taken: int, done: int, refused: Mapping[int, str] | None = None) -> None:
        """What the consumer has taken and what it has finished with, both up to a number; some it refused.

        What was refused is told as soon as this is heard, whether or not all that is before it is done.
        """
        taken = max(self.taken, min(taken, self._top))
        undone, on_way = self._undone, range(self.taken + 1, min(taken + 1, self.next))
        self._ahead_bytes -= sum([undone[number].size for number in on_way])
        self.taken = taken
        self.next = max(self.next, taken + 1)
        for number, reason in refused.items() if refused else ():
            if self.base <= number <= taken and number not in self._refused:
                self._refused.add(number)
                self._disown(number, reason)
        over = range(self.base, min(done, taken) + 1)
        if over:
            self.base = over.stop
            self._settle([undone.pop(number) for number in over])
            self._refused.difference_update(over)

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

    def _settle(self, items: Sequence[Item]) -> None:
        weight = sum([item.weight for item in items])
        self._weight -= weight
        self._undone_bytes -= sum([item.size for item in items])
        self._delivered += weight
