"""The two ends of an edge, whatever carries it, and the ledger that accounts for every record.

A ledger must balance at all times: sent = delivered + dropped + spilled + in flight.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from pipeline.plan import Edge, Queue
from pipeline.records import Record
from pipeline.transport.gathering import Gathering


class Ledger(Struct, frozen=True, kw_only=True):
    """What became of everything a producer handed to one edge.

    Attributes:
        sent: Records handed over, and those that an earlier incarnation had left on disk.
        delivered: Records the consumer has done with (for a batch sink: committed).
        dropped: Records that were let go, per reason: `overflow`, `superseded`, `expired`, `oversized`,
            `malformed`, `version`, `error`, `crash`, `shutdown`, `spool_full`, `torn`.
        spilled: Records that are on disk now; the next incarnation sends what this one does not.
        in_flight: Records that wait here or are with the consumer.
        resent: Records sent again after a consumer came back; not part of the balance.
        recovered: Of those sent: records that an earlier incarnation had left on disk; not part of the balance.
    """

    sent: int = 0
    delivered: int = 0
    dropped: dict[str, int] = {}
    spilled: int = 0
    in_flight: int = 0
    resent: int = 0
    recovered: int = 0

    @property
    def unaccounted(self) -> int:
        """What is missing from the balance; anything but 0 is a fault of Kensa."""
        return self.sent - self.delivered - sum(self.dropped.values()) - self.spilled - self.in_flight


class Delivery(Struct, frozen=True, gc=False):
    """A record as it comes out of an inbox.

    Attributes:
        edge: Name of the edge it came by.
        producer: Which incarnation of the producer sent it.
        number: Its place on that edge, counting from 1; 0 for a gap that was told here, not sent.
        record: The record.
    """

    edge: str
    producer: str
    number: int
    record: Record


class Closed(Exception):  # noqa: N818 - the end of a stream is not an error
    """Every producer has ended its edge and everything was received."""


class Outbox(Protocol):
    """The producer's end of one edge. Used by one lane's thread; `pump` may be called by another."""

    @property
    def name(self) -> str:
        """Name of the edge."""
        ...

    def send(self, record: Record) -> None:
        """Hand a record over; under `block` this waits while the queue is full.

        A record handed to several edges in a row is encoded once.
        """
        ...

    def pump(self) -> None:
        """Carry on with what waits: send what there is credit for, read acknowledgements, expire what is too old."""
        ...

    def ledger(self) -> Ledger:
        """What became of everything so far."""
        ...

    def close(self, timeout: float) -> Ledger:
        """End the edge: deliver what waits, at most for `timeout` seconds, drop the rest as `shutdown`.

        Under `spool` the rest stays on disk.
        """
        ...


class Opening(Outbox, Protocol):
    """An outbox of a running line, which may become another line."""

    @property
    def linked(self) -> bool:
        """Whether somebody is there to take what is handed over, as far as known."""
        ...

    def retune(self, limits: Queue) -> None:
        """Go by other bounds from now on; not between `spool` and another policy."""
        ...

    def close(self, timeout: float, *, ends: bool = True) -> Ledger:
        """End the edge.

        Args:
            timeout: Seconds; less where the line stops meanwhile and its time to drain is over.
            ends: Tell the consumer that no more will come; another producer of this edge comes after this one if not.
        """
        ...


class Inbox(Protocol):
    """The consumer's end of all edges into one lane. Used by one lane's thread.

    Attributes:
        gathering: What it does when nothing more is there.
    """

    gathering: Gathering

    def receive(self, timeout: float) -> Delivery | None:
        """The next record, or None when none came in `timeout` seconds.

        Raises:
            Closed: When every edge has ended.
        """
        ...

    def done(self, delivery: Delivery, refused: str = "") -> None:
        """The consumer has finished with a record (committed it): the producer may forget it.

        Args:
            delivery: What it has finished with.
            refused: Why it could not keep it, where it could not: the producer counts it as dropped for that reason.
        """
        ...

    def finish(self) -> None:
        """Do not wait for producers that have not ended; may be called by another thread."""
        ...

    def received(self) -> dict[str, int]:
        """Per edge the highest number received from its current producer; may be called by another thread."""
        ...

    def admit(self, edge: Edge) -> None:
        """Take from this edge, too, or go by its new bounds; may be called by another thread.

        It is in `received` as soon as it is so.
        """
        ...

    def dismiss(self, edge: str) -> None:
        """Forget an edge by which nothing more will come; may be called by another thread."""
        ...

    def over(self, edge: str) -> bool:
        """Whether an edge's producer has said that no more will come; may be called by another thread."""
        ...

    def close(self) -> None:
        """Give up the address; what is not done waits for the next consumer."""
        ...
