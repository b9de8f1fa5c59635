"""A fused chain of nodes in one thread: what comes in is worked on until nothing more comes of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.catalog import Catalog
from pipeline.clock import line_time
from pipeline.plan import Edge
from pipeline.plan import Lane as Layout
from pipeline.records import Record
from pipeline.runtime.batches import Batches
from pipeline.runtime.build import build
from pipeline.runtime.cell import Cell, Failure, Tap
from pipeline.runtime.health import NodeHealth
from pipeline.runtime.turn import Turn
from pipeline.runtime.veil import veiled
from pipeline.transport.channel import Closed, Delivery, Inbox, Ledger, Outbox

IDLE_S = 0.25


class Exit(NamedTuple):
    """An edge that leaves a lane, and the outbox that carries it."""

    edge: Edge
    outbox: Outbox


class Lane:
    """The nodes of a lane, joined up: records go through depth-first, in the order of the plan.

    `open` it and use it in one thread: its nodes are greenlets of that thread. `health` and `tap` are for any.

    Attributes:
        name: Unique in the plan.
        turn: Where it stands.
        cells: Its nodes, each after those that feed it.
        exits: The edges that leave it.
        batches: Its nodes that read lists.
        again: Another lane takes its place when it ends.
    """

    def __init__(
        self,
        layout: Layout,
        catalog: Catalog,
        *,
        entries: Sequence[Edge],
        exits: Sequence[Exit],
        turn: Turn,
        failure: Failure,
    ) -> None:
        self.name, self.turn, self.exits = layout.name, turn, tuple(exits)
        turn.lost = set() if entries else None
        self.cells: dict[str, Cell] = {}
        for run in layout.runs:
            spec = veiled(catalog[run.use], run, layout.cameras)
            step = None if spec.shape == "source" else build(run, spec, turn)
            cell = self.cells[run.node] = Cell(run.node, spec, step, turn, failure)
            for before in run.inputs:
                self.cells[before].after.append(cell)
        for edge, outbox in exits:
            self.cells[edge.source[0]].exits.append((frozenset(edge.kinds), outbox))
        self._doors = {edge.name: self.cells[edge.target[0]] for edge in entries}
        self.batches = [(cell, cell.step) for cell in self.cells.values() if isinstance(cell.step, Batches)]
        self._durable = any(edge.queue.policy == "spool" for edge in entries)
        for _, step in self.batches:
            step.again = self._durable
        self._held: deque[tuple[int, Delivery]] = deque()
        self._lock = threading.Lock()
        self._left = self._released = self.again = False

    def open(self) -> None:
        """Begin the runs that need no record to begin."""
        for cell in self.cells.values():
            cell.open()

    def push(self, node: str, record: Record) -> None:
        """Let a record come to one of the nodes, and carry on until nothing more comes of it."""
        self.turn.number += 1
        self.turn.origin_ns = record.t_ns - line_time.epoch_ns
        for target in self.cells[node].entrance(type(record)):
            target(record)

    def accept(self, delivery: Delivery) -> None:
        """Let a delivery in; `settled` will say when it was done with."""
        turn, record, cell = self.turn, delivery.record, self._doors[delivery.edge]
        turn.number += 1
        turn.origin_ns = record.t_ns - line_time.epoch_ns
        self._held.append((turn.number, delivery))
        kind = type(record)
        if kind in cell.spec.takes:
            cell.take(record)
        else:
            for target in cell.entrance(kind):
                target(record)

    def settled(self) -> Iterator[tuple[Delivery, str]]:
        """Deliveries that are done with, in order: those that no open batch may still hold a piece of.

        With each, why a sink could not keep it; empty where it could.
        """
        waiting = [batch.turn for _, step in self.batches for batch in step.pending.values()]
        first = min(waiting, default=self.turn.number + 1)
        while self._held and self._held[0][0] < first:
            turn, delivery = self._held.popleft()
            yield delivery, self._refusal(turn) if self.turn.lost else ""

    def _refusal(self, turn: int) -> str:
        lost = self.turn.lost
        if lost is None or turn not in lost:
            return ""
        lost.remove(turn)
        return "error"

    def poll(self) -> None:
        """Hand over the batches whose time is up."""
        if not self.batches:
            return
        now = self.turn.now()
        for cell, step in self.batches:
            for key in [key for key, batch in step.pending.items() if batch.deadline_ns <= now]:
                cell.close_batch(key)

    def hand_over(self) -> bool:
        """Hand over every open batch; False where none is, or the world is in the way of one.

        What it refuses is told by its producer before that ends: the lane goes on.
        """
        waiting = [(cell, key) for cell, step in self.batches for key in step.pending]
        for cell, key in waiting:
            cell.close_batch(key)
        return bool(waiting) and not any(step.pending for _, step in self.batches)

    def patience(self) -> float:
        """How long it may wait for the next record before `poll` is due, s."""
        deadlines = [batch.deadline_ns for _, step in self.batches for batch in step.pending.values()]
        if not deadlines:
            return IDLE_S
        return min(IDLE_S, max(0.0, (min(deadlines) - self.turn.now()) / 1e9))

    def close(self) -> None:
        """End every run, each after those that feed it, and hand on what they still give."""
        for cell in self.cells.values():
            cell.close()

    def learn(self, layout: Layout, entries: Sequence[Edge]) -> None:
        """What differs for cameras that it has not met yet, and the edges they come by; any thread may tell."""
        for run in layout.runs:
            if step := self.cells[run.node].step:
                step.calls.learn(run)
        self._doors |= {edge.name: self.cells[edge.target[0]] for edge in entries}

    def connect(self, exits: Sequence[Exit]) -> None:
        """Give to these edges from the next record on, and to no others; any thread may ask."""
        self.exits = tuple(exits)
        for node, cell in self.cells.items():
            cell.connect([(frozenset(edge.kinds), outbox) for edge, outbox in exits if edge.source[0] == node])

    def release(self, *, again: bool) -> bool:
        """Leave its edges open when it ends: somebody else goes on with them; any thread may ask.

        Args:
            again: Another lane takes its place at once: what a sink cannot keep now is not lost, but left to that one.

        Returns:
            False where it has begun to close them.
        """
        with self._lock:
            if self._left:
                return False
            self._released, self.again = True, again
            for _, step in self.batches:
                step.again = self._durable or (again and self.turn.lost is not None)
            return True

    @property
    def released(self) -> bool:
        """Whether somebody else goes on with its edges."""
        return self._released

    def leave(self, timeout: float) -> dict[str, Ledger]:
        """Close the edges that leave it, all of them within `timeout` seconds; returns their last ledgers.

        They are closed side by side: a sink that gathers a batch hands it over at the end of all its edges.
        """
        with self._lock:
            if self._released:
                return {}
            self._left = True
        ledgers: dict[str, Ledger] = {}

        def close(edge: Edge, outbox: Outbox) -> None:
            ledgers[edge.name] = outbox.close(timeout)

        closing = [threading.Thread(target=close, args=each, daemon=True) for each in self.exits]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
        return ledgers

    def pump(self) -> None:
        """Send what has gathered on the edges that leave it."""
        for _, outbox in self.exits:
            outbox.pump()

    def tap(self, node: str, tap: Tap | None) -> None:
        """Show what a node gives to `tap`, or no longer; a node of another lane is ignored."""
        if node in self.cells:
            self.cells[node].tap(tap)

    def health(self) -> tuple[NodeHealth, ...]:
        """What its nodes tell the supervisor."""
        return tuple(cell.health(self.name, len(self._held)) for cell in self.cells.values())


def serve(lane: Lane, inbox: Inbox, timeout: float) -> None:
    """Work until every edge into a lane has ended, then drain it.

    A producer learns that a record is done with only after everything that came of it was worked
    on, and any batch with a piece of it was handed over.
    """
    lane.open()
    inbox.gathering.idle = lane.pump if any(edge.queue.linger for edge, _ in lane.exits) else None
    while True:
        delivery = None
        try:
            delivery = inbox.receive(lane.patience())
        except Closed:
            if not lane.hand_over():
                break
        if delivery is not None:
            lane.accept(delivery)
        lane.poll()
        for done, refused in lane.settled():
            inbox.done(done, refused)
    lane.close()
    for done, refused in lane.settled():
        inbox.done(done, refused)
    lane.leave(timeout)
    inbox.close()
