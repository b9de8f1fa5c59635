"""What was measured and what was allowed, as people write it: `36 px`, `≤ 35 px`."""

from __future__ import annotations

from pipeline.records import Finding

UNITS = {"px": "px", "mm": "mm", "um": "µm", "mm2": "mm²", "px2": "px²", "deg": "°", "pct": "%", "percent": "%"}
COUNTED = ("count", "holes", "views", "hidden", "frames")


def name(measure: str) -> str:
    """A measure without its unit.

    >>> name("hole_area_px"), name("length_mm"), name("extent")
    ('hole area', 'length', 'extent')
    """
    stem, _, last = measure.rpartition("_")
    return (stem if stem and last in UNITS else measure).replace("_", " ")


def unit(measure: str) -> str:
    """The unit that a measure has in its name; an area in px is in px².

    >>> unit("area_px"), unit("width_px"), unit("width_mm"), unit("extent")
    ('px²', 'px', 'mm', '')
    """
    stem, _, last = measure.rpartition("_")
    found = UNITS.get(last, "") if stem else ""
    return f"{found}²" if found in ("px", "mm") and stem.endswith("area") else found


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


def amount(value: float, measure: str) -> str:
    """A value with its unit.

    >>> amount(36, "width_px"), amount(2, "holes"), amount(12.5, "angle_deg")
    ('36 px', '2', '12.5°')
    """
    said = unit(measure)
    return f"{number(value)}{'' if said in ('', '°') else ' '}{said}"


def measured(finding: Finding) -> str:
    """What was measured, with its unit."""
    return amount(finding.value, finding.measure)


def allowed(finding: Finding) -> str:
    """The limits of a finding; empty where there are none.

    >>> allowed(Finding("r", "R", "width_px", 36, high=35)), allowed(Finding("r", "R", "extent", 0.8, 0.865, 1.0))
    ('≤ 35 px', '0.865 … 1')
    """
    low, high, measure = finding.low, finding.high, finding.measure
    if low is not None and high is not None:
        return amount(high, measure) if low == high else f"{number(low)} … {amount(high, measure)}"
    if high is not None:
        return f"≤ {amount(high, measure)}"
    return f"≥ {amount(low, measure)}" if low is not None else ""
