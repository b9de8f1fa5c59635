"""One edge as its consumer's inbox holds it: what has arrived, by which connection, and what its producer was told."""

from __future__ import annotations

import math
import time

from pipeline.plan import Edge
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.flow import credit
from pipeline.transport.reached import Reached

ASK_EVERY = 1.0  # seconds


class Asking:
    """When to ask who is there: again and again until there is an answer, for both may be spoilt on their way."""

    def __init__(self) -> None:
        self._open, self._last = False, -math.inf

    def begin(self) -> None:
        """There is something to ask."""
        self._open = True

    def due(self) -> bool:
        """Whether it is to be asked now: there is no answer yet, and it was not asked lately."""
        now = time.monotonic()
        due = self._open and now - self._last >= ASK_EVERY
        self._last = now if due else self._last
        return due

    def answered(self) -> None:
        """Nothing is to be asked; the next time it may be asked at once."""
        self._open, self._last = False, -math.inf


class Link:
    """One edge, the connection it comes by, and what its producer has been told.

    Attributes:
        arrivals: What has arrived.
        host: Where its producer runs.
        quarter: Records after which it is told at once that they were taken.
        linger: Seconds its consumer may sleep so that records gather.
        route: The connection; empty where there is none.
        remote: Its producer runs on another host.
        away: That host was stopped, and may come back.
        asking: Whether it should be asked to greet again, and to begin with what is not done.
        told: The numbers taken and done that it was told last.
    """

    def __init__(self, edge: Edge, reached: Reached) -> None:
        self.arrivals = reached.recall(Arrivals(edge.name, edge.kinds))
        self.host = edge.hosts[0]
        self.quarter = quarter(edge)
        self.linger = edge.queue.linger
        self.route = b""
        self.remote = edge.hosts[0] != edge.hosts[1]
        self.away = False
        self.asking = Asking()
        self.told = (0, 0)

    def greeted(self, route: bytes, base: int) -> None:
        """Its producer has said on this connection who it is, and which number it sends first."""
        self.route, self.told = route, (0, base - 1)
        self.away = self.away and self.arrivals.ended
        self.asking.answered()

    @property
    def over(self) -> bool:
        """Whether nobody need be waited for: the end of another host's line is not that of ours."""
        return self.arrivals.ended and not (self.remote and self.away)

    @property
    def news(self) -> bool:
        """Whether there is something to tell."""
        return self.told != (self.arrivals.received, self.arrivals.done)


def quarter(edge: Edge) -> int:
    """A quarter of an edge's credit."""
    return max(1, credit(edge.queue) // 4)
