"""Draw a plan as SVG: hosts hold processes, processes lanes, lanes nodes; every edge says what it carries and how."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from pipeline.drawing.grid import BOW, LETTER, PAD, Grid, Rect, long
from pipeline.drawing.routes import Point, Route, routes
from pipeline.outline import Outline, Strand, counted, outline, size
from pipeline.plan import Plan

XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
COLOURS = {"block": "#1d5fa8", "drop_oldest": "#b4540a", "latest": "#7a3db8", "spool": "#1f7a45"}
WIDTHS = {"memory": "stroke-dasharray:2 4;stroke-width:2", "ipc": "stroke-width:1.6", "tcp": "stroke-width:3"}
SAID = {
    "block": "the producer waits",
    "drop_oldest": "the oldest goes, counted, and a gap is told",
    "latest": "one record per camera",
    "spool": "the oldest wait on disk",
    "memory": "in one process",
    "ipc": "on one host",
    "tcp": "between hosts",
}
STYLE = """
text { font: 12px 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif; fill: #1c2733 }
.title { font-size: 17px; font-weight: 600 }
.host { fill: #f3f5f8; stroke: #c5ced8 }
.process { fill: #ffffff; stroke: #8c99a8; stroke-width: 1.2 }
.lane { fill: #eaf1f9; stroke: #b6cbe2 }
.name { font-weight: 600 }
.dim, .note { fill: #5a6878; font-size: 11px }
.source { fill: #1d4468 }
.transform { fill: #ffffff; stroke: #1d4468; stroke-width: 1.3 }
.sink { fill: #dbe4ee; stroke: #1d4468; stroke-width: 1.3 }
.in-source { fill: #ffffff }
.link { stroke: #1d4468; stroke-width: 1.6; fill: none }
.cable { fill: none; stroke-linejoin: round }
.label { font-size: 10.5px }
.cut { fill: #ffffff; stroke-width: 1.3 }
.number { font-size: 9.5px; font-weight: 600 }
"""


def svg(plan: Plan) -> str:
    """The plan as an SVG document."""
    whole = outline(plan)
    grid = Grid(whole)
    ways = routes(grid)
    reasons = [*dict.fromkeys(cable.edges[0].why for cable in whole.cables)]
    legend = [*_legend(whole, grid.bottom + 34)]
    notes = [*_notes(reasons, grid.bottom + 34 + 20 * len(legend) + 12)]
    height = grid.bottom + 34 + 20 * len(legend) + 12 + 18 * len(notes)
    longest = max((len(why) for why in reasons), default=0) * LETTER
    width = max(grid.width, longest + 60, 560) + 2 * PAD
    body = [
        f'<svg {XMLNS} viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img">',
        f"<title>{_text(_title(plan))}</title>",
        f"<style>{STYLE}</style>",
        "<defs>" + "".join(_arrows()) + "</defs>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        _words(PAD, 30, _title(plan), "title"),
        *_frames(grid),
        *(part for strand in whole.strands for part in _strand(grid, strand)),
        *(part for route in ways for part in _cable(route, reasons)),
        *legend,
        *notes,
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _title(plan: Plan) -> str:
    hosts = len({process.host for process in plan.processes})
    lanes = sum(len(process.lanes) for process in plan.processes)
    counts = {"host": hosts, "process": len(plan.processes), "lane": lanes, "edge": len(plan.edges)}
    return f"{plan.line}: {', '.join(counted(number, noun) for noun, number in counts.items())}"


def _frames(grid: Grid) -> Iterator[str]:
    for name, rect in grid.hosts.items():
        yield _box(rect, "host", 12)
        yield _words(rect.x + PAD, rect.y + 20, f"host {name}", "name")
    for name, rect in grid.processes.items():
        yield _box(rect, "process", 9)
        yield _words(rect.x + PAD, rect.y + 17, f"process {name}", "dim")


def _strand(grid: Grid, strand: Strand) -> Iterator[str]:
    """A lane with its nodes; several lanes lie behind each other like cards."""
    rect = grid.strands[strand.key]
    for behind in range(min(len(strand.lanes) - 1, 2), 0, -1):
        yield _box(rect._replace(x=rect.x + 4 * behind, y=rect.y + 4 * behind), "lane", 7)
    yield _box(rect, "lane", 7)
    yield _words(rect.x + PAD, rect.y + 16, strand.name, "dim")
    for begin, end in strand.links:
        yield _link(grid.nodes[strand.key, begin], grid.nodes[strand.key, end], strand, (begin, end))
    for node in strand.nodes:
        yield from _node(grid, strand, node)


def _node(grid: Grid, strand: Strand, node: str) -> Iterator[str]:
    rect = grid.nodes[strand.key, node]
    kind = _kind(grid.outline, strand, node)
    yield _box(rect, kind, 6)
    yield _words(rect.x + rect.w / 2, rect.y + rect.h / 2 + 4, node, f"name in-{kind}", 'text-anchor="middle"')


def _kind(whole: Outline, strand: Strand, node: str) -> str:
    """Nobody feeds a source; a sink feeds nobody."""
    if node == strand.nodes[0] and not strand.lanes[0].addresses:
        return "source"
    feeds = any(begin == node for begin, _ in strand.links)
    return "transform" if feeds or any(cable.source == node for cable in whole.cables) else "sink"


def _link(begin: Rect, end: Rect, strand: Strand, ends: tuple[str, str]) -> str:
    """An arrow to the next node; in a bow above the nodes between, where there are some."""
    middle = begin.y + begin.h / 2
    places = [strand.nodes.index(node) for node in ends]
    if places[1] - places[0] == 1:
        path = f"M{begin.right:.1f} {middle:.1f}H{end.x - 2:.1f}"
    else:
        x, to, top = begin.x + begin.w / 2, end.x + end.w / 2, begin.y
        path = f"M{x:.1f} {top:.1f}C{x:.1f} {top - BOW:.1f} {to:.1f} {top - BOW:.1f} {to:.1f} {top - 2:.1f}"
    return f'<path class="link" d="{path}" marker-end="url(#link)"/>'


def _cable(route: Route, reasons: list[str]) -> Iterator[str]:
    edge = route.cable.edges[0]
    colour = COLOURS[edge.queue.policy]
    (right, y), (end, _) = route.label, route.points[-1]
    x = right - long(route.cable) + 8
    number = reasons.index(edge.why) + 1
    yield f"<g><title>{_text(_tooltip(route))}</title>"
    yield (
        f'<path class="cable" style="stroke:{colour};{WIDTHS[edge.transport]}" d="{_path(route.points, end)}" '
        f'marker-end="url(#{edge.queue.policy})"/>'
    )
    yield f'<circle class="cut" style="stroke:{colour}" cx="{x:.1f}" cy="{y:.1f}" r="7.5"/>'
    yield _words(x, y + 3.4, str(number), "number", f'text-anchor="middle" style="fill:{colour}"')
    yield _words(right, y - 4.5, route.cable.label, "label", f'text-anchor="end" style="fill:{colour}"') + "</g>"


def _tooltip(route: Route) -> str:
    cable, edge = route.cable, route.cable.edges[0]
    bounds = f"{counted(edge.queue.messages, 'record')}, {size(edge.queue.bytes)}"
    return (
        f"{cable.source} → {cable.target}\n{edge.transport} {edge.address}\n{edge.queue.policy}: {bounds}\n{edge.why}"
    )


def _path(points: tuple[Point, ...], end: float) -> str:
    """A line through corners, each of them rounded; it stops where its arrow begins."""
    ways = [*points[:-1], (end - 5, points[-1][1])]
    path = f"M{ways[0][0]:.1f} {ways[0][1]:.1f}"
    for before, corner, after in zip(ways, ways[1:], ways[2:], strict=False):
        (ax, ay), (bx, by) = _towards(corner, before), _towards(corner, after)
        path += f"L{ax:.1f} {ay:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {bx:.1f} {by:.1f}"
    return path + f"L{ways[-1][0]:.1f} {ways[-1][1]:.1f}"


def _towards(start: Point, goal: Point, most: float = 6.0) -> Point:
    """The point a few pixels from one towards another, at most half way."""
    dx, dy = goal[0] - start[0], goal[1] - start[1]
    step = min(most, (abs(dx) + abs(dy)) / 2) / (abs(dx) + abs(dy) or 1)
    return start[0] + dx * step, start[1] + dy * step


def _legend(whole: Outline, y: float) -> Iterator[str]:
    """What the colours and lines that occur mean."""
    policies = [p for p in COLOURS if any(cable.edges[0].queue.policy == p for cable in whole.cables)]
    carriers = [t for t in WIDTHS if any(cable.edges[0].transport == t for cable in whole.cables)]
    samples = [(name, f"stroke:{COLOURS[name]};stroke-width:2.4") for name in policies]
    samples += [(name, f"stroke:#5a6878;{WIDTHS[name]}") for name in carriers]
    for row, (name, style) in enumerate(samples):
        at = y + 20 * row
        line = f'<path class="cable" style="{style}" d="M{PAD} {at - 4:.1f}h34"/>'
        yield line + _words(PAD + 44, at, f"{name}: {SAID[name]}", "note")


def _notes(reasons: list[str], y: float) -> Iterator[str]:
    for row, why in enumerate(reasons):
        at = y + 18 * row
        circle = f'<circle class="cut" style="stroke:#5a6878" cx="{PAD + 8}" cy="{at - 4:.1f}" r="7.5"/>'
        number = _words(PAD + 8, at - 0.6, str(row + 1), "number", 'text-anchor="middle"')
        yield circle + number + _words(PAD + 24, at, f"cut because {why}", "note")


def _arrows() -> Iterator[str]:
    for name, colour in (COLOURS | {"link": "#1d4468"}).items():
        shape = 'viewBox="0 0 8 8" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"'
        tip = f'refX="{6 if name == "link" else 2}" refY="4"'
        yield f'<marker id="{name}" {shape} {tip}><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'


def _box(rect: Rect, kind: str, radius: float) -> str:
    place = f'x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.w:.1f}" height="{rect.h:.1f}"'
    return f'<rect class="{kind}" {place} rx="{radius}"/>'


def _words(x: float, y: float, text: str, kind: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" {more}>{_text(text)}</text>'


def _text(text: str) -> str:
    return escape(text)
