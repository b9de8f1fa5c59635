"""Studies: what people type of charts, rules and tolerances, and what they are told where that cannot be."""

from __future__ import annotations

import pytest

from pipeline.batch.studies import CHARTS, Tolerance, named, rules, tolerance
from pipeline.errors import TableError


def test_tolerances() -> None:
    """Of regions by their label, of frames without; either limit may be left out."""
    assert tolerance("part.length_mm=19.8:20.2") == Tolerance("part", "length_mm", 19.8, 20.2)
    assert tolerance("deep.pit.area_px=:40") == Tolerance("deep.pit", "area_px", None, 40)
    assert tolerance("found=1:") == Tolerance("", "found", 1, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("length_mm=1:2", "expected LABEL.MEASURE or found, with MEASURE of area_px, .*; found 'length_mm'"),
        ("part.found=1:2", "found 'part.found'"),
        ("part.weight=1:2", "found 'part.weight'"),
        ("part.area_px=1", "expected LEAST:GREATEST, either may be left out, found 'part.area_px=1'"),
        ("part.area_px=one:2", "expected LEAST:GREATEST"),
        ("part.area_px=2:1", "expected a least value below a greatest, as part.length_mm=19.8:20.2"),
        ("part.area_px=:", "expected a least value below a greatest"),
    ],
)
def test_what_is_no_tolerance(text: str, said: str) -> None:
    """The sentence says what it should be."""
    with pytest.raises(TableError, match=said):
        tolerance(text)


def test_rules_and_charts() -> None:
    """By their names, with a word for those that are none."""
    assert rules("N1, W4") == ("N1", "W4")
    with pytest.raises(TableError, match=r"expected rules of N1, .*, W4, found 'N9'"):
        rules("N1,N9")
    with pytest.raises(TableError, match=r"expected charts of laney-p, .*, cusum, found 'pie'"):
        named("pie", {**CHARTS}, "charts")
