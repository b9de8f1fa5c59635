"""What was measured and what was allowed, as people write it: `36 px`, `≤ 35 px`."""

from __future__ import annotations

from nodes.transforms.measures import SUFFIXES
from pipeline.records import Finding

TIGHT = ("", "%", "°")  # written without a blank


def name(measure: str) -> str:
    """A measure without its unit.

    >>> name("hole_area_px"), name("length_mm"), name("extent"), name("angle_deg")
    ('hole area', 'length', 'extent', 'angle')
    """
    return stem(measure).replace("_", " ")


def stem(measure: str) -> str:
    """The same as a rule book may write it.

    >>> stem("box_width_px"), stem("length_mm"), stem("length")
    ('box_width', 'length', 'length')
    """
    return next((measure.removesuffix(end) for end in SUFFIXES if measure.endswith(end)), measure)


def number(value: float) -> str:
    """Three digits that count, whole numbers whole.

    >>> [number(value) for value in (36.0, 0.81234, 1492.4, 12.345, 31.96)]
    ['36', '0.812', '1492', '12.3', '32.0']
    """
    if value == round(value) or abs(value) >= 1000:
        return f"{value:.0f}"
    return (
        f"{value:.2f}"
        if abs(value) >= 1 and len(f"{value:.1f}") < 4
        else f"{value:.3g}"
        if abs(value) < 1
        else f"{value:.1f}"
    )


def amount(number: str, unit: str) -> str:
    """A number with its unit.

    >>> amount("36", "px"), amount("2", ""), amount("12.5", "°"), amount("86.5", "%")
    ('36 px', '2', '12.5°', '86.5%')
    """
    return f"{number}{'' if unit in TIGHT else ' '}{unit}"


def measured(finding: Finding) -> str:
    """What was measured, with its unit; with more digits where fewer would lie on another side of a limit.

    >>> said = "width", 12.349, None, 12.34, "mm"
    >>> measured(Finding("r", "R", *said)), measured(Finding("r", "R", "width", 12.349, high=11, unit="mm"))
    ('12.349 mm', '12.3 mm')
    """
    said = number(finding.value)
    limits = [limit for limit in (finding.low, finding.high) if limit is not None]
    if any(_side(float(said), limit) != _side(finding.value, limit) for limit in limits):
        said = f"{finding.value:.6g}"
    return amount(said, finding.unit)


def allowed(finding: Finding) -> str:
    """The limits of a finding, as the book gives them; empty where there are none.

    >>> allowed(Finding("r", "R", "width", 36, high=35, unit="px")), allowed(Finding("r", "R", "extent", 0.8, 0.865, 1))
    ('≤ 35 px', '0.865 … 1')
    """
    low, high = (None if limit is None else f"{limit:g}" for limit in (finding.low, finding.high))
    if low is not None and high is not None:
        return amount(high if low == high else f"{low} … {high}", finding.unit)
    if high is not None:
        return f"≤ {amount(high, finding.unit)}"
    return f"≥ {amount(low, finding.unit)}" if low is not None else ""


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)
