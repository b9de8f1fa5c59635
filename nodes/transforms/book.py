"""Rule books: what is allowed, in YAML; read whole, with every fault told at its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from nodes.transforms.check import Check
from nodes.transforms.limits import Reading
from nodes.transforms.outline import misshapen
from nodes.transforms.quantity import UNITS, quantity
from nodes.transforms.tooled import Beside, known_tools
from nodes.version import version
from pipeline.conform import Conform
from pipeline.conversion import convert
from pipeline.errors import KensaError
from pipeline.located import BROKEN, Document, read
from pipeline.node import Mention
from pipeline.units import Frames, Seconds

Label = Annotated[str, Meta(min_length=1, max_length=128, description="text")]
Reason = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{0,31}$", description="a code such as HOLE or TOO_SHORT")]
Number = Annotated[float | str, Meta(description="a number with its unit, such as 20.5 mm, 95 % or 3")]
Formula = Annotated[str, Meta(min_length=1, description="a measurement or an expression")]
Often = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,3} of [1-9][0-9]{0,3}$", description="frames such as 3 of 5")]
Corner = tuple[float, float]
Corners = Annotated[tuple[Corner, ...], Meta(min_length=3, max_length=256, description="three or more [x, y], mask px")]


def _layout(path: str) -> Document:
    """See `read_layout`; a book without tools does not load what reads layouts."""
    from nodes.transforms.layout import read_layout

    return read_layout(path)


LayoutFile = Annotated[str, Meta(description="a file", extra={"beside": True, "read": _layout})]
Crop = Annotated[tuple[int, int, int, int], Meta(description="[x, y, width, height], sensor px")]


class BookError(KensaError):
    """A rule book that cannot be used; the text holds every fault with its place."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What is allowed; a value at its limit is.

    Attributes:
        low: The least.
        high: The most.
    """

    low: Number | None = None
    high: Number | None = None


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule: limits on a measurement, or a condition that must hold.

    Attributes:
        name: What people call it.
        reason: Code for the plant.
        measure: What is measured: a measurement's name, or an expression that gives a number.
        fail: What is allowed; beyond it the part is bad.
        warn: What is usual; beyond it somebody should look.
        require: A condition that must hold, instead of limits.
        otherwise: What a part is for which it does not.
        label: Which regions it is about; the book's label where this is left out.
        prompt: Under which prompt; under any where this is left out.
        zone: In which zone of the book the centroid must lie.
        tool: Whose measurement it is: the name of a zone, gap or pattern in the layout of `gauge`, or `golden`.
        where: Which of those regions: a condition.
        whole: Leave out regions that the edge of the view may have cut off.
        severity: How grave it is; for people and the plant, it does not change the outcome.
        uncertainty: Expanded measurement uncertainty (k = 2): `fail` is drawn in by it on both sides.
        unproven: What a value is that keeps `fail`, but not by its uncertainty.
        often: In how many of how many frames it must be broken, this one among them; in each where it is left out.
        window: Over how long `rate` is counted.
    """

    name: Label
    reason: Reason
    measure: Formula | None = None
    fail: Limits | None = None
    warn: Limits | None = None
    require: Formula | None = None
    otherwise: Literal["FAIL", "WARN"] = "FAIL"
    label: Label | None = None
    prompt: str | None = None
    zone: Label | None = None
    tool: Label | None = None
    where: Formula | None = None
    whole: bool = False
    severity: Literal["critical", "major", "minor"] = "major"
    uncertainty: Number | None = None
    unproven: Literal["FAIL", "WARN", "NO_READ"] = "FAIL"
    often: Often | None = None
    window: Seconds = 60.0


class Zone(Struct, frozen=True, forbid_unknown_fields=True):
    """A place in the view.

    Attributes:
        corners: Of a polygon, mask pixels; the centre of the top-left one is (0, 0).
        prompt: Under which prompt it is there; under any where this is left out.
    """

    corners: Corners
    prompt: str | None = None


