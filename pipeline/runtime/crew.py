"""The processes of a host as a family: who must run, who waits for whom, and what each must be told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import or_

from pipeline.numbers import Number
from pipeline.plan import Edge, Process
from pipeline.readings import Reading
from pipeline.runtime.children import Child
from pipeline.runtime.health import Asked, Command, Finish, Stop, Tap
from pipeline.runtime.kin import Kin, given, together
from pipeline.runtime.watch import Limits


class Crew:
    """Every process of a host.

    Attributes:
        given: For each process, the edges that begin in it.
        leaving: Processes that are no longer wanted.
        stopped: When the line was told to stop, by `time.monotonic`; None while it should run.
        mends: When its sources were begun once more, to tell where their sessions ended; 0 where they were not.
    """

    def __init__(self, kin: Kin) -> None:
        self._kin = kin
        self._children = {p.name: Child(p, kin.edges[p.name], source=p.name in kin.sources) for p in kin.processes}
        self.given = given(kin)
        self.leaving: frozenset[str] = frozenset()
        self._wide = False  # another plan takes the place of this one: producers are yet to come
        self.stopped: float | None = None
        self.mends = 0.0

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children.values())

    def widen(self, kin: Kin, fresh: Mapping[str, tuple[Process, tuple[Edge, ...]]], leaving: frozenset[str]) -> None:
        """Another plan takes the place of this one: for a while both hold.

        Args:
            kin: The other one.
            fresh: Processes that are to be started now, with their edges.
            leaving: Processes that are to end.
        """
        known = {edge for edges in self.given.values() for edge in edges}
        theirs = {name: tuple(edge for edge in edges if edge not in known) for name, edges in given(kin).items()}
        self.given = {n: (*self.given.get(n, ()), *theirs.get(n, ())) for n in {**self.given, **theirs}}
        self._kin = together(self._kin, kin)
        self.leaving, self._wide = leaving, True
        self._add(fresh)

    def adopt(self, kin: Kin) -> frozenset[str]:
        """The other plan alone holds from now on; returns the edges whose accounts its processes have closed."""
        before, self.given = self.given, given(kin)
        self._kin = kin
        self._children = {name: child for name, child in self._children.items() if name not in self.leaving}
        self.leaving, self._wide = frozenset(), False
        self._add({p.name: (p, kin.edges[p.name]) for p in kin.processes if p.name not in self._children})
        for process in kin.processes:
            child = self._children[process.name]
            child.process, child.edges, child.source = process, kin.edges[process.name], process.name in kin.sources
        return frozenset(e for name, edges in before.items() for e in edges if e not in self.given.get(name, ()))

    def _add(self, fresh: Mapping[str, tuple[Process, tuple[Edge, ...]]]) -> None:
        """Consumers stand before those that feed them, so that they are started first."""
        children = self._children
        for name, (process, edges) in fresh.items():
            children[name] = Child(process, edges, source=name in self._kin.sources)
        self._children = {p.name: children[p.name] for p in self._kin.processes if p.name in children}

    def find(self, name: str) -> Child | None:
        """The process of that name, if it is one of ours."""
        return self._children.get(name)

    @property
    def gone(self) -> bool:
        """Whether nothing runs and nothing will."""
        return all(child.gone for child in self)

    @property
    def failed(self) -> bool:
        """Whether a process did not end well, so that what it held is gone."""
        return any(child.life == "lost" for child in self)

    @property
    def begun(self) -> bool:
        """Whether every process has reported once."""
        return all(child.report or child.gone for child in self)

    def mend(self) -> None:
        """All have ended: whoever is fed by a source of this host begins once more, to tell what is missing.

        What was on its way when somebody was killed is known to nobody but the sources: they tell where their
        sessions ended, and each consumer finds what it has not got of them.
        """
        self.mends = self.stopped = time.monotonic()
        for child in self._fed():
            child.mend()

    def stopping(self, limits: Limits) -> float:
        """Seconds since it was told to stop; what processes take to begin once more does not count."""
        now = time.monotonic()
        if self.stopped is None or (self.mends and not self.begun and now - self.mends < limits.start):
            self.stopped = now
        return now - self.stopped

    def _fed(self) -> list[Child]:
        """Processes with sources, and what they feed here, over any number of others."""
        fed: dict[str, Child] = {}
        for child in reversed(self._children.values()):  # those that feed stand behind their consumers
            if child.source or any(producer.name in fed for producer in self._producers(child)):
                fed[child.name] = child
        return [*fed.values()]

    def wanted(self, child: Child) -> bool:
        """Whether a process that does not run should: while something can still come to it."""
        stopping = self.stopped is not None
        if child.name in self.leaving:
            return False
        if child.source:
            return not stopping or child.mends
        return (self._remote(child) and not stopping) or any(not producer.gone for producer in self._producers(child))

    def vouched(self, child: Child) -> bool:
        """Whether every living consumer of a process that exited has reported since: what it received is known."""
        return all(other.heard > child.left for other in self.consumers(child))

    def consumers(self, child: Child) -> list[Child]:
        """The living processes that take from a process."""
        return [other for other in self if other.life == "alive" and child.name in self._kin.producers[other.name]]

    def commands(self, child: Child, tapped: frozenset[str], limits: Limits) -> Iterator[Command]:
        """What a process must be told now; what it was told before is among it."""
        if self.stopped is not None and child.source:
            yield Stop()
        if self._orphaned(child, limits):
            yield Finish()
        for node in child.names:
            if node in tapped or Tap(node, True) in child.told:
                yield Tap(node, node in tapped)

    @property
    def disks(self) -> dict[str, float]:
        """Used share of the disk of each folder that they watch, 0…1."""
        return reduce(or_, (child.report.disks for child in self if child.report), {})

    @property
    def readings(self) -> dict[str, Reading]:
        """What their cameras say of themselves."""
        return reduce(or_, (child.report.readings for child in self if child.report), {})

    @property
    def numbers(self) -> tuple[tuple[str, Number], ...]:
        """What their nodes count, each with the name of its process."""
        return tuple((child.name, one) for child in self if child.report for one in child.report.numbers)

    def ask(self, tell: Callable[[bytes, Command], bool], asked: Asked) -> int:
        """Hand an order to every process that can be reached; how many that are."""
        return sum(child.life == "alive" and bool(child.peer) and tell(child.peer, asked) for child in self)

    def _producers(self, child: Child) -> list[Child]:
        return [self._children[name] for name in self._kin.producers[child.name] if name in self._children]

    def _remote(self, child: Child) -> bool:
        return child.name in self._kin.remote

    def _orphaned(self, child: Child, limits: Limits) -> bool:
        """Whether an edge into a process will never be ended by its producer.

        One that ended well has ended its edges, but only towards the incarnation that ran then; one that never ran has
        ended none.
        """
        producers = self._producers(child)
        if self._wide and self.stopped is None:
            return False
        if not all(producer.gone for producer in producers):
            return False
        if self._remote(child):
            return self.stopped is not None and time.monotonic() - self.stopped > limits.remote
        return any(producer.life == "lost" or not producer.starts or child.starts > 1 for producer in producers)
