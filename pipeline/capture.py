"""Run the sources of a topology, and nothing else, and hand over what they give in the order of exposure."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator
from queue import Queue

from pipeline.catalog import Catalog
from pipeline.clock import RealClock
from pipeline.plan import Edge, NodeRun
from pipeline.plan import Lane as Layout
from pipeline.plan import Queue as Bounds
from pipeline.planner import plan
from pipeline.recordings import Given
from pipeline.records import Gap, Record
from pipeline.runtime.cell import Failure
from pipeline.runtime.feed import feed
from pipeline.runtime.lane import Exit, Lane
from pipeline.runtime.sessions import Mark
from pipeline.runtime.turn import Turn
from pipeline.topology import Topology
from pipeline.transport.channel import Ledger

WAITING = 256  # records of one camera that may wait for another camera's


class Tray:
    """Where a source's records wait to be collected; it ends with the source."""

    def __init__(self, node: str) -> None:
        self.name = node
        self._waiting: Queue[Record | None] = Queue(WAITING)
        self._sent = 0

    def send(self, record: Record) -> None:
        """Put a record down; waits while the tray is full."""
        self._sent += 1
        self._waiting.put(record)

    def pump(self) -> None:
        """Nothing to push: it is collected."""

    def ledger(self) -> Ledger:
        """Everything sent will be collected."""
        return Ledger(sent=self._sent, delivered=self._sent)

    def close(self, timeout: float) -> Ledger:  # noqa: ARG002 - an outbox has it
        """Say that this was all."""
        self._waiting.put(None)
        return self.ledger()

    def collect(self) -> Iterator[Given]:
        """Every record, as it comes, until the source has ended."""
        while (record := self._waiting.get()) is not None:
            yield Given(self.name, record)


def capture(topology: Topology, nodes: Catalog, clock: RealClock, failure: Failure) -> Iterator[Given]:
    """What all sources give, merged by time of exposure, then camera; ends when all have ended.

    Every source runs in a thread of its own; the next record is told when each that still runs has given one.

    Args:
        topology: A checked topology.
        nodes: The catalogue it uses.
        clock: Stop it to end them.
        failure: Is told when a source raises; it is then begun anew.
    """
    layouts = [lane for process in plan(topology, nodes, here=True).processes for lane in process.lanes]
    sources = [layout for layout in layouts if nodes[layout.runs[0].use].kind == "source"]
    trays = [_start(layout, nodes, clock, failure) for layout in sources]
    yield from heapq.merge(*(tray.collect() for tray in trays), key=_order)


def _start(layout: Layout, nodes: Catalog, clock: RealClock, failure: Failure) -> Tray:
    source, tray = layout.runs[0], Tray(layout.runs[0].node)
    alone = Layout(name=layout.name, cameras=layout.cameras, runs=(source,))
    kinds = {kind.__name__.lower() for kind in nodes[source.use].gives | {Gap}}
    edge = Edge(
        name=f"{source.node}@{layout.name}→tray",
        source=(source.node, layout.name),
        target=("tray", "tray"),
        kinds=tuple(sorted(kinds)),
        transport="memory",
        address="",
        queue=Bounds(),
        why="what a source gives is collected",
    )
    lane = Lane(alone, nodes, entries=(), exits=[Exit(edge, tray)], turn=Turn(time.monotonic_ns), failure=failure)
    work = (lane, source, layout.cameras[0], clock)
    threading.Thread(target=_feed, args=work, name=layout.name, daemon=True).start()
    return tray


def _feed(lane: Lane, source: NodeRun, camera: str, clock: RealClock) -> None:
    with Mark() as mark:
        feed(lane, source, camera, clock, 0.0, mark=mark)


def _order(given: Given) -> tuple[int, str]:
    return given.record.t_ns, given.record.camera
