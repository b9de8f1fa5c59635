"""Take a process apart that crashes, so that the part of it that is at fault stands alone: plan in, plan out, pure.

First its lanes part, which shows the camera; then the nodes of the lane that still crashes, which shows the node.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from pipeline.folders import socket_path
from pipeline.plan import Edge, Lane, NodeRun, Plan, Process, Queue
from pipeline.records import KINDS

WHY = "its process crashed: each part of it runs alone, so that the one at fault shows"
ALL = tuple(sorted(kind.__name__.lower() for kind in KINDS))
MESSAGES = 256  # that may wait between two nodes of a lane: eight seconds of a camera at 30 fps


def divisible(process: Process) -> bool:
    """Whether a process runs more than one node."""
    return sum(len(lane.runs) for lane in process.lanes) > 1


def split(plan: Plan, name: str, folder: Path) -> Plan:
    """The plan with one process taken apart; the plan itself where that process runs a single node.

    Lanes and edges that were there keep their names, so that accounts go on and what is not done is sent again.

    Args:
        plan: A plan.
        name: A process of it.
        folder: Where the sockets of its host are.
    """
    process = next(process for process in plan.processes if process.name == name)
    if not divisible(process):
        return plan
    apart = _lanes_apart if len(process.lanes) > 1 else _nodes_apart
    return apart(plan, process, folder)


def _lanes_apart(plan: Plan, process: Process, folder: Path) -> Plan:
    """A process for each lane; what was handed over in memory goes through a socket."""
    met = {address for lane in process.lanes for address in lane.addresses if address.startswith("memory://")}
    moved = {lane.name: _ipc(folder, lane.name) for lane in process.lanes if met.intersection(lane.addresses)}
    lanes = [_at(lane, moved[lane.name]) if lane.name in moved else lane for lane in process.lanes]
    edges = (
        replace(edge, transport="ipc", address=moved[edge.target[1]]) if edge.target[1] in moved else edge
        for edge in plan.edges
    )
    return _planned(plan, process, [(lane.name, lane) for lane in lanes], edges)


def _nodes_apart(plan: Plan, process: Process, folder: Path) -> Plan:
    """A process and a lane for each node; the first keeps the lane's name and where it listens."""
    (lane,) = process.lanes
    names = {run.node: f"{run.node}@{lane.name}" for run in lane.runs}
    names[lane.runs[0].node] = lane.name
    lanes = [
        Lane(
            name=names[run.node],
            cameras=lane.cameras,
            runs=(replace(run, inputs=()),),
            addresses=(_ipc(folder, names[run.node]),) if run.inputs else lane.addresses,
        )
        for run in lane.runs
    ]
    old = [_from(edge, names[edge.source[0]]) if edge.source[1] == lane.name else edge for edge in plan.edges]
    live = any(edge.queue.policy != "block" for edge in plan.edges if edge.source[1] == lane.name)
    queue = Queue(policy="drop_oldest" if live else "block", messages=MESSAGES)
    inner = (_inner(lane, run, source, names, folder, queue) for run in lane.runs for source in run.inputs)
    named = [(f"{one.runs[0].node}@{lane.name}", one) for one in lanes]
    return _planned(plan, process, named, (*old, *inner))


def _inner(lane: Lane, run: NodeRun, source: str, names: dict[str, str], folder: Path, queue: Queue) -> Edge:  # noqa: PLR0917 - one row of a table
    """What was a call becomes an edge; whatever its source gives may travel, for who takes it knows what is meant."""
    return Edge(
        name=f"{source}@{lane.name}→{run.node}@{lane.name}",
        source=(source, names[source]),
        target=(run.node, names[run.node]),
        kinds=ALL,
        transport="ipc",
        address=_ipc(folder, names[run.node]),
        queue=queue,
        why=WHY,
    )


def _planned(
    plan: Plan, process: Process, parts: list[tuple[str, Lane]], edges: Iterator[Edge] | tuple[Edge, ...]
) -> Plan:
    """The plan with these parts in place of a process."""
    others = {other.name for other in plan.processes if other is not process}
    named = [(_free(f"{name}@{process.host}" if "@" not in name else name, others), lane) for name, lane in parts]
    apart = [replace(process, name=name, lanes=(lane,)) for name, lane in named]
    at = plan.processes.index(process)
    return replace(plan, processes=(*plan.processes[:at], *apart, *plan.processes[at + 1 :]), edges=tuple(edges))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def _from(edge: Edge, lane: str) -> Edge:
    return replace(edge, source=(edge.source[0], lane))


def _at(lane: Lane, address: str) -> Lane:
    return replace(lane, addresses=(address,))


def _ipc(folder: Path, lane: str) -> str:
    return f"ipc://{socket_path(folder, lane)}"
