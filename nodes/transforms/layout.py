"""Layouts: where in a view zones, edges and patterns are, in YAML or in the topology; every fault told at its place.

Coordinates are those of the golden mask's view where there is one, and move with the part; else those of the view.
The centre of the top-left pixel is (0, 0), x runs to the right, y down; or they are mm of the calibration's plane.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import Struct

from nodes.transforms.outline import misshapen, nearest_places, told
from nodes.transforms.views import ANY, GOLDEN, HALF, Edge, Extent, Gap, Pattern, Point, View, Views
from pipeline.conform import Conform, hint, whole
from pipeline.conversion import convert
from pipeline.errors import KensaError
from pipeline.golden import GoldenError, open_golden
from pipeline.located import BROKEN, Document, read
from pipeline.node import Flaw, Mention


class LayoutError(KensaError):
    """A layout that cannot be used; the text holds every fault with its place."""


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
    return convert(data, Layout)


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


def uncovered(path: str, prompts: Collection[str]) -> Iterator[Mention]:
    """Prompts that a layout has no view of."""
    document = read(path)
    views = document.data.get("views") if isinstance(document.data, dict) else None
    if isinstance(views, dict) and ANY not in views:
        mark = document.mark(("views",), key=True)
        yield from (Mention(prompt, ("layout",), mark) for prompt in sorted(prompts) if prompt not in views)


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
        for flaw in flaws(convert(data, Layout).views):
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
