"""Rule books: what is allowed, in YAML; read once, with every fault told at its place."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from pipeline.conform import Conform
from pipeline.errors import KensaError
from pipeline.located import Document, read
from pipeline.units import Frames

Measure = Literal[
    "area_px",
    "width_px",
    "height_px",
    "extent",
    "holes",
    "hole_area_px",
    "score",
    "x_px",
    "y_px",
    "count",
    "total_area_px",
]
Label = Annotated[str, Meta(min_length=1, max_length=128, description="text")]
Reason = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{0,31}$", description="a code such as HOLE or TOO_SHORT")]


class BookError(KensaError):
    """A rule book that cannot be used; the text holds every fault with its place."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One limit.

    Attributes:
        name: What people call it.
        measure: What is measured; `count` and `total_area_px` are of a whole frame, all others of one region.
        reason: Code for the plant.
        low: The least that is allowed.
        high: The most that is allowed.
        label: Which regions it is about; the book's label where this is left out.
        severity: What breaking it means.
        whole: Leave out regions that the edge of the view may have cut off.
    """

    name: Label
    measure: Measure
    reason: Reason
    low: float | None = None
    high: float | None = None
    label: Label | None = None
    severity: Literal["WARN", "FAIL"] = "FAIL"
    whole: bool = False


class Book(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule book. Rules are in the order of their weight: the first that is broken gives a part its name.

    Attributes:
        rules: The limits.
        name: Name of the book in verdicts; the file's name where this is left out.
        label: Which regions the rules are about, where they do not say.
        min_views: Frames that must show a part whole; with fewer it was not inspected.
        max_hidden: Frames of a part that gaps may have hidden; with more it is not known to be good.
    """

    rules: tuple[Rule, ...]
    name: Label | None = None
    label: Label = "part"
    min_views: Frames = 1
    max_hidden: Frames = 0


@lru_cache(maxsize=64)
def open_book(path: str) -> Book:
    """Read a rule book; the same path is read once per process.

    Raises:
        BookError: If it cannot be read or does not say what a book says.
    """
    document = read_book(path)
    if document.faults:
        raise BookError(document.show())
    book = msgspec.convert(document.data, Book)
    return msgspec.structs.replace(book, name=book.name or Path(path).stem)


def read_book(path: str) -> Document:
    """Read a rule book as a document that holds every fault of it: `kensa check` tells them as its own."""
    document = read(path)
    if not document.faults:
        data = Conform(document)(document.data, Book, ())
        if isinstance(data, dict) and isinstance(document.data.get("rules"), list):
            _judge(document)
    return document


def _judge(document: Document) -> None:
    """What types cannot say: there are rules, their limits are there and in order, their names differ."""
    names: set[Any] = set()
    if not document.data["rules"]:
        document.complain(("rules",), "rules: expected at least one rule, got none")
    for i, rule in enumerate(document.data["rules"]):
        if not isinstance(rule, dict):
            continue
        _limits(document, ("rules", i), rule.get("low"), rule.get("high"))
        name = rule.get("name")
        if isinstance(name, str) and name in names:
            document.complain(("rules", i, "name"), f"two rules are called '{name}'; a finding names its rule")
        names.add(name if isinstance(name, str) else None)


def _limits(document: Document, path: tuple[str | int, ...], low: Any, high: Any) -> None:
    if low is None and high is None:
        document.complain(path, "expected a limit: `low`, `high` or both, got neither")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        document.complain((*path, "low"), f"low: expected at most `high`, which is {high:g}, got {low:g}")
