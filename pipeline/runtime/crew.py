"""The processes of a host as a family: who must run, who waits for whom, and what each must be told."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pipeline.runtime.children import Child
from pipeline.runtime.health import Command, Finish, Stop, Tap
from pipeline.runtime.kin import Kin
from pipeline.runtime.watch import Limits


class Crew:
    """Every process of a host.

    Attributes:
        given: For each process, the edges that begin in it.
        stopped: When the line was told to stop, by `time.monotonic`; None while it should run.
    """

    def __init__(self, kin: Kin) -> None:
        self._kin = kin
        self._children = {p.name: Child(p, kin.edges[p.name], source=p.name in kin.sources) for p in kin.processes}
        lanes = {lane.name: process.name for process in kin.processes for lane in process.lanes}
        self.given = {
            name: tuple(edge.name for edge in kin.given if lanes[edge.source[1]] == name) for name in self._children
        }
        self.stopped: float | None = None

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children.values())

    def find(self, name: str) -> Child | None:
        """The process of that name, if it is one of ours."""
        return self._children.get(name)

    @property
    def gone(self) -> bool:
        """Whether nothing runs and nothing will."""
        return all(child.gone for child in self)

    @property
    def begun(self) -> bool:
        """Whether every process has reported once."""
        return all(child.report or child.gone for child in self)

    def wanted(self, child: Child) -> bool:
        """Whether a process that does not run should: while something can still come to it."""
        stopping = self.stopped is not None
        if child.source:
            return not stopping
        return (self._remote(child) and not stopping) or any(not producer.gone for producer in self._producers(child))

    def vouched(self, child: Child) -> bool:
        """Whether every living consumer of a process that exited has reported since: what it received is known."""
        consumers = (other for other in self if child.name in self._kin.producers[other.name])
        return all(other.heard > child.left for other in consumers if other.life == "alive")

    def commands(self, child: Child, tapped: frozenset[str], limits: Limits) -> Iterator[Command]:
        """What a process must be told now; what it was told before is among it."""
        if self.stopped is not None and child.source:
            yield Stop()
        if self._orphaned(child, limits):
            yield Finish()
        for node in child.names:
            if node in tapped or Tap(node, True) in child.told:
                yield Tap(node, node in tapped)

    def _producers(self, child: Child) -> list[Child]:
        return [self._children[name] for name in self._kin.producers[child.name]]

    def _remote(self, child: Child) -> bool:
        return child.name in self._kin.remote

    def _orphaned(self, child: Child, limits: Limits) -> bool:
        """Whether an edge into a process will never be ended by its producer.

        One that ended well has ended its edges, but only towards the incarnation that ran then.
        """
        producers = self._producers(child)
        if not all(producer.gone for producer in producers):
            return False
        if self._remote(child):
            return self.stopped is not None and time.monotonic() - self.stopped > limits.remote
        return any(producer.life == "lost" or child.starts > 1 for producer in producers)
