"""Layouts: where in a view zones, edges and patterns are, in YAML or in the topology; every fault told at its place.

Coordinates are those of the golden mask's view where there is one, and move with the part; else those of the view.
The centre of the top-left pixel is (0, 0), x runs to the right, y down; or they are mm of the calibration's plane.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from nodes.transforms.outline import misshapen, nearest_places, told
from pipeline.conform import Conform, hint, whole
from pipeline.errors import KensaError
from pipeline.golden import GoldenError, open_golden, read_golden
from pipeline.located import BROKEN, Document, read
from pipeline.node import Flaw, Mention
from pipeline.units import Area, Ratio

Label = Annotated[str, Meta(min_length=1, max_length=128, description="text")]
Named = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="a name")]
Point = tuple[float, float]
Spot = Annotated[tuple[float, float], Meta(description="[x, y]")]
Corners = Annotated[tuple[Spot, ...], Meta(max_length=256, description="three or more")]
Line = Annotated[tuple[Point, Point], Meta(description="[[x, y], [x, y]]")]
Pair = Annotated[tuple[Label, Label], Meta(description="the names of two edges")]
Cells = Annotated[int, Meta(ge=1, le=64, description="count")]
Length = Annotated[float, Meta(ge=0, description="px or mm")]
Reach = Annotated[float, Meta(gt=0, description="px or mm")]
Turn = Annotated[float, Meta(ge=0, le=180, description="°")]
Side = Annotated[int, Meta(ge=1, le=1 << 14, description="px")]
Extent = Annotated[tuple[Side, Side], Meta(description="[width, height], px")]
GoldenFile = Annotated[str, Meta(description="a file", extra={"beside": True, "read": read_golden})]

GOLDEN = "golden"  # the tool that compares with the whole golden mask
ANY = "*"  # the view of every prompt that has none of its own
HALF = 0.5  # px from the centre of the outermost pixels to the end of the view


class LayoutError(KensaError):
    """A layout that cannot be used; the text holds every fault with its place."""


class Zone(Struct, frozen=True, forbid_unknown_fields=True):
    """A place in the view.

    Attributes:
        corners: Of a polygon that does not cross itself.
    """

    corners: Corners


class Edge(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an edge of the material is looked for.

    Attributes:
        line: From where to where it should run.
        reach: How far from that line it is looked for, to both sides.
        material: On which side of it the material is, for whoever walks from its first end to its second.
        least: Share of the line along which the edge must be found.
    """

    line: Line
    reach: Reach = 3.0
    material: Literal["left", "right", "any"] = "any"
    least: Ratio = 0.5


class Gap(Struct, frozen=True, forbid_unknown_fields=True):
    """Two edges, between which distances are measured.

    Attributes:
        between: Their names.
    """

    between: Pair


class Grid(Struct, frozen=True, forbid_unknown_fields=True):
    """Places in rows and columns, called `COLUMN-ROW` from `1-1`.

    Attributes:
        first: The place `1-1`.
        columns: How many there are in a row.
        rows: How many rows.
        step: (across, down): from one column to the next, from one row to the next.
    """

    first: Spot
    columns: Cells
    rows: Cells
    step: Spot


class Pattern(Struct, frozen=True, forbid_unknown_fields=True):
    """Things that should be at known places.

    Attributes:
        places: Where, by name, in the order in which each is the next one's neighbour.
        grid: Where, in rows and columns, instead.
        tolerance: How far the centroid of a thing may be from its place.
        find: Whether things are pieces of the material, or holes in it.
        min_area: What has fewer pixels is no thing.
        zone: The zone in which things count; the whole view where this is left out.
    """

    tolerance: Reach
    places: Annotated[dict[Named, Spot], Meta(min_length=1, max_length=4096)] | None = None
    grid: Grid | None = None
    find: Literal["pieces", "holes"] = "pieces"
    min_area: Area = 1
    zone: Label | None = None


