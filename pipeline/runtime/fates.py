"""What becomes of each lane and edge of a host when another plan takes the place of its own, and why: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict, replace

from pipeline.plan import Edge, Lane, NodeRun, Plan

Fate = Literal["stays", "again", "moved", "added", "removed"]
STAYING: frozenset[Fate] = frozenset({"stays", "again"})
BOOKS = (".yaml", ".yml")  # files that nodes read once, when they begin


class Seat(NamedTuple):
    """A lane, and the process it runs in."""

    process: str
    lane: Lane


class Fates(Struct, frozen=True, kw_only=True):
    """Two plans of one host, and what lies between them.

    Attributes:
        before: Lanes of the old one.
        after: Lanes of the new one.
        gave: Edges of the old one that begin here, by name.
        gives: Those of the new one.
        took: Edges of the old one that end here.
        takes: Those of the new one.
        lanes: The fate of every lane.
        why: Why a lane does not stay, in words.
    """

    before: dict[str, Seat]
    after: dict[str, Seat]
    gave: dict[str, Edge]
    gives: dict[str, Edge]
    took: dict[str, Edge]
    takes: dict[str, Edge]
    lanes: dict[str, Fate]
    why: dict[str, str]

    def kept(self, edge: str) -> bool:
        """Whether an edge's beginning stays open, with all it holds."""
        if edge not in self.gave or edge not in self.gives or swapped(self.gave[edge], self.gives[edge]):
            return False
        lane = self.gave[edge].source[1]
        return lane in self.after and self.before[lane].process == self.after[lane].process

    def handed_on(self, edge: str) -> bool:
        """Whether an edge that is closed here is gone on with towards the same consumer."""
        return edge in self.gives and self.lanes.get(self.gave[edge].target[1], "stays") in STAYING


def fates(old: Plan, new: Plan, host: str, touched: frozenset[str] = frozenset()) -> Fates:
    """What becomes of everything on a host; on all of them where none is named.

    Args:
        old: What runs.
        new: What is wanted.
        host: Which share.
        touched: Files that nodes read when they begin and that are others by now.
    """
    before, after = _seats(old, host), _seats(new, host)
    gave, gives = _given(old, before), _given(new, after)
    reopened = {e.source[1]: e for e in gives.values() if e.name in gave and swapped(gave[e.name], e)}
    lanes: dict[str, Fate] = {}
    why: dict[str, str] = {}
    for name in {**before, **after}:
        lanes[name], why[name] = _fate(before.get(name), after.get(name), touched)
        if lanes[name] in STAYING and name in reopened:
            edge = reopened[name]
            lanes[name], why[name] = "moved", f"edge '{edge.name}': {edge_words(gave[edge.name], edge)}"
    return Fates(
        before=before,
        after=after,
        gave=gave,
        gives=gives,
        took=_taken(old, before),
        takes=_taken(new, after),
        lanes=lanes,
        why=why,
    )


def swapped(old: Edge, new: Edge) -> bool:
    """Whether an edge leads elsewhere or keeps what waits elsewhere, so that it must be closed and opened again."""
    if (old.transport, old.address, old.hosts) != (new.transport, new.address, new.hosts):
        return True
    return old.queue != new.queue and "spool" in (old.queue.policy, new.queue.policy)


def edge_words(old: Edge, new: Edge) -> str:
    """What is different about an edge."""
    if old.queue != new.queue:
        return values(asdict(old.queue), asdict(new.queue))
    if old.address != new.address:
        return f"{old.address} → {new.address}"
    return f"carries {', '.join(old.kinds)} → {', '.join(new.kinds)}"


def values(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What is different between two sets of values: `rate 30 → 25, level 3 → (default)`."""
    absent = object()

    def word(value: object) -> str:
        return "(default)" if value is absent else str(value)

    pairs = ((key, old.get(key, absent), new.get(key, absent)) for key in {**old, **new})
    return ", ".join(f"{key} {word(a)} → {word(b)}" for key, a, b in pairs if a != b)


def same(a: Edge, b: Edge) -> bool:
    """Whether two edges are the same, whatever the reason for them."""
    return replace(a, why="") == replace(b, why="")


def books(plan: Plan) -> frozenset[str]:
    """Files that nodes of a plan read when they begin."""
    return frozenset(book for run in _runs(plan) for book in _books(run))


def watched(plan: Plan) -> dict[str, str]:
    """Files that nodes of a plan watch themselves, each with a node that does."""
    return {book: run.node for run in _runs(plan) for book in _books(run, watched=True)}


def _runs(plan: Plan) -> Iterator[NodeRun]:
    return (run for process in plan.processes for lane in process.lanes for run in lane.runs)


def _books(run: NodeRun, *, watched: bool = False) -> Iterator[str]:
    for given in (run.params, *run.overrides.values()):
        for name, value in given.items():
            if isinstance(value, str) and value.endswith(BOOKS) and (name in run.watched) == watched:
                yield value


def _seats(plan: Plan, host: str) -> dict[str, Seat]:
    here = (process for process in plan.processes if host in ("", process.host))
    return {lane.name: Seat(process.name, lane) for process in here for lane in process.lanes}


def _given(plan: Plan, seats: dict[str, Seat]) -> dict[str, Edge]:
    return {edge.name: edge for edge in plan.edges if edge.source[1] in seats}


def _taken(plan: Plan, seats: dict[str, Seat]) -> dict[str, Edge]:
    return {edge.name: edge for edge in plan.edges if edge.target[1] in seats}


def _fate(old: Seat | None, new: Seat | None, touched: frozenset[str]) -> tuple[Fate, str]:
    if new is None:
        return "removed", ""
    if old is None:
        return "added", " → ".join(run.node for run in new.lane.runs)
    if old.process != new.process:
        return "moved", f"from process '{old.process}' to '{new.process}'"
    if old.lane.addresses != new.lane.addresses:
        return "moved", f"it listens at {', '.join(new.lane.addresses)}, no longer at {', '.join(old.lane.addresses)}"
    why = "; ".join(_differences(old.lane, new.lane, touched))
    return ("again", why) if why else ("stays", "")


def _differences(old: Lane, new: Lane, touched: frozenset[str]) -> Iterator[str]:
    """Why a lane's nodes must begin anew; what differs for a camera that it has not met does not count."""
    before, after = ({run.node: run for run in lane.runs} for lane in (old, new))
    common = {*old.cameras} & {*new.cameras}
    for node in {**before, **after}:
        if node not in before:
            yield f"node '{node}' joins it"
        elif node not in after:
            yield f"node '{node}' leaves it"
        elif words := "; ".join(_node(before[node], after[node], common, touched)):
            yield f"node '{node}': {words}"
    if not old.addresses and old.cameras != new.cameras:
        yield f"camera {', '.join(old.cameras)} → {', '.join(new.cameras)}"


def _node(old: NodeRun, new: NodeRun, cameras: Iterable[str], touched: frozenset[str]) -> Iterator[str]:
    if (old.use, old.target) != (new.use, new.target):
        yield f"{old.use} → {new.use}"
    if old.inputs != new.inputs:
        yield f"from {', '.join(old.inputs) or 'outside'} → {', '.join(new.inputs) or 'outside'}"
    if words := values(old.params, new.params):
        yield words
    for camera in sorted(cameras):
        if words := values(old.overrides.get(camera, {}), new.overrides.get(camera, {})):
            yield f"{words} (for {camera})"
    yield from (f"{book} is another" for book in dict.fromkeys(_books(new)) if book in touched)
