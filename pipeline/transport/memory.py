"""Edges between lanes of one process: records pass by reference, under the same policies as on the wire."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.clock import line_time
from pipeline.plan import Edge, Queue
from pipeline.records import Record
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.channel import Closed, Delivery, Ledger
from pipeline.transport.context import Context
from pipeline.transport.flow import Flow
from pipeline.transport.gathering import Gathering
from pipeline.transport.item import Item
from pipeline.transport.size import nominal

SLICE = 0.1  # seconds after which one who waits looks whether the line stops
FINISH_WITHIN = 0.5  # seconds in which a finishing consumer still takes from a producer that does not stop


class MemoryOutbox:
    """The producer's end of a memory edge."""

    def __init__(self, edge: Edge, incarnation: str, context: Context) -> None:
        self.name = edge.name
        self._context = context
        self._hub = context.hub(edge.address)
        self._flow = Flow(edge.name, _bounds(edge.queue))
        self._closed = False
        with self._hub.lock:
            self._hub.flows[edge.name] = (incarnation, self._flow)

    @property
    def linked(self) -> bool:
        """Its consumer lives in the same process: it is always there."""
        return True

    def send(self, record: Record) -> None:
        """Hand a record over; under `block` this waits while the queue is full."""
        now = time.monotonic()
        item = Item(record.camera, record.session, record.seq, record.t_ns, record, nominal(record), now)
        with self._hub.lock:
            if self._admit(item, now):
                self._hub.arrived.notify()
            else:
                self._flow.queue.turn_away(item, "shutdown")

    def _admit(self, item: Item, now: float) -> bool:
        while not self._closed:
            if self._flow.offer(item, now):
                return True
            if self._context.given_up:
                return False
            self._hub.room.wait(SLICE)
            now = time.monotonic()
        return False

    def pump(self) -> None:
        """Expire what is too old."""
        with self._hub.lock:
            self._flow.queue.expire(time.monotonic())

    def ledger(self) -> Ledger:
        """What became of everything so far."""
        with self._hub.lock:
            return self._flow.ledger()

    def retune(self, limits: Queue) -> None:
        """Go by other bounds from now on."""
        with self._hub.lock:
            self._flow.retune(_bounds(limits))
            self._hub.room.notify_all()

    def close(self, timeout: float, *, ends: bool = True) -> Ledger:
        """End the edge: wait until all is done, at most for `timeout` seconds; drop the rest as `shutdown`."""
        deadline = time.monotonic() + timeout
        with self._hub.lock:
            if ends:
                self._flow.end()
            self._hub.arrived.notify()
            while not (self._closed or self._over(ends)) and (left := deadline - time.monotonic()) > 0:
                if self._context.given_up:
                    break
                self._hub.room.wait(min(left, SLICE))
            if not self._closed and not self._over(ends):
                self._flow.abandon("shutdown")
            self._closed = True
            self._hub.room.notify_all()
            return self._flow.ledger()

    def _over(self, ends: bool) -> bool:
        return self._flow.finished if ends else self._flow.drained


class MemoryInbox:
    """The consumer's end of all memory edges into one lane."""

    def __init__(self, address: str, edges: Sequence[Edge], context: Context) -> None:
        self._hub = context.hub(address)
        self._arrivals = {edge.name: Arrivals(edge.name) for edge in edges}
        self._turns = deque(self._arrivals)
        self._ready: deque[Delivery] = deque()
        self.gathering = Gathering()
        self._finishing = False
        self._finish_by = 0.0
        with self._hub.lock:
            for _, flow in self._hub.flows.values():
                flow.rewind()

    def receive(self, timeout: float) -> Delivery | None:
        """The next record, edges taking turns, or None when none came in `timeout` seconds.

        Raises:
            Closed: When every edge has ended.
        """
        deadline = time.monotonic() + timeout
        with self._hub.lock:
            while True:
                if self._ready or (not self._late() and self._pull()):
                    return self._ready.popleft()
                if self._finishing or all(arrivals.ended for arrivals in self._arrivals.values()):
                    raise Closed
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._hub.arrived.wait(left)

    def done(self, delivery: Delivery, refused: str = "") -> None:
        """The consumer has finished with a record: committed it, or refused it for a reason."""
        with self._hub.lock:
            arrivals = self._arrivals.get(delivery.edge)
            if arrivals is None:
                return
            incarnation, flow = self._hub.flows[delivery.edge]
            if delivery.number and incarnation == delivery.producer == arrivals.producer:
                arrivals.settle(delivery.number, refused)
                self._settle(arrivals, flow)

    def finish(self) -> None:
        """Do not wait for producers that have not ended; may be called by another thread."""
        with self._hub.lock:
            if not self._finishing:
                self._finishing, self._finish_by = True, time.monotonic() + FINISH_WITHIN
            self._hub.arrived.notify()

    def received(self) -> dict[str, int]:
        """Per edge the highest number received from its current producer."""
        with self._hub.lock:
            return {name: arrivals.received for name, arrivals in self._arrivals.items()}

    def admit(self, edge: Edge) -> None:
        """Take from this edge, too; may be called by another thread."""
        with self._hub.lock:
            if edge.name not in self._arrivals:
                self._arrivals[edge.name] = Arrivals(edge.name)
                self._turns.append(edge.name)
                self._hub.arrived.notify()

    def dismiss(self, edge: str) -> None:
        """Forget an edge by which nothing more will come; may be called by another thread."""
        with self._hub.lock:
            if self._arrivals.pop(edge, None):
                self._turns.remove(edge)
                self._hub.flows.pop(edge, None)
                self._hub.arrived.notify()

    def over(self, edge: str) -> bool:
        """Whether an edge's producer has said that no more will come."""
        with self._hub.lock:
            return edge not in self._arrivals or self._arrivals[edge].ended

    def close(self) -> None:
        """Leave; what is not done waits for the next consumer."""

    def _late(self) -> bool:
        """Whether it finishes, and a producer that does not stop was taken from for long enough."""
        return self._finishing and time.monotonic() > self._finish_by

    def _pull(self) -> bool:
        """Take from the first edge that has something, beginning after the one served last."""
        now = time.monotonic()
        for _ in range(len(self._turns)):
            name = self._turns[0]
            self._turns.rotate(-1)
            if name in self._hub.flows and self._serve(self._arrivals[name], *self._hub.flows[name], now):
                return True
        return False

    def _serve(self, arrivals: Arrivals, producer: str, flow: Flow, now: float) -> bool:
        while not self._ready and (entry := flow.peek(now)) is not None:
            number, item = entry
            arrivals.meet(producer, flow.base)
            arrivals.accept(number)
            flow.sent()
            flow.acknowledge(number, 0)
            self._take(arrivals, number, item)
            self._settle(arrivals, flow)
        return bool(self._ready)

    def _take(self, arrivals: Arrivals, number: int, item: Item) -> None:
        record = item.payload
        if not isinstance(record, Record):
            self._ready.extend(arrivals.end(number, line_time.now_ns()))
            return
        self._ready.extend(arrivals.place(number, record))

    def _settle(self, arrivals: Arrivals, flow: Flow) -> None:
        flow.acknowledge(0, arrivals.done, arrivals.refused(flow.base - 1))
        self._hub.room.notify_all()


def _bounds(limits: Queue) -> Queue:
    """Both ends of a memory edge die together, so a disk would save nothing there: `spool` waits like `block`."""
    return replace(limits, policy="block") if limits.policy == "spool" else limits
