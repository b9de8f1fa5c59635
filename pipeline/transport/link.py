"""One edge as its consumer's inbox holds it: what has arrived, by which connection, and what its producer was told."""

from __future__ import annotations

from pipeline.plan import Edge
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.flow import credit
from pipeline.transport.reached import Reached


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
        asked: It was asked to greet again, and to begin with what is not done.
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
        self.asked = False
        self.told = (0, 0)

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
