"""Where each node runs for each camera, and in which lane: the fusion rule, as pure arithmetic.

A node joins its input's lane if it is a map or runs per camera, is not isolated, has no spool, is on the same
host, and all its inputs are in that lane. Everything else is a cut with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.catalog import Catalog
from pipeline.errors import TopologyError
from pipeline.node import Spec
from pipeline.topology import Step, Topology


class Seat(NamedTuple):
    """A lane before it has a name: the node it begins with, on a host; one per camera for a source."""

    head: str
    host: str
    camera: str = ""


class Crowd(NamedTuple):
    """A node whose inputs for one camera are on several hosts: nobody can say where it should run."""

    node: str
    camera: str
    hosts: tuple[str, ...]


class Placement:
    """Every node's lanes.

    Attributes:
        seats: For each node, the lane it runs in for each camera.
        apart: Lanes that have a process of their own.
        why: Why one lane ends and another begins: (from, to) → reasons.
        crowds: Nodes that cannot be placed; they and what they feed are left out.
    """

    def __init__(self, topology: Topology, catalog: Catalog) -> None:
        self._topology = topology
        self.seats: dict[str, dict[str, Seat]] = {}
        self.apart: set[Seat] = set()
        self.why: dict[tuple[Seat, Seat], str] = {}
        self.crowds: list[Crowd] = []
        for name in topology.order:
            step = topology.nodes[name]
            spec = catalog[step.use]
            self.seats[name] = self._source(name, step) if spec.kind == "source" else self._fed(name, step, spec)

    def cameras(self, node: str, seat: Seat) -> tuple[str, ...]:
        """The cameras a node serves in one lane."""
        return tuple(camera for camera, taken in self.seats[node].items() if taken == seat)

    def lanes(self) -> list[Seat]:
        """Every lane, each after those that feed it."""
        return [*dict.fromkeys(seat for seats in self.seats.values() for seat in seats.values())]

    def nodes(self, lane: Seat) -> list[str]:
        """The nodes of a lane, each after those that feed it."""
        return [node for node, seats in self.seats.items() if lane in seats.values()]

    def _source(self, name: str, step: Step) -> dict[str, Seat]:
        cameras = self._topology.cameras.items()
        return {camera: Seat(name, host, camera) for camera, host in cameras if step.at in (None, host)}

    def _fed(self, name: str, step: Step, spec: Spec) -> dict[str, Seat]:
        """A node's lanes by camera.

        A lane that it takes from together with another one is joined by none of its cameras: for all of them the
        answer must be the same, or the lane would have to ask each record where it goes.
        """
        feeds = {camera: self._lanes(camera, step) for camera in self._topology.cameras}
        tangled = {lane for lanes in feeds.values() if len(lanes) > 1 for lane in lanes}
        seats: dict[str, Seat] = {}
        for camera, lanes in feeds.items():
            host = step.at or self._host(name, camera, lanes)
            if host is None or not lanes:
                continue
            own = Seat(name, host)
            reasons = {lane: [*_cuts(own, step, spec, lane, lane in tangled)] for lane in lanes}
            if any(reasons.values()):
                seats[camera] = own
                self.why |= {(lane, own): "; ".join(said) for lane, said in reasons.items()}
            else:
                seats[camera] = lanes[0]
        if step.isolate or _spooled(step) or (spec.kind == "sink" and spec.per is None):
            self.apart.update(seats.values())
        return seats

    def _lanes(self, camera: str, step: Step) -> list[Seat]:
        """The lanes that a camera's records come from."""
        return [*dict.fromkeys(self.seats[feed][camera] for feed in step.inputs if camera in self.seats[feed])]

    def _host(self, name: str, camera: str, lanes: list[Seat]) -> str | None:
        hosts = tuple(dict.fromkeys(lane.host for lane in lanes))
        if len(hosts) > 1:
            self.crowds.append(Crowd(name, camera, hosts))
        return hosts[0] if len(hosts) == 1 else None


def _cuts(seat: Seat, step: Step, spec: Spec, lane: Seat, tangled: bool) -> Iterator[str]:
    """Why a node cannot join a lane that feeds it; nothing where it can."""
    name = seat.head
    if step.isolate:
        yield f"'{name}' is isolated"
    elif _spooled(step):
        yield f"'{name}' has a spool: its own process"
    if spec.per is None and spec.kind == "sink":
        yield f"sink '{name}' sees all cameras: its own process"
    elif spec.per is None and spec.shape == "stream":
        yield f"'{name}' keeps one state for all cameras"
    elif tangled:
        yield f"'{name}' takes from several lanes"
    if lane.host != seat.host:
        yield f"'{name}' runs on {seat.host}"


def _spooled(step: Step) -> bool:
    """Whether the file asks for a spool: what dies together with its consumer would save nothing on a disk."""
    queue = step.queue
    return queue.policy == "spool" or queue.spool is not None or queue.survives is not None


def placement(topology: Topology, catalog: Catalog) -> Placement:
    """Where everything runs.

    Raises:
        TopologyError: If a node has inputs on several hosts and none is said.
    """
    placed = Placement(topology, catalog)
    if placed.crowds:
        raise TopologyError("\n".join(map(crowded, placed.crowds)))
    return placed


def crowded(crowd: Crowd) -> str:
    """What to do about a node that cannot be placed."""
    return f"'{crowd.node}' takes '{crowd.camera}' from hosts {' and '.join(crowd.hosts)}: say where it runs with `at`"
