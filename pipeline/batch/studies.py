"""How results of all days are looked at together: which charts, by which rules, against which limits."""

from __future__ import annotations

from math import inf

from msgspec import Struct

from pipeline.batch.measures import MEASURES
from pipeline.batch.patterns import RULES
from pipeline.errors import TableError

CHARTS = {
    "laney-p": "shares, with room for a rate that wanders (p′)",
    "laney-u": "regions per frame, likewise (u′)",
    "p": "shares",
    "u": "regions per frame",
    "individuals": "means of windows",
    "moving-range": "how far each mean is from the one before",
    "xbar": "means of windows, limits by the spread within",
    "s": "standard deviations within windows",
    "ewma": "exponentially weighted means of p′, u′ and individuals",
    "cusum": "cumulative sums of these",
}


class Tolerance(Struct, frozen=True):
    """What a measure of a label may be.

    Attributes:
        label: Of the regions; empty for what is measured of frames.
        measure: One of `MEASURES`.
        low: Least; None where there is no least.
        high: Greatest; None where there is no greatest.
    """

    label: str
    measure: str
    low: float | None
    high: float | None


class Study(Struct, frozen=True):
    """How results of all days are looked at.

    Attributes:
        recent: How many days, the last ones, are held against those before.
        charts: Of `CHARTS`.
        rules: Of `RULES`, those that flag points.
        baseline: How many windows, the first ones of each phase, limits are made of; all where it is 0.
        tolerances: For capability.
    """

    recent: int = 7
    charts: tuple[str, ...] = ("laney-p", "laney-u", "individuals")
    rules: tuple[str, ...] = ("N1", "N2")
    baseline: int = 0
    tolerances: tuple[Tolerance, ...] = ()


def named(text: str, known: dict[str, object], what: str) -> tuple[str, ...]:
    """Names in a list such as `N1,N2`.

    Raises:
        TableError: If one of them is not known.
    """
    found = tuple(word.strip() for word in text.split(","))
    for word in found:
        if word not in known:
            raise TableError(f"expected {what} of {', '.join(known)}, found {word!r}")
    return found


def rules(text: str) -> tuple[str, ...]:
    """Rules in a list such as `N1,N2`.

    Raises:
        TableError: If one of them is not known.
    """
    return named(text, {**RULES}, "rules")


def tolerance(text: str) -> Tolerance:
    """A tolerance such as `part.length_mm=19.8:20.2`, `pit.area_px=:40` or `found=1:1`.

    Raises:
        TableError: If it is none.
    """
    name, _, limits = text.partition("=")
    label, _, measure = name.rpartition(".")
    known = {each.name: each for each in MEASURES}
    if measure not in known or (known[measure].table == "regions") != bool(label):
        raise TableError(f"expected LABEL.MEASURE or found, with MEASURE of {', '.join(known)}; found {name!r}")
    words = limits.split(":")
    low, high = _limits(words, text)
    if (-inf if low is None else low) >= (inf if high is None else high) or (low is None and high is None):
        raise TableError(f"expected a least value below a greatest, as part.length_mm=19.8:20.2, found {text!r}")
    return Tolerance(label, measure, low, high)


def _limits(words: list[str], text: str) -> tuple[float | None, float | None]:
    try:
        low, high = (float(word) if word.strip() else None for word in words)
    except ValueError:
        raise TableError(f"expected LEAST:GREATEST, either may be left out, found {text!r}") from None
    return low, high
