"""A rule that can be asked."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from nodes.transforms.expression import Formula
from nodes.transforms.measures import Read
from nodes.transforms.quantity import Unit
from pipeline.records import Outcome

Told = tuple[float | None, float | None]
Corners = tuple[tuple[float, float], ...]


class Guard(Struct, frozen=True):
    """Measurement uncertainty.

    Attributes:
        value: How much, in base units; of the value, where it is relative.
        of: Whether that is of the value's own kind, a share of the value, or in pixels of the region.
    """

    value: float
    of: Literal["unit", "value", "pixel"]


class Check(Struct, frozen=True, kw_only=True):
    """A rule that can be asked. Limits are in base units, infinite where there is none.

    Attributes:
        name: What people call it.
        reason: Code for the plant.
        severity: How grave it is.
        formula: What is measured, or what must hold.
        unit: In which findings tell it.
        fail: (low, high) that are allowed.
        warn: (low, high) that are usual.
        fail_told: The same in `unit`, None where there is none.
        warn_told: The same of `warn`.
        guard: What `fail` is drawn in by.
        unproven: What a value within that is.
        label: Which regions it is about.
        prompt: Under which prompt; None for any.
        corners: Of the zone that it is about; None for the whole view.
        where: Which of those regions.
        whole: Leave out what may be cut off.
        tool: The tool whose measurements it is about; None for what is measured on regions themselves.
        often: (n, m): broken in n of m frames.
        window_ns: Over how long a rate is counted.
        metric: Whether it needs a calibration.
        read: Takes its number from a region, where it is one measurement as it is.
        each: Whether every region is asked, or all together.
        narrow: Whether it is about some regions of its label only.
        rated: Whether it asks how often something comes.
        of_frames: Whether frames can be asked: a part's own numbers are not in them.
        of_parts: Whether parts can be asked: a part is one region, so it has no count.
    """

    name: str
    reason: str
    severity: str
    formula: Formula
    unit: Unit
    fail: tuple[float, float]
    warn: tuple[float, float]
    fail_told: Told
    warn_told: Told
    guard: Guard | None
    unproven: Outcome
    label: str
    prompt: str | None
    corners: Corners | None
    where: Formula | None
    whole: bool
    tool: str | None
    often: tuple[int, int]
    window_ns: int
    metric: bool
    read: Read | None
    each: bool
    narrow: bool
    rated: bool
    of_frames: bool
    of_parts: bool


def ways(formula: Formula) -> dict[str, Any]:
    """How a formula is asked, worked out once: most rules are limits on one measurement of a region."""
    terms, levels = formula.terms.values(), formula.levels
    first = next(iter(terms), None)
    plain = first is not None and formula.alone and levels <= {"region", "tool"}
    return {
        "read": first.measure.read if first and plain else None,
        "each": not levels.isdisjoint({"region", "tool"}),
        "rated": "rate" in formula.terms,
        "of_frames": "part" not in levels,
        "of_parts": all(term.level != "frame" or term.text == "rate" for term in terms),
        "metric": any(term.measure.dims[0] for term in terms),
    }
