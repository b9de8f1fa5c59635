"""Consumers that are away: people are told for as long as it lasts, with what waits for them and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path

from pipeline.notices import board
from pipeline.plan import Edge
from pipeline.runtime.ledger import plus
from pipeline.transport.channel import Ledger, Opening

AWAY_S = 5.0  # seconds that a consumer may be away; one that is started again is back long before
AWAITED_S = 30.0  # the same of one that was never there: hosts start in any order
EVERY_S = 1.0  # between two looks
Ends = tuple[Edge, Opening]
Consumer = tuple[str, str]  # its address, and the policy of edges to it: one notice each, however many cameras


class Absences:
    """Which consumers of a process are away, and since when; for the thread that pumps its edges.

    Args:
        state: Folder of what outlives the line; its spools are there.
    """

    def __init__(self, state: str) -> None:
        self._state, self._due = state, 0.0
        self._since: dict[str, float] = {}
        self._met: set[str] = set()
        self._told: set[Consumer] = set()

    def look(self, now: float, exits: Callable[[], Iterable[Ends]]) -> None:
        """Tell of whoever has been away too long by now (seconds), no longer of those that are back."""
        if now < self._due:
            return
        self._due = now + EVERY_S
        away: dict[Consumer, list[Ends]] = {}
        for edge, box in exits():
            if self._gone(edge.name, now, linked=box.linked):
                away.setdefault((edge.address, edge.queue.policy), []).append((edge, box))
        for consumer in self._told - away.keys():
            board.settle(_key(consumer))
        for consumer, ends in away.items():
            seconds = now - min(self._since[edge.name] for edge, _ in ends)
            ledger = reduce(plus, (box.ledger() for _, box in ends))
            board.raise_(_key(consumer), told([edge for edge, _ in ends], seconds, ledger, self._state))
        self._told = {*away}

    def _gone(self, edge: str, now: float, *, linked: bool) -> bool:
        if linked:
            self._met.add(edge)
            self._since.pop(edge, None)
            return False
        return now - self._since.setdefault(edge, now) >= (AWAY_S if edge in self._met else AWAITED_S)


def told(edges: Sequence[Edge], seconds: float, ledger: Ledger, state: str) -> str:
    """What people read about a consumer that is away.

    Args:
        edges: Edges to it, of one policy.
        seconds: How long it has been away.
        ledger: Their sum.
        state: Folder of what outlives the line.
    """
    edge, others = edges[0], len(edges) - 1
    (node, _), (_, host) = edge.target, edge.hosts
    where = f" on host '{host}'" if host else ""
    names = f"edge '{edge.name}'" + (f" and {others} more" if others else "")
    waits = f"{ledger.in_flight:,} records wait in memory"
    if edge.queue.policy == "spool":
        waits += f" and {ledger.spilled:,} on disk in {Path(state, 'spool')}"
    return f"node '{node}'{where} has been away for {seconds:.0f} s: {waits} ({names}); {_fate(edge)}; {_advice(edge)}"


def _fate(edge: Edge) -> str:
    match edge.queue.policy:
        case "spool":
            return f"from {edge.queue.spool / (1 << 20):,.0f} MiB on disk per edge the oldest go"
        case "block":
            return f"from {edge.queue.messages:,} per edge its producer waits"
        case "latest":
            return "only the newest of each camera is kept"
    return f"from {edge.queue.messages:,} per edge the oldest go"


def _advice(edge: Edge) -> str:
    source, host = edge.hosts
    if host != source:
        return f"see that the line runs on '{host}', and that network and keys let it through to {edge.address}"
    return "`kensa top` shows whether its process runs, the log why it does not"


def _key(consumer: Consumer) -> str:
    return f"away {' '.join(consumer)}"
