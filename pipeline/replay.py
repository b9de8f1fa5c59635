"""Run a whole topology over records in one thread: the same lanes and steps as on a line, with time that jumps.

Lanes hand records to one another directly, so every record goes as deep as it can before the next
one comes. Time is the exposure time of the records: the same records give the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from graphlib import TopologicalSorter
from typing import Any

from msgspec.structs import replace

from pipeline.catalog import Catalog
from pipeline.clock import FakeClock
from pipeline.errors import KensaError
from pipeline.faults import listed, meant
from pipeline.plan import Edge, Plan, Process
from pipeline.plan import Lane as Layout
from pipeline.planner import plan
from pipeline.recordings import Given
from pipeline.records import Record
from pipeline.runtime.cell import Failure, Tap
from pipeline.runtime.health import NodeHealth
from pipeline.runtime.histogram import merge
from pipeline.runtime.lane import Exit, Lane
from pipeline.runtime.turn import Turn
from pipeline.topology import Topology
from pipeline.transport.channel import Ledger

COUNTED = 4096  # records after which what lanes have noted is counted


class Link:
    """An edge that is a call: whatever is sent has been worked on when `send` returns."""

    def __init__(self, edge: Edge) -> None:
        self.name, self._node = edge.name, edge.target[0]
        self._sent = 0
        self.target: Lane | None = None

    def send(self, record: Record) -> None:
        """Work on a record in the lane at the other end."""
        assert self.target is not None
        self._sent += 1
        self.target.push(self._node, record)

    def pump(self) -> None:
        """Nothing ever waits."""

    def ledger(self) -> Ledger:
        """Everything sent was delivered."""
        return Ledger(sent=self._sent, delivered=self._sent)

    def close(self, timeout: float) -> Ledger:  # noqa: ARG002 - an outbox has it
        """Nothing waits."""
        return self.ledger()


class Replay:
    """A topology at work in this thread.

    Args:
        topology: A checked topology.
        nodes: The catalogue it uses.
        sinks: Whether its sinks work; where not, they are left out.
        watch: Is shown each record that a node gives, with the node's name.
        failure: Is told when a node raises; the record has then become a gap, as on a line.
    """

    def __init__(
        self, topology: Topology, nodes: Catalog, *, failure: Failure, sinks: bool = True, watch: Tap | None = None
    ) -> None:
        whole = plan(topology, nodes, here=True)
        self._plan = whole if sinks else _sinkless(whole, nodes)
        self._failure, self._clock = failure, FakeClock()
        self._links = {edge.name: Link(edge) for edge in self._plan.edges}
        self._lanes = {layout.name: self._lane(layout, nodes) for layout in _ordered(self._plan)}
        self._seats = {
            (run.node, camera): at for at in _ordered(self._plan) for run in at.runs for camera in at.cameras
        }
        for edge in self._plan.edges:
            self._links[edge.name].target = self._lanes[edge.target[1]]
        for lane in self._lanes.values():
            for node in lane.cells if watch else ():
                lane.tap(node, watch)
            lane.open()

    def give(self, node: str, record: Record) -> None:
        """Let a source give a record, and carry on until nothing more comes of it.

        Raises:
            KensaError: If the topology has no such source or no such camera.
        """
        lane = self._seat(node, record)
        lane.turn.number += 1
        lane.turn.origin_ns = time.monotonic_ns()
        lane.cells[node].give(record)
        if not lane.turn.number % COUNTED:
            lane.health()

    def enter(self, node: str, record: Record) -> None:
        """Let a record come to a node as if one of its inputs had given it, and carry on.

        Raises:
            KensaError: If the topology has no such node or no such camera.
        """
        self._seat(node, record).push(node, record)

    def close(self) -> None:
        """End every node, each after those that feed it."""
        for lane in self._lanes.values():
            lane.close()

    def health(self) -> dict[str, NodeHealth]:
        """What each node counted, over all its lanes."""
        found: dict[str, list[NodeHealth]] = {}
        for lane in self._lanes.values():
            for health in lane.health():
                found.setdefault(health.node, []).append(health)
        return {node: _sum(parts) for node, parts in found.items()}

    def _lane(self, layout: Layout, nodes: Catalog) -> Lane:
        edges = self._plan.edges
        return Lane(
            layout,
            nodes,
            entries=[edge for edge in edges if edge.target[1] == layout.name],
            exits=[Exit(edge, self._links[edge.name]) for edge in edges if edge.source[1] == layout.name],
            turn=Turn(self._clock.now_ns),
            failure=self._failure,
        )

    def _seat(self, node: str, record: Record) -> Lane:
        """The lane a record belongs to; time jumps to its exposure, and batches whose time is up are closed."""
        layout = self._seats.get((node, record.camera))
        if layout is None:
            known = {camera for name, camera in self._seats if name == node}
            if not known:
                raise KensaError(
                    f"expected a node of the topology, got '{node}'{meant(node, {n for n, _ in self._seats})}"
                )
            raise KensaError(
                f"node '{node}' serves {listed(sorted(known), 'and')}, got a record of camera '{record.camera}'"
            )
        self._clock.wait_until(record.t_ns)
        for lane in self._lanes.values():
            lane.poll()
        return self._lanes[layout.name]


def replay(topology: Topology, nodes: Catalog, given: Iterable[Given], **how: Any) -> dict[str, NodeHealth]:
    """Run a topology over what its sources gave; returns what each node counted.

    Args:
        topology: A checked topology.
        nodes: The catalogue it uses.
        given: Records with the sources that gave them, in order; where there is one source only,
            they may come from one of another name.
        how: `failure`, `sinks` and `watch`, as `Replay` takes them.

    Raises:
        KensaError: If the topology has no such source or no such camera.
    """
    run = Replay(topology, nodes, **how)
    sources = [name for name, step in topology.nodes.items() if nodes[step.use].kind == "source"]
    for node, record in given:
        run.give(sources[0] if len(sources) == 1 else node, record)
    run.close()
    return run.health()


def _ordered(whole: Plan) -> list[Layout]:
    """Every lane, each after those that feed it."""
    layouts = {lane.name: lane for process in whole.processes for lane in process.lanes}
    feeds = {name: [edge.source[1] for edge in whole.edges if edge.target[1] == name] for name in layouts}
    return [layouts[name] for name in TopologicalSorter(feeds).static_order()]


def _sinkless(whole: Plan, nodes: Catalog) -> Plan:
    sinks = {run.node for lane in _ordered(whole) for run in lane.runs if nodes[run.use].kind == "sink"}
    lanes = [replace(lane, runs=tuple(r for r in lane.runs if r.node not in sinks)) for lane in _ordered(whole)]
    kept = Process(name=whole.line, host="", lanes=tuple(lane for lane in lanes if lane.runs))
    return replace(whole, processes=(kept,), edges=tuple(edge for edge in whole.edges if edge.target[0] not in sinks))


def _sum(parts: list[NodeHealth]) -> NodeHealth:
    """One node over several lanes."""
    return replace(
        parts[0],
        lane=", ".join(part.lane for part in parts),
        taken=sum(part.taken for part in parts),
        given=sum(part.given for part in parts),
        failed=sum(part.failed for part in parts),
        restarts=sum(part.restarts for part in parts),
        latency=merge(part.latency for part in parts),
        age=merge(part.age for part in parts),
    )
