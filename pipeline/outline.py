"""A plan as people look at it: lanes that differ only in their camera are one, and so are their edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pipeline.catalog import Catalog
from pipeline.conversion import convert
from pipeline.plan import Edge, Lane, NodeRun, Plan, Process

Ends = tuple[str, str]


class Strand(NamedTuple):
    """Lanes of one process that run the same nodes, each for its own camera.

    Attributes:
        process: Where they run.
        lanes: The lanes, in the order of the plan.
    """

    process: Process
    lanes: tuple[Lane, ...]

    @property
    def key(self) -> str:
        """Unique in the plan: the name of its first lane."""
        return self.lanes[0].name

    @property
    def name(self) -> str:
        """`cam-1 … cam-4 ×4`, or the name of the one lane."""
        return several([lane.name for lane in self.lanes])

    @property
    def nodes(self) -> tuple[str, ...]:
        """Its nodes, each after those that feed it."""
        return tuple(run.node for run in self.lanes[0].runs)

    @property
    def links(self) -> tuple[Ends, ...]:
        """Which node feeds which without a queue."""
        return tuple((feed, run.node) for run in self.lanes[0].runs for feed in run.inputs)


class Cable(NamedTuple):
    """Edges that connect the same two nodes of the same two strands in the same way."""

    source: str
    begin: Strand
    target: str
    end: Strand
    edges: tuple[Edge, ...]

    @property
    def label(self) -> str:
        """How the edges behave: `gap, verdict · drop_oldest ×4`."""
        times = f" ×{len(self.edges)}" if len(self.edges) > 1 else ""
        return f"{', '.join(self.edges[0].kinds)} · {self.edges[0].queue.policy}{times}"


class Outline(NamedTuple):
    """A plan with everything that repeats told once."""

    line: str
    strands: tuple[Strand, ...]
    cables: tuple[Cable, ...]

    def hosts(self) -> dict[str, dict[str, list[Strand]]]:
        """Host → process → strands."""
        found: dict[str, dict[str, list[Strand]]] = {}
        for strand in self.strands:
            processes = found.setdefault(strand.process.host, {})
            processes.setdefault(strand.process.name, []).append(strand)
        return found


def outline(plan: Plan) -> Outline:
    """Tell everything that repeats once."""
    strands = tuple(strand for process in plan.processes for strand in _strands(process))
    home = {lane.name: strand for strand in strands for lane in strand.lanes}
    found: dict[tuple[object, ...], list[Edge]] = {}
    for edge in plan.edges:
        (source, begin), (target, end) = edge.source, edge.target
        alike = (source, home[begin].name, target, home[end].name, edge.transport, edge.kinds, edge.queue, edge.why)
        found.setdefault(alike, []).append(edge)
    cables = tuple(_cable(tuple(edges), home) for edges in found.values())
    return Outline(plan.line, strands, cables)


def several(names: list[str]) -> str:
    """Names that stand for one thing: the first, the last, and how many."""
    if len(names) <= 2:
        return ", ".join(names)
    return f"{names[0]} … {names[-1]} ×{len(names)}"


def size(count: int) -> str:
    """Bytes as people say them: `64 MiB`."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 1 << power and count % (1 << power) == 0:
            return f"{count >> power} {unit}"
    return f"{count:,} bytes"


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 fault`, `2 processes`."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def _strands(process: Process) -> Iterator[Strand]:
    """The lanes of a process, those that run the same nodes together."""
    found: dict[tuple[object, ...], list[Lane]] = {}
    for lane in process.lanes:
        alike = (lane.addresses, *((run.node, run.use, run.inputs) for run in lane.runs))
        found.setdefault(alike, []).append(lane)
    yield from (Strand(process, tuple(lanes)) for lanes in found.values())


def _cable(edges: tuple[Edge, ...], home: dict[str, Strand]) -> Cable:
    (source, begin), (target, end) = edges[0].source, edges[0].target
    return Cable(source, home[begin], target, home[end], edges)


def text(plan: Plan, nodes: Catalog) -> Iterator[str]:
    """The plan as lines of text; nodes of the catalogue say what follows from their parameters."""
    whole = outline(plan)
    lanes = sum(len(process.lanes) for process in plan.processes)
    parts = (counted(len(plan.processes), "process"), counted(lanes, "lane"), counted(len(plan.edges), "edge"))
    yield f"line {plan.line}: {', '.join(parts)}"
    posts = {post.host: f", its supervisor at {post.address.replace('://', ' ')}" for post in plan.posts}
    for host, processes in whole.hosts().items():
        yield f"\nhost {host}{posts.get(host, '')}"
        for name, strands in processes.items():
            yield f"  process {name}"
            width = max(len(strand.name) for strand in strands)
            for strand in strands:
                yield f"    lane {strand.name:{width}}  {_chain(strand)}"
                yield from _differences(strand)
                yield from _consequences(strand, nodes)
    if whole.cables:
        yield "\nedges"
    for cable in whole.cables:
        yield from _told(cable)


def _chain(strand: Strand) -> str:
    """The nodes of a lane; a branch is told by who feeds it."""
    said: list[str] = []
    for run in strand.lanes[0].runs:
        straight = run.inputs == tuple(said[-1:])
        said.append(run.node)
        said[-1] = run.node if straight or not run.inputs else f"{run.node} (from {', '.join(run.inputs)})"
    return " → ".join(said)


def _differences(strand: Strand) -> Iterator[str]:
    """What the camera table gives to one camera alone."""
    for lane in strand.lanes:
        for run in lane.runs:
            for camera, params in run.overrides.items():
                given = ", ".join(f"{name}: {_brief(value)}" for name, value in params.items())
                yield f"      {camera}: {run.node} {{{given}}}"


def _brief(value: Any) -> Any:
    """A parameter in a line: of a mapping its names, which others explain."""
    return ", ".join(value) if isinstance(value, dict) else value


def _consequences(strand: Strand, nodes: Catalog) -> Iterator[str]:
    """What nodes say of their parameters, cameras of which they say the same together; and whose pictures leave."""
    found: dict[tuple[str, ...], list[str]] = {}
    for lane in strand.lanes:
        for camera in lane.cameras:
            if told := tuple(line for run in lane.runs for line in _said(run, camera, nodes)):
                found.setdefault(told, []).append(camera)
    for told, cameras in found.items():
        yield from (f"      {several(cameras)}: {line}" for line in told)


def _said(run: NodeRun, camera: str, nodes: Catalog) -> Iterator[str]:
    spec = nodes[run.use]
    if spec.tells is not None:
        yield from spec.tells(convert(run.given(camera), spec.params))
    if spec.kind == "source" and run.images(camera):
        yield "IMAGES leave the process of this camera: `images: true`"


def _told(cable: Cable) -> Iterator[str]:
    edge, queue = cable.edges[0], cable.edges[0].queue
    times = f" ×{len(cable.edges)}" if len(cable.edges) > 1 else ""
    bounds = "one record per camera" if queue.policy == "latest" else f"beyond {counted(queue.messages, 'record')}"
    begin = several([each.source[1] for each in cable.edges])
    age = f", {queue.age:g} s" if queue.age else ""
    yield f"  {cable.source} → {cable.target}{times}   [{begin}] → [{cable.end.name}]"
    yield f"    carries {', '.join(edge.kinds)}"
    yield f"    by {edge.transport} {edge.address.partition('://')[2]}"
    linger = f"; gathers for {queue.linger * 1000:g} ms" if queue.linger else ""
    disk = f"; on disk up to {size(queue.spool)}, survives {queue.survives}" if queue.policy == "spool" else ""
    yield f"    {queue.policy} {bounds}, {size(queue.bytes)}{age}{disk}{linger}"
    yield f"    because {edge.why}"