class Book(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule book. Rules are in the order of their weight: the first that is broken gives a part its name.

    Attributes:
        rules: The rules.
        name: Name of the book in verdicts; the file's name where this is left out.
        label: Which regions the rules are about, where they do not say.
        min_views: Frames that must show a part whole; with fewer it was not inspected.
        max_hidden: Frames of a part that gaps may have hidden; with more it is not known to be good.
        needs: Labels of which a frame must show something; one that does not was not inspected.
        saturated: Share of the view from which a mask is none, but a sensor that is dazzled.
        frozen: So many frames in a row with the very same masks are not inspected; 0: however many.
        crops: The crop that each prompt must have been seen in; any where this is left out.
        zones: Places that rules speak of.
        layout: The layout of `gauge`: with it, names of tools and what they measure are checked.
        tell: Whether verdicts also tell the limits that were kept.
    """

    rules: tuple[Rule, ...]
    name: Label | None = None
    label: Label = "part"
    min_views: Frames = 1
    max_hidden: Frames = 0
    needs: tuple[Label, ...] = ()
    saturated: Number = "100 %"
    frozen: Frames = 0
    crops: dict[str, Crop] = {}
    zones: dict[Label, Zone] = {}
    layout: LayoutFile | None = None
    tell: Literal["broken", "all"] = "broken"


class Ready(Struct, frozen=True):
    """A book that can judge.

    Attributes:
        name: Its name in verdicts.
        version: Digest of its words.
        book: What it says.
        checks: Its rules, ready to be asked.
        dazzled: From which share of the view on, 0…1, a mask is none.
    """

    name: str
    version: str
    book: Book
    checks: tuple[Check, ...]
    dazzled: float


def open_book(path: str) -> Ready:
    """Read a rule book.

    Raises:
        BookError: If it cannot be read or does not say what a book says.
    """
    document = read(path)
    checks = _judged(document)
    if document.faults:
        raise BookError(document.show())
    book = convert(document.data, Book)
    share = quantity(book.saturated)
    assert share
    return Ready(book.name or Path(path).stem, version(document), book, checks, share.to(UNITS["%"]) / 100)


def read_book(path: str) -> Document:
    """Read a rule book as a document that holds every fault of it: `kensa check` tells them as its own."""
    document = read(path)
    _judged(document)
    return document


def mentions(path: str) -> Iterator[Mention]:
    """The prompts that a book's rules, zones and crops speak of."""
    document = read(path)
    data = document.data if isinstance(document.data, dict) else {}
    rules, zones, crops = (data.get(name) for name in ("rules", "zones", "crops"))
    listed = [(("rules", i), rule) for i, rule in enumerate(rules)] if isinstance(rules, list) else []
    named = [(("zones", name), zone) for name, zone in zones.items()] if isinstance(zones, dict) else []
    for path_, each in (*listed, *named):
        if isinstance(each, dict) and isinstance(prompt := each.get("prompt"), str):
            yield Mention(prompt, ("book",), document.mark((*path_, "prompt")))
    for prompt in crops if isinstance(crops, dict) else ():
        yield Mention(prompt, ("book",), document.mark(("crops", prompt), key=True))


def first_tool(path: str) -> tuple[str, int, int] | None:
    """Where a book speaks of a tool first: name of the file, line and column, from 1; None where it does not."""
    document = read(path)
    rules = document.data.get("rules") if isinstance(document.data, dict) else None
    for i, rule in enumerate(rules) if isinstance(rules, list) else ():
        if isinstance(rule, dict) and isinstance(rule.get("tool"), str):
            return document.mark(("rules", i, "tool"))
    return None


def _judged(document: Document) -> tuple[Check, ...]:
    """What types cannot say: every rule can be asked, names are used once, zones and units are known."""
    if document.faults:
        return ()
    data = Conform(document)(document.data, Book, ())
    if not isinstance(data, dict) or not isinstance(data.get("rules"), list):
        return ()
    if not data["rules"]:
        document.complain(("rules",), "rules: expected at least one rule, got none")
    _names(document, data["rules"])
    _share(document, data)
    _outlines(document, data.get("zones"))
    return tuple(_checks(document, data))


def _checks(document: Document, data: dict[str, Any]) -> Iterator[Check]:
    zones, label, tools = data.get("zones"), data.get("label", "part"), known_tools(data)
    for i, rule in enumerate(data["rules"]):
        if isinstance(rule, dict):
            known = zones if isinstance(zones, dict) else {}
            found = Reading(document, ("rules", i), rule, Beside(known, label, tools)).check()
            yield from () if found is None else (found,)


def _names(document: Document, rules: list[Any]) -> None:
    names: set[str] = set()
    for i, rule in enumerate(rules):
        name = rule.get("name") if isinstance(rule, dict) else None
        if isinstance(name, str) and name in names:
            document.complain(("rules", i, "name"), f"two rules are called '{name}'; a finding names its rule")
        names.add(name if isinstance(name, str) else "")


def _outlines(document: Document, zones: Any) -> None:
    """Zones have an inside."""
    for name, zone in zones.items() if isinstance(zones, dict) else ():
        corners = zone.get("corners") if isinstance(zone, dict) else None
        if isinstance(corners, list) and len(corners) >= 3 and BROKEN not in corners:
            for text in misshapen(corners):
                document.complain(("zones", name, "corners"), f"corners: {text}")


def _share(document: Document, data: dict[str, Any]) -> None:
    said = data.get("saturated", "100 %")
    found = quantity(said) if said is not BROKEN else None
    if said is not BROKEN and (found is None or found.unit.name not in ("", "%") or found.value <= 0):
        document.complain(("saturated",), f"saturated: expected a share of the view, such as 98 %, got '{said}'")
