"""States of imaginary lines, for tests of what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.notices import Notice
from pipeline.runtime.health import NodeHealth
from pipeline.runtime.ledger import Account
from pipeline.runtime.state import (
    Alarm,
    Condition,
    EdgeState,
    NodeState,
    PeerState,
    Phase,
    ProcessState,
    Snapshot,
)
from pipeline.transport.channel import Ledger


def health(name: str, lane: str = "", **counts: Any) -> NodeHealth:
    """A node's report."""
    return NodeHealth(node=name, lane=lane or name, **counts)


def node(of: NodeHealth, *, process: str = "line", condition: Condition = "running", t_ns: int = 0) -> NodeState:
    """A node's state."""
    return NodeState(process=process, condition=condition, t_ns=t_ns, health=of)


def edge(source: str, target: str, ledger: Ledger) -> EdgeState:
    """An edge's state; lanes are named like nodes."""
    account = Account(edge=f"{source}→{target}", now=ledger)
    return EdgeState(source=(source, source), target=(target, target), policy="block", account=account)


def process(name: str = "line", condition: Condition = "running", **more: Any) -> ProcessState:
    """A process's state."""
    return ProcessState(**{"name": name, "condition": condition, "pid": 4321, "rss_bytes": 40 << 20, **more})


def snapshot(
    *,
    nodes: Sequence[NodeState] = (),
    edges: Sequence[EdgeState] = (),
    processes: Sequence[ProcessState] = (),
    alarms: Sequence[Alarm] = (),
    notices: Sequence[Notice] = (),
    peers: Sequence[PeerState] = (),
    phase: Phase = "running",
    t_ns: int = 0,
    pictured: Sequence[str] = (),
) -> Snapshot:
    """A line's state."""
    return Snapshot(
        line="nagoya-a",
        host="edge-1",
        pid=1,
        phase=phase,
        since_ns=0,
        t_ns=t_ns,
        order=tuple(dict.fromkeys(one.health.node for one in nodes)),
        processes=tuple(processes),
        nodes=tuple(nodes),
        edges=tuple(edges),
        alarms=tuple(alarms),
        notices=tuple(notices),
        peers=tuple(peers),
        pictured=tuple(pictured),
    )
