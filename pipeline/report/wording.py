"""Numbers and names as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from html import escape
from math import floor, isfinite, log10
from typing import Any

from pipeline.batch.measures import MEASURES

UNITS = {measure.name: measure.unit for measure in MEASURES}
SAID = {
    "area_px": "area",
    "score": "score",
    "mean_score": "mean logit",
    "length_px": "length",
    "width_px": "width",
    "area_mm2": "area",
    "length_mm": "length",
    "width_mm": "width",
    "found": "regions per frame",
    "brightness": "brightness of the crop",
    "lux": "light of the scene",
    "temperature_c": "temperature of the sensor",
    "exposure_us": "exposure",
}


def text(value: object) -> str:
    """Anything as text of a page."""
    return escape(str(value))


def percent(share: float | None) -> str:
    """A share, with as many digits as tell something.

    >>> percent(0.1719), percent(0.0041), percent(0.00004), percent(0.0), percent(1.0), percent(None)
    ('17.2 %', '0.41 %', '0.004 %', '0 %', '100 %', '–')
    """
    if share is None or not isfinite(share):
        return "–"
    hundred = 100 * share
    if hundred in {0, 100}:
        return f"{hundred:.0f} %"
    if abs(hundred) >= 1:
        return f"{hundred:.1f} %"
    return f"{hundred:.{min(4, 1 - floor(log10(abs(hundred))))}f}".rstrip("0").rstrip(".") + " %"


def number(value: float | None) -> str:
    """A number with about four digits.

    >>> number(3045.16), number(0.90907), number(12), number(73.25), number(0.0), number(None)
    ('3,045', '0.909', '12', '73.2', '0', '–')
    """
    if value is None or not isfinite(value):
        return "–"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


def measured(value: float | None, measure: str) -> str:
    """A number with the unit of its measure, where that has one."""
    unit = UNITS.get(measure, "")
    return number(value) + (f" {unit}" if unit and unit not in {"0…1", "0…255", "count", "logits"} else "")


def called(measure: str, label: str = "") -> str:
    """What a measure is called, of which regions."""
    said = SAID.get(measure, measure)
    return f"{said} of {label}" if label else said


def date_of(window: str) -> str:
    """The day on which a window begins, plant time; a batch by its name.

    >>> date_of("2026-11-17T06:00+09:00"), date_of("2026-11-17"), date_of("lot 7")
    ('17 Nov', '17 Nov', 'lot 7')
    """
    try:
        when = datetime.fromisoformat(window)
    except ValueError:
        return window
    return f"{when.day} {when:%b}"


def moment(window: str) -> str:
    """When a window begins, plant time; a batch by its name.

    >>> moment("2026-11-17T06:00+09:00"), moment("lot 7")
    ('17 Nov 06:00', 'lot 7')
    """
    try:
        when = datetime.fromisoformat(window)
    except ValueError:
        return window
    return f"{when.day} {when:%b %H:%M}"


def day(told: str) -> str:
    """A day.

    >>> day("2026-11-07")
    '7 Nov 2026'
    """
    when = date.fromisoformat(told)
    return f"{when.day} {when:%b %Y}"


def whose(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Which camera a row speaks of."""
    return row["plant"], row["line"], row["camera"]
