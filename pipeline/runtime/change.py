"""How a running line comes from one plan to another: which process is told what, in which order, in words too: pure.

In the first step everything ends that does not stay, and everything begins that no lane of the old plan stands in the
way of. The second step begins the rest: a lane of the same name in another process or at another address must wait
until the first has given its last record, or what it gave would overtake it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from pipeline.plan import Edge, Plan, Process
from pipeline.runtime.fates import Fates, edge_words, fates, same
from pipeline.runtime.health import Become, Prepare


class Steps(Struct, frozen=True, kw_only=True):
    """What one process is told.

    Attributes:
        prepare: Before anything else; None where it need not be told.
        first: Then.
        last: After every process has done that.
        begun: What it is started as while the change is going on; None where it must not be.
    """

    prepare: Prepare | None
    first: Become
    last: Become
    begun: Process | None


class Change(Struct, frozen=True, kw_only=True):
    """The way from one plan to another, on one host.

    Attributes:
        said: What changes, in words; empty where nothing does.
        faults: Why it cannot be done while the line runs.
        steps: What each process that changes is told; processes of both plans.
        added: Processes that are only in the new plan.
        removed: Processes that are only in the old one.
    """

    said: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    steps: dict[str, Steps] = {}
    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


def change(old: Plan, new: Plan, host: str, touched: frozenset[str] = frozenset(), revision: int = 0) -> Change:
    """The way from what runs on a host to what is wanted.

    Args:
        old: What runs.
        new: What is wanted.
        host: Which share; all of it where none is named.
        touched: Files that nodes read when they begin and that are others by now.
        revision: The state of the plan to count on from.
    """
    if faults := tuple(_faults(old, new, host)):
        return Change(faults=faults)
    found = fates(old, new, host, touched)
    before, after = _here(old, host), _here(new, host)
    said = (*_lanes(found), *_processes(before, after), *_edges(found), *_others(old, new, host))
    steps = {name: _steps(name, before, after, found, revision) for name in {**before, **after}}
    return Change(
        said=said,
        steps={name: step for name, step in steps.items() if _matters(name, step, before, found)},
        added=frozenset(after.keys() - before.keys()),
        removed=frozenset(before.keys() - after.keys()),
    )


def _faults(old: Plan, new: Plan, host: str) -> Iterator[str]:
    if old.line != new.line:
        yield f"the line is called '{old.line}', the file's '{new.line}': stop the line and start the other"
    posts = {post.host: post for post in old.posts}
    for post in new.posts:
        if post.host in posts and posts[post.host] != post:
            was, now = posts[post.host].address, post.address
            yield f"host '{post.host}' is at {was}, in the file at {now}: stop the line everywhere, start it again"
    if not _here(new, host):
        yield f"nothing of the file's line runs on host '{host}': stop the line there"


def _here(plan: Plan, host: str) -> dict[str, Process]:
    return {process.name: process for process in plan.processes if host in ("", process.host)}


def _steps(name: str, before: dict[str, Process], after: dict[str, Process], found: Fates, revision: int) -> Steps:
    wanted = after.get(name) or replace(before[name], lanes=())
    ready = tuple(lane for lane in wanted.lanes if found.lanes[lane.name] != "moved")
    names = {lane.name for lane in ready}
    gives = [edge for edge in found.gives.values() if edge.source[1] in names] + _parked(name, names, found)
    took = [e for e in found.took.values() if e.target[1] in names and found.lanes[e.target[1]] != "added"]
    takes = [*{e.name: e for e in (*took, *(e for e in found.takes.values() if e.target[1] in names))}.values()]
    first = Become(
        revision=revision + 2,
        lanes=ready,
        gives=tuple(gives),
        takes=tuple(takes),
        again=tuple(lane.name for lane in ready if found.lanes[lane.name] == "again"),
        onward=tuple(e for e in found.gave if not found.kept(e) and found.handed_on(e)),
        ending=tuple(e for e in found.gave if not found.kept(e) and not found.handed_on(e)),
        more=name in after,
    )
    late = name not in before and len(ready) < len(wanted.lanes)
    return Steps(
        prepare=_prepare(wanted, takes, found, revision) if name in before and name in after else None,
        first=first,
        last=_last(wanted, found, revision),
        begun=None if late else replace(wanted, lanes=ready),
    )


def _parked(process: str, ready: set[str], found: Fates) -> list[Edge]:
    """Edges of lanes that end now and begin again in the second step: they stay open in between."""
    return [
        edge
        for name, edge in found.gives.items()
        if found.kept(name) and edge.source[1] not in ready and found.after[edge.source[1]].process == process
    ]


def _prepare(wanted: Process, takes: Iterable[Edge], found: Fates, revision: int) -> Prepare:
    fresh = [lane for lane in wanted.lanes if found.lanes[lane.name] != "stays"]
    here = [e for e in takes if e.target[1] in found.before and found.before[e.target[1]].process == wanted.name]
    return Prepare(
        revision=revision + 1,
        uses={run.use: run.target or run.use for lane in fresh for run in lane.runs},
        takes=tuple(here),
    )


def _last(wanted: Process, found: Fates, revision: int) -> Become:
    """The new plan; an edge from another host that is no more in it stays until that host has ended it."""
    names = {lane.name for lane in wanted.lanes}
    foreign = (e for n, e in found.took.items() if n not in found.takes and n not in found.gave)
    takes = {e.name: e for e in (*foreign, *found.takes.values()) if e.target[1] in names}
    return Become(
        revision=revision + 3,
        lanes=wanted.lanes,
        gives=tuple(edge for edge in found.gives.values() if edge.source[1] in names),
        takes=tuple(takes.values()),
    )


def _matters(name: str, steps: Steps, before: dict[str, Process], found: Fates) -> bool:
    """Whether a process must be told anything."""
    if name not in before or steps.first.again or before[name].lanes != steps.last.lanes:
        return True
    lanes = {lane.name for lane in before[name].lanes}
    gave = [edge for edge in found.gave.values() if edge.source[1] in lanes]
    took = [edge for edge in found.took.values() if edge.target[1] in lanes]
    return _differ(gave, steps.last.gives) or _differ(took, steps.last.takes)


def _differ(old: Iterable[Edge], new: Iterable[Edge]) -> bool:
    a, b = ({edge.name: edge for edge in edges} for edges in (old, new))
    return a.keys() != b.keys() or any(not same(a[name], b[name]) for name in a)


def _lanes(found: Fates) -> Iterator[str]:
    for name, fate in sorted(found.lanes.items(), key=lambda pair: pair[1]):
        why = found.why[name]
        match fate:
            case "added":
                yield f"lane '{name}' is added: {why}"
            case "removed":
                yield f"lane '{name}' is drained and ends"
            case "again":
                yield f"lane '{name}' begins anew: {why}"
            case "moved":
                yield f"lane '{name}' is drained, then begins again: {why}"


def _processes(before: dict[str, Process], after: dict[str, Process]) -> Iterator[str]:
    yield from (f"process '{name}' is added" for name in after if name not in before)
    yield from (f"process '{name}' ends" for name in before if name not in after)
    for name in before.keys() & after.keys():
        if before[name].memory != after[name].memory:
            yield f"process '{name}' may hold other memory when it is started next"


def _edges(found: Fates) -> Iterator[str]:
    """Edges of lanes that stay: those of others begin and end with them."""
    before, after = {**found.took, **found.gave}, {**found.takes, **found.gives}
    for name, edge in {**before, **after}.items():
        ends = {found.lanes.get(edge.source[1], "stays"), found.lanes.get(edge.target[1], "stays")}
        if name in before and name in after:
            if not same(before[name], edge) and "moved" not in ends:
                yield f"edge '{name}': {edge_words(before[name], edge)}"
        elif ends <= {"stays", "again"}:
            yield f"edge '{name}' is added" if name in after else f"edge '{name}' is drained and ends"


def _others(old: Plan, new: Plan, host: str) -> Iterator[str]:
    """Hosts that must be told as well."""
    for other in dict.fromkeys(process.host for plan in (old, new) for process in plan.processes):
        if host not in ("", other) and _share(old, other) != _share(new, other):
            yield f"host '{other}' changes too: `kensa reload` there as well"


def _share(plan: Plan, host: str) -> tuple[dict[str, Process], dict[str, Edge]]:
    """A host's processes, and the edges that begin or end in them."""
    here = _here(plan, host)
    lanes = {lane.name for process in here.values() for lane in process.lanes}
    touching = (edge for edge in plan.edges if {edge.source[1], edge.target[1]} & lanes)
    return here, {edge.name: replace(edge, why="") for edge in touching}
