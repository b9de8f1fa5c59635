"""Which processes of a host feed which: pure, computed from the plan once."""

from __future__ import annotations

from graphlib import TopologicalSorter

from msgspec import Struct

from pipeline.errors import KensaError
from pipeline.plan import Edge, Plan, Process


class Kin(Struct, frozen=True):
    """A host's share of a plan.

    Attributes:
        processes: Its processes, consumers before those that feed them (as far as there is no circle).
        edges: Edges that begin or end in each process.
        producers: For each process, the others on this host that feed it.
        remote: Processes that are fed from another host.
        sources: Processes in which a source runs.
        given: Edges that begin on this host: their ledgers are kept here.
    """

    processes: tuple[Process, ...]
    edges: dict[str, tuple[Edge, ...]]
    producers: dict[str, frozenset[str]]
    remote: frozenset[str]
    sources: frozenset[str]
    given: tuple[Edge, ...]

    @property
    def near(self) -> tuple[Edge, ...]:
        """Edges that end on this host as well."""
        return tuple(edge for edge in self.given if edge.hosts[0] == edge.hosts[1])

    @property
    def pictured(self) -> tuple[str, ...]:
        """Cameras whose pictures leave their process, as the topology says."""
        lanes = (lane for process in self.processes for lane in process.lanes if not lane.addresses)
        return tuple(
            sorted({camera for lane in lanes for run in lane.runs for camera in lane.cameras if run.images(camera)})
        )


def kin(plan: Plan, host: str = "") -> Kin:
    """A host's share of a plan; all of it where no host is named.

    Raises:
        KensaError: If nothing of the plan runs on that host.
    """
    here = [process for process in plan.processes if host in ("", process.host)]
    if not here:
        names = ", ".join(sorted({process.host for process in plan.processes}))
        raise KensaError(f"nothing of line '{plan.line}' runs on host '{host}'; its hosts: {names}")
    home = {lane.name: process.name for process in here for lane in process.lanes}
    edges = {p.name: tuple(e for e in plan.edges if p.name in _ends(e, home)) for p in here}
    feeds = {
        p.name: {home.get(e.source[1], "") for e in edges[p.name] if home.get(e.target[1]) == p.name} for p in here
    }
    producers = {name: frozenset(found - {name, ""}) for name, found in feeds.items()}
    return Kin(
        processes=_consumers_first(here, producers),
        edges=edges,
        producers=producers,
        remote=frozenset(name for name, found in feeds.items() if "" in found),
        sources=frozenset(p.name for p in here if any(not lane.addresses for lane in p.lanes)),
        given=tuple(e for e in plan.edges if e.source[1] in home),
    )


def together(old: Kin, new: Kin) -> Kin:
    """Both shares at once, while one takes the place of the other."""
    names = [process.name for process in new.processes]
    edges = {name: {e.name: e for kin in (old, new) for e in kin.edges.get(name, ())} for name in _both(old, new)}
    begun = {edge.name for edge in old.given}
    return Kin(
        processes=(*new.processes, *(process for process in old.processes if process.name not in names)),
        edges={name: tuple(each.values()) for name, each in edges.items()},
        producers={n: old.producers.get(n, frozenset()) | new.producers.get(n, frozenset()) for n in _both(old, new)},
        remote=old.remote | new.remote,
        sources=old.sources | new.sources,
        given=(*old.given, *(edge for edge in new.given if edge.name not in begun)),
    )


def given(share: Kin) -> dict[str, tuple[str, ...]]:
    """For each process, the edges that begin in it."""
    lanes = {lane.name: process.name for process in share.processes for lane in process.lanes}
    names = {
        process.name: [edge.name for edge in share.given if lanes[edge.source[1]] == process.name]
        for process in share.processes
    }
    return {name: tuple(edges) for name, edges in names.items()}


def _both(old: Kin, new: Kin) -> list[str]:
    return [*dict.fromkeys([*new.edges, *old.edges])]


def node_order(plan: Plan) -> tuple[str, ...]:
    """Every node's name, each after those that feed it."""
    feeds: dict[str, set[str]] = {}
    for process in plan.processes:
        for lane in process.lanes:
            for run in lane.runs:
                feeds.setdefault(run.node, set()).update(run.inputs)
    for edge in plan.edges:
        feeds.setdefault(edge.target[0], set()).add(edge.source[0])
    return tuple(TopologicalSorter(feeds).static_order())


def _ends(edge: Edge, home: dict[str, str]) -> set[str]:
    return {home.get(edge.source[1], ""), home.get(edge.target[1], "")}


def _consumers_first(here: list[Process], producers: dict[str, frozenset[str]]) -> tuple[Process, ...]:
    """Depth first along the flow, so that a circle of processes is cut where it is met."""
    consumers = {p.name: [other.name for other in here if p.name in producers[other.name]] for p in here}
    by_name = {p.name: p for p in here}
    done: dict[str, Process] = {}
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name not in seen:
            seen.add(name)
            for consumer in consumers[name]:
                visit(consumer)
            done[name] = by_name[name]

    for process in here:
        visit(process.name)
    return tuple(done.values())
