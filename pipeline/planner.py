"""Compute the plan of a topology: processes, lanes and edges; the same file always gives the same plan."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import asdict, replace

from pipeline.catalog import Catalog, where
from pipeline.folders import HERE, run_folder, socket_path
from pipeline.placement import Placement, Seat, placement
from pipeline.plan import Edge, Lane, NodeRun, Plan, Policy, Post, Process, Queue, Transport
from pipeline.records import Gap, Image, Record
from pipeline.topology import Topology

MESSAGES = 256  # messages that may wait: eight seconds of a camera at 30 fps
SPOOLED = 1024  # messages that may wait in memory where there is a disk behind it: half a minute of a camera
SPOOLED_BYTES = 16 << 20  # and bytes
PATIENT = 4096  # messages that may wait before a sink on a live line: two minutes of a camera at 30 fps
LINGER = 0.02  # seconds that a node which waits for its batch anyway lets records gather


def plan(topology: Topology, catalog: Catalog, *, here: bool = False, folder: Path | None = None) -> Plan:
    """What runs where, and what connects it.

    Args:
        topology: A checked topology.
        catalog: The nodes it uses.
        here: Run every host's part on this machine.
        folder: Where the sockets of every host are; by default each host's own run folder.

    Raises:
        TopologyError: If a node has inputs on several hosts and none is said.
    """
    return _Planner(topology, catalog, here, folder).plan()


class _Cut(NamedTuple):
    """One edge before it has a name."""

    source: str
    begin: Seat
    target: str
    end: Seat


class _Planner:
    """One topology's plan in the making; nothing outlives the call of `plan`."""

    def __init__(self, topology: Topology, catalog: Catalog, here: bool, folder: Path | None) -> None:
        self._topology, self._here, self._folder = topology, here, folder
        self._specs = {name: catalog[step.use] for name, step in topology.nodes.items()}
        self._placed: Placement = placement(topology, catalog)
        self._lanes = self._placed.lanes()
        self._names = self._named()
        self._cuts = [*self._cut()]
        self._ports = self._numbered()

    def plan(self) -> Plan:
        """Everything that runs, on every host."""
        edges = tuple(map(self._edge, self._cuts))
        processes, posts = tuple(self._processes()), tuple(self._posts())
        return Plan(line=self._topology.name, processes=processes, edges=edges, posts=posts)

    def _named(self) -> dict[Seat, str]:
        """A short name for each lane: of its camera, else of its node, with more only where that is not unique."""
        short = {lane: lane.camera or lane.head for lane in self._lanes}
        taken = Counter(short.values())
        return {
            lane: name if taken[name] == 1 else f"{lane.head}@{lane.camera or lane.host}"
            for lane, name in short.items()
        }

    def _cut(self) -> Iterator[_Cut]:
        """Every pair of nodes that are connected but not in one lane."""
        for target, step in ((name, self._topology.nodes[name]) for name in self._topology.order):
            ends = self._placed.seats[target]
            for source in step.inputs:
                begins = self._placed.seats[source]
                pairs = dict.fromkeys((begins[camera], ends[camera]) for camera in begins if camera in ends)
                yield from (_Cut(source, begin, target, end) for begin, end in pairs if begin != end)

    def _processes(self) -> Iterator[Process]:
        for host in self._topology.hosts:
            lanes = [lane for lane in self._lanes if lane.host == host]
            memory = self._topology.hosts[host].memory
            if shared := [lane for lane in lanes if lane not in self._placed.apart]:
                yield Process(name=host, host=host, lanes=tuple(map(self._lane, shared)), memory=memory)
            for lane in lanes:
                if lane in self._placed.apart:
                    yield Process(name=self._process(lane), host=host, lanes=(self._lane(lane),), memory=memory)

    def _posts(self) -> Iterator[Post]:
        """Where supervisors meet: at the base port of each host that runs something, if there are several."""
        hosts = [host for host in self._topology.hosts if any(lane.host == host for lane in self._lanes)]
        for host in hosts if len(hosts) > 1 and not self._here else ():
            port = self._topology.hosts[host].port
            yield Post(host=host, bound=self._listens(host, port), address=self._found(host, port))

    def _process(self, lane: Seat) -> str:
        return f"{lane.head}@{lane.host}" if lane in self._placed.apart else lane.host

    def _lane(self, lane: Seat) -> Lane:
        cameras = self._placed.cameras(lane.head, lane)
        runs = tuple(self._run(node, lane, cameras) for node in self._placed.nodes(lane))
        carried = dict.fromkeys(self._transport(cut) for cut in self._cuts if cut.end == lane)
        addresses = tuple(self._bound(lane, transport) for transport in sorted(carried))
        return Lane(name=self._names[lane], cameras=cameras, runs=runs, addresses=addresses)

    def _run(self, node: str, lane: Seat, cameras: tuple[str, ...]) -> NodeRun:
        step = self._topology.nodes[node]
        inside = tuple(feed for feed in step.inputs if node != lane.head and lane in self._placed.seats[feed].values())
        overrides = {camera: step.overrides[camera] for camera in cameras if camera in step.overrides}
        found = where(self._specs[node])
        return NodeRun(
            node=node,
            use=step.use,
            target=found,
            params=step.params,
            overrides=overrides,
            inputs=inside,
            watched=self._specs[node].watched,
        )

    def _edge(self, cut: _Cut) -> Edge:
        begin, end = self._names[cut.begin], self._names[cut.end]
        transport = self._transport(cut)
        return Edge(
            name=f"{_at(cut.source, begin)}→{_at(cut.target, end)}",
            source=(cut.source, begin),
            target=(cut.target, end),
            kinds=self._kinds(cut),
            transport=transport,
            address=self._reached(cut.end, transport),
            queue=self._queue(cut),
            why=self._placed.why[cut.begin, cut.end],
            hosts=(cut.begin.host, cut.end.host) if transport == "tcp" else ("", ""),
        )

    def _kinds(self, cut: _Cut) -> tuple[str, ...]:
        """What is given and taken; gaps as well where anybody behind the edge takes them."""
        kinds = self._carried(cut)
        if not any(self._pictured(cut.source, camera) for camera in self._placed.cameras(cut.source, cut.begin)):
            kinds -= {Image}
        gaps = {Gap} if any(Gap in self._specs[name].takes for name in self._behind(cut.target)) else set()
        return tuple(sorted(kind.__name__.lower() for kind in kinds | gaps))

    def _carried(self, cut: _Cut) -> frozenset[type[Record]]:
        return self._specs[cut.source].gives & self._specs[cut.target].takes

    def _pictured(self, node: str, camera: str) -> bool:
        """Whether the topology says `images: true` at a camera of a source that is this node, or feeds it."""
        step = self._topology.nodes[node]
        if self._specs[node].kind == "source":
            return step.overrides.get(camera, {}).get("images") is True
        return any(self._pictured(feed, camera) for feed in step.inputs)

    def _behind(self, node: str) -> set[str]:
        """A node and everything it feeds, however far."""
        found = {node}
        for name in self._topology.order:
            if found.intersection(self._topology.nodes[name].inputs):
                found.add(name)
        return found

    def _transport(self, cut: _Cut) -> Transport:
        """Memory only where all that feeds the lane is in its process: an inbox is either memory or ZeroMQ."""
        if cut.begin.host != cut.end.host and not self._here:
            return "tcp"
        home = self._process(cut.end)
        inside = all(self._process(other.begin) == home for other in self._cuts if other.end == cut.end)
        return "memory" if inside else "ipc"

    def _numbered(self) -> dict[Seat, int]:
        """A port for each lane that is reached from another host: above the host's base port, in the lanes' order."""
        reached = [lane for lane in self._lanes if any(c.end == lane and c.begin.host != lane.host for c in self._cuts)]
        after = {host: count(each.port + 1) for host, each in self._topology.hosts.items()}
        return {lane: next(after[lane.host]) for lane in reached}

    def _bound(self, lane: Seat, transport: Transport) -> str:
        """Where a lane listens."""
        tcp = transport == "tcp"
        return self._listens(lane.host, self._ports[lane]) if tcp else self._reached(lane, transport)

    def _reached(self, lane: Seat, transport: Transport) -> str:
        """Where a producer finds a lane."""
        if transport == "tcp":
            return self._found(lane.host, self._ports[lane])
        return (
            f"ipc://{socket_path(self._sockets(lane.host), self._names[lane])}"
            if transport == "ipc"
            else f"memory://{self._names[lane]}"
        )

    def _listens(self, host: str, port: int) -> str:
        """A port of a host as it binds it; a host known by name listens on all its addresses."""
        return self._found(host, port) if _numeric(self._topology.hosts[host].address) else f"tcp://*:{port}"

    def _found(self, host: str, port: int) -> str:
        """A port of a host as others reach it."""
        address = self._topology.hosts[host].address
        return f"tcp://{f'[{address}]' if ':' in address else address}:{port}"

    def _sockets(self, host: str) -> Path:
        return self._folder or run_folder(self._topology.name, HERE if self._here else host)

    def _queue(self, cut: _Cut) -> Queue:
        """The bounds that the file gives, over the defaults of the policy."""
        said = self._topology.nodes[cut.target].queue
        given = {name: value for name, value in asdict(said).items() if value is not None}
        return replace(self._default(cut, said.policy or self._policy(cut)), **given)

    def _policy(self, cut: _Cut) -> Policy:
        """What waits behind a live source must be let go, or, where its sink commits what it carries, put on disk."""
        said = self._topology.nodes[cut.target].queue
        if said.spool is not None or said.survives is not None:
            return "spool"
        if not self._live(cut.source):
            return "block"
        spec = self._specs[cut.target]
        durable = spec.commits and self._carried(cut) - spec.passing and self._transport(cut) != "memory"
        return "spool" if durable else "drop_oldest"

    def _default(self, cut: _Cut, policy: Policy) -> Queue:
        spec = self._specs[cut.target]
        linger = LINGER if spec.batch else 0.0
        if policy == "latest":
            return Queue(policy=policy, messages=len(self._placed.cameras(cut.source, cut.begin)), linger=linger)
        if policy == "spool":
            return Queue(policy=policy, messages=SPOOLED, bytes=SPOOLED_BYTES, linger=linger)
        patient = policy == "drop_oldest" and spec.kind == "sink"
        return Queue(policy=policy, messages=PATIENT if patient else MESSAGES, linger=linger)

    def _live(self, node: str) -> bool:
        """Whether anything that feeds a node cannot wait."""
        step = self._topology.nodes[node]
        return self._specs[node].live or any(map(self._live, step.inputs))


def _at(node: str, lane: str) -> str:
    return node if lane == node else f"{node}@{lane.removeprefix(node + '@')}"


def _numeric(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
