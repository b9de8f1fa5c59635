"""Rules on what tools measure: which tool is meant, whether it measures that, and where its numbers are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from nodes.transforms.expression import Formula
from nodes.transforms.measures import SUFFIXES, by_tool
from pipeline.conform import hint
from pipeline.errors import KensaError
from pipeline.gauges import Clearance, Fill, Fit, Pose, Presence

if TYPE_CHECKING:
    from nodes.transforms.layout import Layout
    from nodes.transforms.views import View

MEASURED: dict[str, tuple[type[Struct], ...]] = {
    "golden": (Fit, Pose),
    "zone": (Fill, Fit),
    "gap": (Clearance,),
    "pattern": (Presence,),
}


class Tools:
    """The tools that rules may name.

    Args:
        layout: The layout that a book names; None where it names none, and then any name may be right.
    """

    def __init__(self, layout: Layout | None) -> None:
        self._layout = layout

    def faults(self, found: Formula, tool: str | None, prompt: str | None) -> Iterator[tuple[str, str]]:
        """What is wrong with a rule's tool: the field and the text."""
        asked = [term.measure.stem for term in found.terms.values() if term.level == "tool"]
        if asked and tool is None:
            text = f"'{asked[0]}' is measured by a tool: expected `tool` beside it, with a name from the layout"
            yield "measure", f"measure: {text}"
        elif tool is not None and not asked:
            yield "tool", f"tool: expected a measurement that tools make, got '{found.text}': remove `tool`"
        elif tool is not None and self._layout is not None:
            yield from (("tool", f"tool: {text}") for text in self._unfit(asked, tool, prompt))

    def _unfit(self, asked: Iterable[str], tool: str, prompt: str | None) -> Iterator[str]:
        from nodes.transforms.layout import tools

        views = [*self._views(prompt)]
        kinds = {name: kind for view in views for name, kind in tools(view).items()}
        if tool not in kinds:
            yield f"unknown tool '{tool}'{hint(tool, kinds) if kinds else '; the layout has none'}"
            return
        fields = {_stem(name) for kind in MEASURED[kinds[tool]] for name in kind.__struct_fields__}
        for name in asked:
            if name not in fields:
                known = ", ".join(sorted(fields - {"names"}))
                yield f"'{tool}' is a {kinds[tool]}, which has no '{name}'; it measures {known}"
            elif name in map(_stem, Fit.__struct_fields__) and not any(view.golden for view in views):
                yield f"'{name}' is measured against a golden mask: the layout has no `golden` there"

    def _views(self, prompt: str | None) -> Iterator[View]:
        """The views that a rule may be about."""
        from nodes.transforms.views import ANY

        assert self._layout
        views = self._layout.views
        if prompt is None:
            yield from views.values()
        elif view := views.get(prompt) or views.get(ANY):
            yield view


class Beside(NamedTuple):
    """What a rule may speak of: the zones of its book, the label where it has none of its own, the tools."""

    zones: dict[str, Any]
    label: Any
    tools: Tools


def known_tools(data: Mapping[str, Any]) -> Tools:
    """The tools of the layout that a book's data name; faults of that file are told by whoever read the book."""
    path = data.get("layout")
    if not isinstance(path, str):
        return Tools(None)
    from nodes.transforms.layout import open_layout  # a book without tools holds 1 MB less

    try:
        return Tools(open_layout(path))
    except KensaError:
        return Tools(None)


def bound(found: Formula, tool: str | None) -> Formula:
    """The formula with what it reads of gauges read off those of one tool."""
    if tool is None:
        return found
    terms = {
        name: term._replace(measure=by_tool(term.measure, tool)) if term.level == "tool" else term
        for name, term in found.terms.items()
    }
    return found._replace(terms=terms)


def _stem(name: str) -> str:
    return next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
