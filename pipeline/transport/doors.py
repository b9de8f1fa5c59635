"""Edges that lead into a lane for the first or the last time while it listens."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator

from pipeline.plan import Edge

MOST = 64  # producers remembered that came before their edge


class Doors:
    """What other threads ask of an inbox, and which producers have knocked before their edge was known.

    A producer that is started, or whose host has another plan, before the consumer knows of its edge would otherwise
    wait for ever: it has said who it is, and nobody asks again.
    """

    def __init__(self) -> None:
        self._asked: deque[Edge | str] = deque()
        self._early: OrderedDict[str, bytes] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._asked)

    def ask(self, change: Edge | str) -> None:
        """Admit an edge, or dismiss the one of that name; any thread may ask."""
        self._asked.append(change)

    def asked(self) -> Iterator[Edge | str]:
        """What was asked since the last call."""
        while self._asked:
            yield self._asked.popleft()

    def knock(self, edge: str, route: bytes) -> None:
        """A producer has come whose edge is not known; the longest forgotten go first."""
        self._early.pop(edge, None)
        self._early[edge] = route
        if len(self._early) > MOST:
            self._early.popitem(last=False)

    def knocked(self, route: bytes) -> bool:
        """Whether a producer on this connection waits to be let in: what it sends, it will send again."""
        return route in self._early.values()

    def let_in(self, edge: str) -> bytes:
        """The connection of the producer that waits for this edge; empty where none does."""
        return self._early.pop(edge, b"")
