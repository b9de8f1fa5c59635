"""What was measured and what was allowed, as people write it: `36 px`, `≤ 35 px`."""

from __future__ import annotations

from pipeline.records import Finding

SUFFIXES = ("_mm2", "_px2", "_mm", "_px", "_deg", "_s")


def name(measure: str) -> str:
    """A measure without the unit in its name.

    >>> name("hole_area_px"), name("length_mm"), name("extent"), name("most(area)")
    ('hole area', 'length', 'extent', 'most(area)')
    """
    for suffix in SUFFIXES:
        measure = measure.removesuffix(suffix)
    return measure.replace("_", " ")


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


def amount(value: float, unit: str) -> str:
    """A value with its unit.

    >>> amount(36, "px"), amount(2, ""), amount(12.5, "°")
    ('36 px', '2', '12.5°')
    """
    return f"{number(value)}{'' if unit in ('', '°') else ' '}{unit}"


def measured(finding: Finding) -> str:
    """What was measured, with its unit."""
    return amount(finding.value, finding.unit)


def allowed(finding: Finding) -> str:
    """The limits of a finding; empty where there are none.

    >>> allowed(Finding("r", "R", "box_width", 36, high=35, unit="px"))
    '≤ 35 px'
    >>> allowed(Finding("r", "R", "extent", 0.8, 0.865, 1.0))
    '0.865 … 1'
    """
    low, high, unit = finding.low, finding.high, finding.unit
    if low is not None and high is not None:
        return amount(high, unit) if low == high else f"{number(low)} … {amount(high, unit)}"
    if high is not None:
        return f"≤ {amount(high, unit)}"
    return f"≥ {amount(low, unit)}" if low is not None else ""