class View(Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured under one prompt.

    Attributes:
        golden: What a good part looks like; `kensa golden` makes it.
        tolerance: How far an outline may be from that of the golden mask before material is missing or too much.
        align: How the golden mask is laid upon the part: as it was seen; centroid on centroid; or, from there, shifted
            and turned until their outlines go together best.
        max_shift: Farthest that it may have to move; as far as it takes where this is left out.
        max_turn: Farthest that it may have to turn, with `align: ecc`.
        alike: Least overlap (IoU) after that: what is less like it was not aligned.
        unit: What coordinates and lengths here are told in.
        size: Of the view, where no golden mask says it: so that what lies outside is told before the line runs.
        zones: Places in the view, by name.
        edges: Edges of the material, by name.
        gaps: What is measured between two edges, by name.
        patterns: Things that should be at known places, by name.
    """

    golden: GoldenFile | None = None
    tolerance: Length = 0.0
    align: Literal["none", "centroid", "ecc"] = "none"
    max_shift: Length | None = None
    max_turn: Turn = 15.0
    alike: Ratio = 0.5
    unit: Literal["px", "mm"] = "px"
    size: Extent | None = None
    zones: dict[Label, Zone] = {}
    edges: dict[Label, Edge] = {}
    gaps: dict[Label, Gap] = {}
    patterns: dict[Label, Pattern] = {}


Views = Annotated[dict[str, View], Meta(min_length=1, max_length=64, description="views by prompt")]


class Layout(Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured, prompt by prompt.

    Attributes:
        views: By the name of the prompt; `"*"` is for each that has no view of its own.
    """

    views: Views


def open_layout(path: str) -> Layout:
    """Read a layout.

    Raises:
        LayoutError: If it cannot be read or does not say what a layout says.
    """
    document = read(path)
    data = _judged(document)
    if document.faults:
        raise LayoutError(document.show())
    return msgspec.convert(data, Layout)


def read_layout(path: str) -> Document:
    """Read a layout as a document that holds every fault of it: `kensa check` tells them as its own."""
    document = read(path)
    _judged(document)
    return document


def flaws(views: Mapping[str, View]) -> Iterator[Flaw]:
    """Everything that keeps views from being measured, with where in them it stands."""
    for prompt, view in views.items():
        yield from (Flaw((prompt, *flaw.path), flaw.text) for flaw in _flaws(view))


def mentions(path: str) -> Iterator[Mention]:
    """The prompts that a layout has views of."""
    document = read(path)
    views = document.data.get("views") if isinstance(document.data, dict) else None
    for prompt in views if isinstance(views, dict) else ():
        if prompt != ANY:
            yield Mention(prompt, ("layout",), document.mark(("views", prompt), key=True))


def tools(view: View) -> dict[str, str]:
    """Every tool of a view by name, with what it is: `golden`, `zone`, `gap` or `pattern`."""
    found = {GOLDEN: "golden"} if view.golden else {}
    return found | {name: kind for kind in ("zone", "gap", "pattern") for name in getattr(view, f"{kind}s")}


def places(pattern: Pattern) -> dict[str, Point]:
    """The places of a pattern by name."""
    if pattern.places is not None:
        return dict(pattern.places)
    grid = pattern.grid
    assert grid
    return {
        f"{column + 1}-{row + 1}": (grid.first[0] + column * grid.step[0], grid.first[1] + row * grid.step[1])
        for row in range(grid.rows)
        for column in range(grid.columns)
    }


def _judged(document: Document) -> Any:
    """The data of a layout; what types cannot say is noted where the types are right."""
    if document.faults:
        return BROKEN
    if not isinstance(document.data, dict):
        document.complain((), "expected a layout: `views: {PROMPT: {zones: …}}`")
        return BROKEN
    data = whole(Conform(document)(document.data, Layout, ()))
    if not document.faults:
        for flaw in flaws(msgspec.convert(data, Layout).views):
            document.complain(("views", *flaw.path), flaw.text)
    return data


def _flaws(view: View) -> Iterator[Flaw]:
    if view.align != "none" and view.golden is None:
        yield Flaw(
            ("align",), f"align: expected `golden` beside it, which it is aligned with, got '{view.align}' alone"
        )
    yield from _names(view)
    for name, zone in view.zones.items():
        yield from (Flaw(("zones", name, "corners"), f"corners: {text}") for text in misshapen(zone.corners))
    for name, edge in view.edges.items():
        if edge.line[0] == edge.line[1]:
            yield Flaw(("edges", name, "line"), f"line: expected two places, got {told(edge.line[0])} twice")
    for name, gap in view.gaps.items():
        yield from (Flaw(("gaps", name, "between", *path), text) for path, text in _between(gap, view.edges))
    for name, pattern in view.patterns.items():
        yield from (Flaw(("patterns", name, *path), text) for path, text in _laid(pattern, view))
    yield from _outside(view)


def _names(view: View) -> Iterator[Flaw]:
    """A finding names its tool, so no two have one name."""
    taken = {GOLDEN: "the comparison with the whole golden mask"}
    for kind in ("zone", "gap", "pattern"):
        for name in getattr(view, f"{kind}s"):
            if name in taken:
                yield Flaw((f"{kind}s", name), f"'{name}' is the name of {taken[name]}: a finding names its tool")
            taken.setdefault(name, f"a {kind}")


def _between(gap: Gap, edges: Mapping[str, Edge]) -> Iterator[tuple[tuple[int, ...], str]]:
    for place, name in enumerate(gap.between):
        if name not in edges:
            yield (place,), f"unknown edge '{name}'{hint(name, edges) if edges else '; this view has no `edges`'}"
    if gap.between[0] == gap.between[1]:
        yield (1,), f"expected another edge, got '{gap.between[0]}' twice"


def _laid(pattern: Pattern, view: View) -> Iterator[tuple[tuple[str, ...], str]]:
    ways = [name for name in ("places", "grid") if getattr(pattern, name) is not None]
    if len(ways) != 1:
        yield tuple(ways[1:]), f"expected one of `places` and `grid`, got {'both' if ways else 'none'}"
        return
    if pattern.zone is not None and pattern.zone not in view.zones:
        known = hint(pattern.zone, view.zones) if view.zones else "; this view has no `zones`"
        yield ("zone",), f"unknown zone '{pattern.zone}'{known}"
    between = nearest_places([*places(pattern).values()])
    if pattern.tolerance * 2 >= between:
        text = f"expected less than half of {between:g}, which is between two places, got {pattern.tolerance:g}"
        yield ("tolerance",), f"tolerance: {text}"


def _outside(view: View) -> Iterator[Flaw]:
    """What lies outside the view, where coordinates are pixels and its size is known."""
    size, flaw = _size(view)
    yield from flaw
    if size is None or view.unit == "mm":
        return
    named: list[tuple[tuple[str | int, ...], Point]] = []
    named += [(("zones", n, "corners", i), p) for n, z in view.zones.items() for i, p in enumerate(z.corners)]
    named += [(("edges", n, "line", i), p) for n, e in view.edges.items() for i, p in enumerate(e.line)]
    for n, pattern in view.patterns.items():
        if pattern.places is not None:
            named += [(("patterns", n, "places", name), p) for name, p in pattern.places.items()]
        elif pattern.grid is not None:
            named += [(("patterns", n, "grid"), p) for p in places(pattern).values()]
    known = set[tuple[str | int, ...]]()
    for path, (x, y) in named:
        if not (-HALF <= x <= size[0] - HALF and -HALF <= y <= size[1] - HALF) and path not in known:
            known.add(path)
            yield Flaw(path, f"expected a place in the view of {size[0]}×{size[1]} px, got {told((x, y))}")


def _size(view: View) -> tuple[Extent | None, list[Flaw]]:
    """(width, height) of the view; and why its golden mask has another."""
    if view.golden is None:
        return view.size, []
    try:
        height, width = open_golden(view.golden).size
    except GoldenError:
        return None, []  # its faults are told at their own place
    if view.size not in (None, (width, height)):
        assert view.size
        text = f"expected that of the golden mask, [{width}, {height}], got [{view.size[0]}, {view.size[1]}]"
        return None, [Flaw(("size",), f"size: {text}")]
    return (width, height), []
