"""Edges between lanes of one process: records pass by reference, under the same policies as on the wire."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from pipeline.plan import Edge
from pipeline.records import Record
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.channel import Closed, Delivery, Ledger
from pipeline.transport.context import Context
from pipeline.transport.flow import Flow
from pipeline.transport.item import Item
from pipeline.transport.size import nominal

SLICE = 0.1  # seconds after which one who waits looks whether the line stops


class MemoryOutbox:
    """The producer's end of a memory edge."""

    def __init__(self, edge: Edge, incarnation: str, context: Context) -> None:
        self.name = edge.name
        self._context = context
        self._hub = context.hub(edge.address)
        self._flow = Flow(edge.name, edge.queue)
        self._closed = False
        with self._hub.lock:
            self._hub.flows[edge.name] = (incarnation, self._flow)

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

    def close(self, timeout: float) -> Ledger:
        """End the edge: wait until all is done, at most for `timeout` seconds; drop the rest as `shutdown`."""
        with self._hub.lock:
            self._flow.end()
            self._hub.arrived.notify()
            if not self._hub.room.wait_for(lambda: self._flow.finished or self._closed, timeout):
                self._flow.abandon("shutdown")
            self._closed = True
            self._hub.room.notify_all()
            return self._flow.ledger()


class MemoryInbox:
    """The consumer's end of all memory edges into one lane."""

    def __init__(self, address: str, edges: Sequence[Edge], context: Context) -> None:
        self._hub = context.hub(address)
        self._arrivals = {edge.name: Arrivals(edge.name) for edge in edges}
        self._turns = deque(self._arrivals)
        self._ready: deque[Delivery] = deque()
        self._finishing = False
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
                if self._ready or self._pull():
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
            arrivals = self._arrivals[delivery.edge]
            incarnation, flow = self._hub.flows[delivery.edge]
            if delivery.number and incarnation == delivery.producer == arrivals.producer:
                arrivals.settle(delivery.number, refused)
                self._settle(arrivals, flow)

    def finish(self) -> None:
        """Do not wait for producers that have not ended; may be called by another thread."""
        with self._hub.lock:
            self._finishing = True
            self._hub.arrived.notify()

    def received(self) -> dict[str, int]:
        """Per edge the highest number received from its current producer."""
        return {name: arrivals.received for name, arrivals in self._arrivals.items()}

    def close(self) -> None:
        """Leave; what is not done waits for the next consumer."""

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
            arrivals.end(number)
            return
        self._ready.extend(arrivals.place(number, record))

    def _settle(self, arrivals: Arrivals, flow: Flow) -> None:
        flow.acknowledge(0, arrivals.done)
        self._hub.room.notify_all()
