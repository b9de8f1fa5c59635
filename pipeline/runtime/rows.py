"""Rates and quantiles of a line over the last seconds, from two of its snapshots: pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

from pipeline.runtime.histogram import merge, quantile
from pipeline.runtime.state import Condition, EdgeState, NodeState, Snapshot, dropped

STRETCH_NS = 5_000_000_000  # what "now" means in a rate
WORST: tuple[Condition, ...] = (
    "lost",
    "degraded",
    "stuck",
    "stalled",
    "waiting",
    "starting",
    "draining",
    "running",
    "ended",
)

Key = tuple[str, str]


class Row(Struct, frozen=True, kw_only=True):
    """One node, or one node of one lane, over the last seconds.

    Attributes:
        lanes: How many lanes it stands for.
        rate: Records a second that it took (a source: gave).
        p50_ns: Median work time per record; 0 where it did none.
        p99_ns: What 99 % of the work times do not exceed.
        age50_ns: Median time from exposure until a sink was done with it; 0 for other nodes.
        age99_ns: What 99 % of those do not exceed.
        queue: Records that wait in front of it or are with it.
        drops: Records that the queues in front of it let go, since the start.
        errors: Records on which it failed, since the start.
        restarts: Times its run was begun anew, since the start.
        condition: The worst of its lanes; `idle` where it runs and nothing comes.
    """

    name: str
    lanes: int
    rate: float
    p50_ns: float
    p99_ns: float
    age50_ns: float
    age99_ns: float
    queue: int
    drops: int
    errors: int
    restarts: int
    condition: str


class Rates:
    """Remembers snapshots of the last few seconds and reads rates off them.

    Args:
        per_lane: A row for every lane of a node, instead of one for the node.
    """

    def __init__(self, *, per_lane: bool = False) -> None:
        self._per_lane = per_lane
        self._seen: deque[tuple[int, dict[Key, NodeState]]] = deque()

    def rows(self, snapshot: Snapshot) -> list[Row]:
        """The line as of this snapshot, in the order in which records flow."""
        self._seen.append((snapshot.t_ns, {_key(node): node for node in snapshot.nodes}))
        while snapshot.t_ns - self._seen[0][0] > STRETCH_NS and len(self._seen) > 2:
            self._seen.popleft()
        before = self._seen[0][1]
        into = _into(snapshot.edges, per_lane=self._per_lane)
        return [
            _row(key, nodes, [_flow(node, before.get(_key(node))) for node in nodes], into.get(key, []))
            for key, nodes in self._groups(snapshot).items()
        ]

    def _groups(self, snapshot: Snapshot) -> dict[Key, list[NodeState]]:
        place = {name: i for i, name in enumerate(snapshot.order)}
        groups: dict[Key, list[NodeState]] = {}
        for node in sorted(snapshot.nodes, key=lambda n: place.get(n.health.node, len(place))):
            groups.setdefault((node.health.node, node.health.lane if self._per_lane else ""), []).append(node)
        return groups


class Flow(NamedTuple):
    """What of a node's counts in one lane fell into the last seconds: between two of its own reports."""

    rate: float
    latency: dict[int, int]
    age: dict[int, int]


def _row(key: Key, nodes: list[NodeState], flows: list[Flow], edges: list[EdgeState]) -> Row:
    rate = sum(flow.rate for flow in flows)
    latency, age = merge(flow.latency for flow in flows), merge(flow.age for flow in flows)
    return Row(
        name=f"{key[0]}@{key[1]}" if key[1] else key[0],
        lanes=len(nodes),
        rate=rate,
        p50_ns=quantile(latency, 0.5),
        p99_ns=quantile(latency, 0.99),
        age50_ns=quantile(age, 0.5),
        age99_ns=quantile(age, 0.99),
        queue=sum(edge.account.now.in_flight for edge in edges) if edges else sum(n.health.waiting for n in nodes),
        drops=sum(dropped(edge.account.total) for edge in edges),
        errors=sum(node.health.failed for node in nodes),
        restarts=sum(node.health.restarts for node in nodes),
        condition=_condition(nodes, rate),
    )


def _flow(now: NodeState, before: NodeState | None) -> Flow:
    before = before or now
    seconds = (now.t_ns - before.t_ns) / 1e9
    rate = max(0, _records(now) - _records(before)) / seconds if seconds > 0 else 0.0
    return Flow(rate, _less(now.health.latency, before.health.latency), _less(now.health.age, before.health.age))


def _records(node: NodeState) -> int:
    return node.health.taken or node.health.given


def _key(node: NodeState) -> Key:
    return node.health.node, node.health.lane


def _less(now: Mapping[int, int], before: Mapping[int, int]) -> dict[int, int]:
    return {bucket: count for bucket, total in now.items() if (count := total - before.get(bucket, 0)) > 0}


def _condition(nodes: list[NodeState], rate: float) -> str:
    worst = min((node.condition for node in nodes), key=WORST.index)
    return "idle" if worst == "running" and not rate else worst


def _into(edges: Iterable[EdgeState], *, per_lane: bool) -> dict[Key, list[EdgeState]]:
    into: dict[Key, list[EdgeState]] = {}
    for edge in edges:
        node, lane = edge.target
        into.setdefault((node, lane if per_lane else ""), []).append(edge)
    return into
