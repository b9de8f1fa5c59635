"""Limits: units are converted and mistakes refused; expressions, zones, counts, frames in a row, uncertainty."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.transforms.book import open_book, read_book
from nodes.transforms.expression import HARMLESS, formula
from nodes.transforms.judge import Judge
from nodes.transforms.meaning import SlipError
from nodes.transforms.measures import measures
from nodes.transforms.quantity import UNITS, Quantity, quantity
from nodes.transforms.weigh import inside, polygon_area
from pipeline.records import Finding, Gap, Part, Region, Regions, Verdict
from tests.nodes.metric import calibrated
from tests.nodes.scenes import gap, region, regions

Judged = Callable[..., list[Verdict]]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """The verdicts of a book on records, one after the other."""

    def judge(book: str, *records: Regions | Part | Gap) -> list[Verdict]:
        path = tmp_path / "book.yaml"
        path.write_text(book, encoding="utf-8")
        by = Judge(open_book(str(path)))
        return [by.judge(record) for record in records]

    return judge


def rule(text: str, **book: str) -> str:
    """A book of one rule."""
    return "".join(f"{key}: {value}\n" for key, value in book.items()) + f"rules: [{{name: r, reason: R, {text}}}]\n"


def frame(*shown: Region, seq: int = 1, **fields: Any) -> Regions:
    """A frame that shows these."""
    return replace(regions(seq, [], **fields), regions=shown)


def box(width: float, height: float = 8, x: float = 10, y: float = 10, **fields: Any) -> Region:
    """A region of that size."""
    found = region((x, y, width, height), **fields)
    assert found is not None
    return found


def only(verdict: Verdict) -> Finding:
    """The one finding of a verdict."""
    (finding,) = verdict.findings
    return finding


@pytest.mark.parametrize(
    ("limit", "value", "outcome"),
    [
        ("measure: length, fail: {low: 20 mm}", 40, "PASS"),
        ("measure: length, fail: {low: 20000 µm}", 40, "PASS"),
        ("measure: length, fail: {low: 2 cm}", 40, "PASS"),
        ("measure: length, fail: {low: 20.001 mm}", 40, "FAIL"),
        ("measure: length, fail: {low: 20001 um}", 40, "FAIL"),
        ("measure: length, fail: {low: 40 px}", 40, "PASS"),
        ("measure: length_px, fail: {low: 41}", 40, "FAIL"),
        ("measure: area, fail: {high: 80 mm²}", 40, "PASS"),
        ("measure: area, fail: {high: 0.8 cm^2}", 40, "PASS"),
        ("measure: area, fail: {high: 79 mm2}", 40, "FAIL"),
        ("measure: area, fail: {high: 319 px²}", 40, "FAIL"),
        ("measure: centroid_x, fail: {high: 14.75 mm}", 40, "PASS"),
        ("measure: centroid_x, fail: {high: 29 px}", 40, "FAIL"),
        ("measure: angle, fail: {high: 0.5 °}", 40, "PASS"),
        ("measure: extent, fail: {low: 100 %}", 40, "PASS"),
        ("measure: extent, fail: {low: 1.01}", 40, "FAIL"),
        ("measure: length / box_height, fail: {low: 501 %}", 40, "FAIL"),
    ],
)
def test_limits_are_in_any_unit_of_their_measurement(judged: Judged, limit: str, value: int, outcome: str) -> None:
    """A part 40 px long and 8 px high, where a pixel has 0.5 mm."""
    if "box_height" in limit:
        limit = limit.replace("length", "length_px")
    (verdict,) = judged(rule(limit), frame(calibrated((10, 10, value, 8))))
    assert verdict.outcome == outcome


def test_a_finding_says_what_was_measured_against_which_limit_by_which_calibration(judged: Judged) -> None:
    """In the unit in which the limit was written."""
    text = "measure: length, fail: {low: 19000 µm, high: 19900 µm}, severity: critical"
    (verdict,) = judged(rule(text, name="edge"), frame(calibrated((10, 10, 40, 8))))
    assert only(verdict) == Finding(
        "r", "R", "length", 20000.0, 19000.0, 19900.0, unit="µm", severity="critical", calibration="plane-7"
    )
    assert (verdict.book, len(verdict.version)) == ("edge", 12)


def test_without_a_calibration_millimetres_are_not_read(judged: Judged) -> None:
    """Never good; but what fails by its pixels fails."""
    text = "rules:\n  - {name: a, reason: A, measure: length, fail: {low: 1 mm}}\n"
    unknown = replace(calibrated((10, 10, 40, 8)), metric=None)
    (verdict,) = judged(text, frame(unknown))
    assert (verdict.outcome, only(verdict).reason) == ("NO_READ", "NO_CALIBRATION")
    assert only(verdict).note == "'length' could not be measured: there is no calibration"
    more = text + "  - {name: b, reason: B, measure: length, fail: {low: 41 px}}\n"
    (verdict,) = judged(more, frame(unknown))
    assert (verdict.outcome, [each.reason for each in verdict.findings]) == ("FAIL", ["B", "NO_CALIBRATION"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("measure: length, fail: {low: 3}", "'length' is measured in px and in mm: say 'length_px' or 'length_mm'"),
        ("measure: pixel, fail: {low: 3}", "low: expected a number and its unit, such as 3 mm, got '3'"),
        ("measure: length, fail: {low: 3 mm, high: 9 px}", "'length' is measured in px and in mm: say 'length_px' or"),
        ("measure: length_px, fail: {low: 3 mm}", "low: expected px, got '3 mm': 'length_px' is measured in px"),
        ("measure: area, fail: {low: 3 mm}", "low: expected mm², got '3 mm': 'area' is measured in mm²"),
        ("measure: area_mm2, fail: {low: 3 mm}", "low: expected mm², got '3 mm': 'area_mm2' is measured in mm²"),
        ("measure: holes, fail: {high: 3 %}", "high: expected a whole number, got '3 %'"),
        ("measure: holes, fail: {high: 3 mm}", "high: expected a plain number, got '3 mm': 'holes' is a plain number"),
        ("measure: extent, fail: {high: 3 mm}", "high: expected a plain number, got '3 mm'"),
        ("measure: rate, fail: {high: 3}", "high: expected a number and its unit, such as 3 1/s, got '3'"),
        ("measure: rate, fail: {high: 3 min}", "high: expected 1/s, got '3 min'"),
        (
            "measure: length / area, fail: {high: 3 mm}",
            "high: expected 1/mm, got '3 mm': 'length / area' is measured in 1/mm",
        ),
        ("measure: length_mm + area_mm2, fail: {high: 3 mm}", "expected mm, got mm²: units do not go together"),
        ("require: length > 3 mm and area > 3 px²", "'length' is measured in px and in mm: say"),
        ("require: length_mm > 3", "expected mm, got a plain number: units do not go together"),
        ("require: length_mm > length_px", "expected mm, got px: units do not go together"),
    ],
)
def test_a_mistaken_unit_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """When the book is read, and at its place: never at the first part."""
    path = tmp_path / "book.yaml"
    path.write_text(rule(text), encoding="utf-8")
    (fault,) = read_book(str(path)).faults
    assert said in fault.text
    assert (fault.line, fault.file) == (1, str(path))


@given(
    number=st.decimals(-10_000, 10_000, places=4),
    pair=st.sampled_from([(a, b) for a in UNITS.values() for b in UNITS.values() if a.dims == b.dims]),
)
def test_a_unit_is_converted_exactly_and_back(number: Any, pair: tuple[Any, Any]) -> None:
    """Rounded once, at the end; what is written is read."""
    one, other = pair
    written = quantity(f"{number} {one.name}")
    assert written == Quantity(Fraction(number), one)
    there = Quantity(written.value * one.scale / other.scale, other)
    assert there.to(one) == float(number)


class Gained(Region, frozen=True):
    """A region of a later version."""

    roughness_mm: float | None = None


def test_what_a_part_says_of_its_place_in_the_stream_is_no_measurement() -> None:
    """Who, when, where, and what was told before it."""
    known = measures(Region).keys()
    assert {"views", "hidden"} <= known
    assert not {"id", "first_seq", "best_seq", "mark", "piece", "watermark"} & known


def test_every_number_of_a_region_can_be_limited_though_nobody_listed_it() -> None:
    """A field that a record gains is a measurement at once, under its own name and unit."""
    known = measures(Region)
    assert measures(Gained).keys() - known.keys() == {"roughness_mm"}
    assert {
        "area_px",
        "area_mm2",
        "length_px",
        "length_mm",
        "centroid_x_px",
        "centroid_x_mm",
        "pixel_mm",
    } <= known.keys()
    assert (known["angle_deg"].read(calibrated((1, 1, 4, 4))), known["metric_angle_deg"].stem) == (0.0, "metric_angle")
    some = calibrated((1, 1, 4, 8), mean_score=0.5)
    for name, each in known.items():
        if each.level == "region":
            assert isinstance(each.read(some), int | float), name
    assert known["length_mm"].read(replace(some, metric=None)) is None
    assert not any(name.startswith("mask") for name in known)


def test_warn_and_fail_stand_in_one_rule(judged: Judged) -> None:
    """The limit that is told is the one that was not kept; at a limit all is well."""
    text = rule("measure: box_width, fail: {low: 10 px, high: 20 px}, warn: {low: 12 px, high: 18 px}")
    sizes = (9, 10, 11, 12, 18, 19, 20, 21)
    verdicts = judged(text, *(frame(box(size), seq=size) for size in sizes))
    assert [each.outcome for each in verdicts] == ["FAIL", "WARN", "WARN", "PASS", "PASS", "WARN", "WARN", "FAIL"]
    assert [(only(verdicts[i]).low, only(verdicts[i]).high) for i in (0, 1)] == [(10, 20), (12, 18)]


def test_a_condition_combines_measurements_and_tells_them(judged: Judged) -> None:
    """What a person reads is the condition and the numbers behind it."""
    text = rule('require: "box_width < 3 * box_height and extent > 90 %"')
    good, bad = judged(text, frame(box(20)), frame(box(24), seq=2))
    assert (good.outcome, bad.outcome) == ("PASS", "FAIL")
    assert only(bad).measure == "box_width < 3 * box_height and extent > 90 %"
    assert (only(bad).value, only(bad).low) == (0.0, 1.0)
    assert only(bad).note == "box_width_px 24 px, box_height_px 8 px, extent 1"
    (softer,) = judged(text.replace("reason: R,", "reason: R, otherwise: WARN,"), frame(box(24)))
    assert softer.outcome == "WARN"


def test_a_condition_that_cannot_be_reckoned_is_not_read(judged: Judged) -> None:
    """A division by nothing is no answer."""
    (verdict,) = judged(rule("measure: hole_area / holes, fail: {high: 5 px²}"), frame(box(20)))
    assert (verdict.outcome, only(verdict).reason) == ("NO_READ", "NOT_MEASURED")


def test_a_rule_is_about_some_regions_only(judged: Judged) -> None:
    """By label, by a condition, by prompt: others are not its concern."""
    large = rule("measure: holes, fail: {high: 0}, where: area > 100 px², label: pit, prompt: rim")
    holed = box(20, label="pit", holes=1)
    outcomes = judged(
        large,
        frame(holed, prompt="rim"),
        frame(box(5, label="pit", holes=1), prompt="rim", seq=2),
        frame(box(20, holes=1), prompt="rim", seq=3),
        frame(holed, prompt="hub", seq=4),
    )
    assert [each.outcome for each in outcomes] == ["FAIL", "PASS", "PASS", "NO_READ"]
    assert only(outcomes[3]).note == "no rule of the book is about this frame"


def test_where_nobody_can_say_whether_a_rule_is_about_a_region_it_is_not_read(judged: Judged) -> None:
    """A region without millimetres may be large enough."""
    text = rule("measure: holes, fail: {high: 0}, where: area > 100 mm²")
    unknown = replace(calibrated((10, 10, 40, 8)), metric=None)
    (verdict,) = judged(text, frame(unknown))
    assert (verdict.outcome, only(verdict).reason) == ("NO_READ", "NOT_MEASURED")


ZONED = """
zones:
  left: {corners: [[0, 0], [47.5, 0], [47.5, 95], [0, 95]]}
rules:
  - {name: r, reason: R, measure: count, fail: {high: 1}, zone: left}
  - {name: c, reason: C, measure: coverage, fail: {high: 4 %}, zone: left}
"""


def test_a_zone_is_where_the_centroid_lies(judged: Judged) -> None:
    """Counts and shares are of the zone."""
    left, right = box(9, x=20), box(9, x=70)
    one, two, large = judged(
        ZONED, frame(left, right, right), frame(left, box(9, x=5), seq=2), frame(box(20, 20, x=20), seq=3)
    )
    assert (one.outcome, only(two).reason, only(large).reason) == ("PASS", "R", "C")
    assert only(large).value == pytest.approx(100 * 400 / (47.5 * 95))


@given(
    x=st.floats(-20, 120), y=st.floats(-20, 120), turn=st.integers(0, 3),
    w=st.floats(1, 90), h=st.floats(1, 90),
)  # fmt: skip
def test_a_point_is_inside_a_rectangle_wherever_its_corners_begin(
    x: float, y: float, turn: int, w: float, h: float
) -> None:
    """By arithmetic; edges aside."""
    corners = ((0.0, 0.0), (w, 0.0), (w, h), (0.0, h))
    turned = corners[turn:] + corners[:turn]
    assert polygon_area(turned) == pytest.approx(w * h)
    if min(abs(x), abs(x - w), abs(y), abs(y - h)) > 1e-9:
        assert inside((x, y), turned) == (0 < x < w and 0 < y < h) == inside((x, y), turned[::-1])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("measure: count, fail: {high: 1}", 2),
        ("measure: total(area), fail: {high: 200 px²}", 240),
        ("measure: total(area) / count, fail: {high: 100 px²}", 120),
        ("measure: mean(box_width), fail: {high: 14 px}", 15),
        ("measure: most(box_width) - least(box_width), fail: {high: 9 px}", 10),
        ("measure: coverage, fail: {high: 2.5 %}", 100 * 240 / 96**2),
        ("measure: density, fail: {high: 0.0002 1/px²}", 2 / 96**2),
        ('measure: "max(box_width, box_height)", fail: {high: 19 px}', 20),
        ("measure: abs(box_width - mean(box_width)), fail: {high: 4 px}", 5),
    ],
)
def test_counts_densities_and_what_all_regions_have_together(judged: Judged, text: str, value: float) -> None:
    """Two regions, 10 and 20 px wide, 8 px high."""
    (verdict,) = judged(rule(text), frame(box(10), box(20, y=30)))
    assert only(verdict).value == pytest.approx(value)


def test_a_density_in_millimetres_needs_a_calibration_only_where_there_is_something(judged: Judged) -> None:
    """Nothing per mm² is nothing."""
    text = rule("measure: density, fail: {high: 0.5 1/cm²}")
    some = calibrated((10, 10, 40, 8))
    found = judged(text, frame(), frame(replace(some, metric=None), seq=2), frame(some, seq=3))
    assert [each.outcome for each in found] == ["PASS", "NO_READ", "PASS"]
    (dense,) = judged(text.replace("0.5", "0.01"), frame(some))
    assert only(dense).value == pytest.approx(100 / (96 * 96 * 0.25))


def part(number: int, t_s: float, **fields: Any) -> Part:
    """A part that was seen at that time."""
    told: dict[str, Any] = {"first_seq": number, "views": 5, "hidden": 0, "best": box(20), "best_seq": number} | fields
    return Part(camera="cam-1", session="s1", seq=number, t_ns=round(t_s * 1e9), id=number, **told)


def test_a_rate_is_counted_over_a_window(judged: Judged) -> None:
    """Too many are told at once; too few only once a whole window was seen, and that begins anew after a gap."""
    text = rule("measure: rate, fail: {low: 30 1/min, high: 90 1/min}, window: 10")
    steady = [part(n, n) for n in range(15)]
    assert {each.outcome for each in judged(text, *steady)} == {"PASS"}
    slow = [part(n, 4 * n) for n in range(5)]
    found = judged(text, *slow)
    assert [each.outcome for each in found] == ["PASS"] * 3 + ["FAIL"] * 2
    assert (only(found[3]).value, only(found[3]).unit) == (18, "1/min")
    hidden = judged(text, *slow[:3], gap(9, 9), *slow[3:])
    assert [each.outcome for each in hidden] == ["PASS", "PASS", "PASS", "NO_READ", "PASS", "PASS"]
    many = judged(text, *(part(n, n / 4) for n in range(20)))
    assert [each.outcome for each in many][14:17] == ["PASS", "FAIL", "FAIL"]


def test_a_rule_may_wait_until_it_was_broken_in_several_frames(judged: Judged) -> None:
    """Three of the last five, this one among them; another session begins anew."""
    text = rule("measure: box_width, fail: {high: 10 px}, often: 3 of 5")
    shown = [frame(box(20 if letter == "b" else 5), seq=n) for n, letter in enumerate("bgbgbggbbb")]
    found = "".join("F" if each.outcome == "FAIL" else "." for each in judged(text, *shown))
    assert found == "....F...FF"
    other = judged(text, *shown[:4], replace(shown[4], session="s2"))
    assert other[4].outcome == "PASS"


def test_what_nobody_saw_may_have_been_broken_too(judged: Judged) -> None:
    """Two of five broken and a gap between them: nobody knows whether it were three."""
    text = rule("measure: box_width, fail: {high: 10 px}, often: 3 of 5")
    bad = [frame(box(20), seq=n) for n in (0, 5, 6)]
    first, dark, second, third = judged(text, bad[0], gap(1, 1), *bad[1:])
    assert [first.outcome, dark.outcome, second.outcome, third.outcome] == ["PASS", "NO_READ", "NO_READ", "FAIL"]
    assert only(second).note == "broken in 2 of the last 3 frames, 1 of them unseen"
    good = judged(text, frame(box(5), seq=0), gap(1, 4), frame(box(5), seq=5))
    assert good[-1].outcome == "PASS"


@pytest.mark.parametrize(
    ("guard", "outcomes"),
    [
        ("uncertainty: 2 px", ["FAIL", "FAIL", "PASS", "PASS", "FAIL", "FAIL"]),
        ("uncertainty: 2 px, unproven: WARN", ["FAIL", "WARN", "PASS", "PASS", "WARN", "FAIL"]),
        ("uncertainty: 10 %, unproven: NO_READ", ["FAIL", "NO_READ", "PASS", "PASS", "NO_READ", "FAIL"]),
    ],
)
def test_limits_are_drawn_in_by_what_the_measurement_may_be_wrong(
    judged: Judged, guard: str, outcomes: list[str]
) -> None:
    """Guarded acceptance as ISO 14253-1 and JCGM 106 have it: PASS is proven."""
    text = rule(f"measure: box_width, fail: {{low: 10 px, high: 20 px}}, {guard}")
    found = judged(text, *(frame(box(size), seq=size) for size in (9, 11, 12, 18, 19, 21)))
    assert [each.outcome for each in found] == outcomes
    assert (only(found[1]).low, only(found[1]).high) == (10, 20)
    assert only(found[1]).guard == pytest.approx(2 if "px" in guard.partition(",")[0] else 1.1)
    assert only(found[1]).note == "keeps the limit, but not by its uncertainty"
    assert only(found[0]).note == ""


def test_an_uncertainty_in_pixels_is_as_large_as_pixels_are_there(judged: Judged) -> None:
    """A length is known to a pixel or so, and where it lies that is half a millimetre, or a whole one."""
    text = rule("measure: length, fail: {low: 19.4 mm, high: 25 mm}, uncertainty: 1 px")
    fine, coarse = judged(text, frame(calibrated((10, 10, 40, 8))), frame(calibrated((10, 10, 20, 8), 1.0), seq=2))
    assert (fine.outcome, coarse.outcome) == ("PASS", "FAIL")
    assert only(coarse).guard == 1.0


def test_a_book_may_tell_what_was_kept(judged: Judged) -> None:
    """For whoever must show what a good part measured."""
    text = rule("measure: box_width, fail: {low: 10 px, high: 20 px}", tell="all")
    (verdict,) = judged(text, frame(box(15)))
    assert (verdict.outcome, verdict.findings) == ("PASS", ())
    assert verdict.kept == (Finding("r", "R", "box_width", 15, 10, 20, unit="px", outcome="PASS", severity="major"),)


@given(
    values=st.lists(st.integers(1, 60), max_size=6),
    fail=st.tuples(st.integers(1, 60), st.integers(1, 60)).map(sorted),
    inner=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    guard=st.integers(0, 5),
)
def test_the_quick_answer_is_that_of_the_slow_one(
    values: list[int], fail: list[int], inner: tuple[float, float], guard: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is kept at a glance is kept when every region is weighed."""
    low, high = fail
    width = high - low
    warn = (low + round(width * inner[0], 3), high - round(width * inner[1], 3))
    drawn = f", uncertainty: {guard} px" if 2 * guard < width else ""
    text = rule(
        f"measure: box_width, fail: {{low: {low} px, high: {high} px}}, "
        f"warn: {{low: {warn[0]:.3f} px, high: {warn[1]:.3f} px}}{drawn}"
    )
    shown = frame(*(box(value) for value in values))
    outcomes = []
    for tell in ("broken", "all"):
        path = tmp_path_factory.getbasetemp() / f"quick-{tell}.yaml"
        path.write_text(f"tell: {tell}\n{text}", encoding="utf-8")
        outcomes.append(Judge(open_book(str(path))).judge(shown).outcome)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("__import__('os').system('x')", 0, "expected measurements, numbers with units"),
        ("holes.__class__", 0, "expected measurements"),
        ("(lambda: 0)() > 1", 0, "expected measurements"),
        ("[x for x in holes] == 0", 0, "expected measurements"),
        ("9 ** 9 ** 9 > holes", 0, "expected measurements"),
        ("holes > 'a'", 8, "expected measurements"),
        ("holes > True", 8, "expected measurements"),
        ("holes is 0", 0, "expected measurements"),
        ("~holes > 0", 0, "expected measurements"),
        ("holes > 1e999", 8, "expected measurements"),
        ("abs(holes, 1) > 0", 0, "abs(…): expected one value, got 2"),
        ("max(holes) > 0", 0, "max(…): expected several values, got 1"),
        ("total(holes + 1) > 0", 6, "total(…): expected one measurement of regions, such as total(area)"),
        ("total(count) > 0", 6, "total(…): expected one measurement of regions"),
        ("eval(holes)", 0, "expected measurements"),
        ("area % 3 > 2", 0, "`%` is per cent and stands behind a number; there is no remainder"),
        ("holes > 1 and box_width", 14, "expected a condition, got a number (in px): compare it with something"),
        ("area > 3 px² + 2 px", 15, "expected px², got px: units do not go together"),
        ("box_widht > 3 px", 0, "unknown measurement 'box_widht'; did you mean 'box_width'?"),
        ("holes > é", 8, "expected an expression, got 'é'"),
        ("holes >", 7, "not an expression: invalid syntax"),
        ("", 0, "not an expression"),
        ("(" * 300, 200, "not an expression: too many nested parentheses"),
        ("-" * 480 + "holes", 0, "not an expression"),
        ("x" * 501, 0, "expected at most 500 characters, got 501"),
        ("_q0 > 1", 0, "unknown measurement '_q0'"),
    ],
)
def test_what_is_no_expression_is_refused_at_its_column(text: str, column: int, said: str) -> None:
    """Nothing but numbers and comparisons is ever run."""
    with pytest.raises(SlipError) as refused:
        formula(text, measures(Region))
    assert said in str(refused.value)
    assert refused.value.column == column


def _column(text: str) -> int:
    """Where the fault of a text is; 0 where it has none."""
    try:
        formula(text, measures(Region))
    except SlipError as slip:
        return slip.column
    return 0


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_.()[]{}<>=!+-*/%,:'\" µ²\n", max_size=60))
def test_any_text_is_an_expression_or_one_fault(text: str) -> None:
    """Its column lies within it."""
    assert 0 <= _column(text) <= len(text)


def test_the_second_lock_is_shut() -> None:
    """What the library lets through has neither attributes, subscripts nor anything that binds a name."""
    assert not {"Attribute", "Subscript", "Lambda", "ListComp", "NamedExpr", "Pow", "Starred"} & {*HARMLESS}


def test_each_fault_of_an_expression_is_told_at_its_column_in_the_file(tmp_path: Path) -> None:
    """Bare, in quotes, and at its beginning where it takes several lines."""
    text = (
        "rules:\n  - name: a\n    reason: A\n    require: holes > wdith\n"
        '  - {name: b, reason: B, require: "holes > wdith"}\n'
        "  - name: c\n    reason: C\n    require: >\n      holes >\n      wdith\n"
    )
    path = tmp_path / "book.yaml"
    path.write_text(text, encoding="utf-8")
    assert [(fault.line, fault.column) for fault in read_book(str(path)).faults] == [(4, 22), (5, 44), (8, 14)]


def test_numbers_are_read_the_same_bare_and_with_their_unit() -> None:
    """`0.1` is a tenth, not what a float makes of it."""
    for text, number in itertools.product(("0.1", "1e3", "-2.50", "7"), ("", " %", "%", " 1/min")):
        found = quantity(text + number)
        assert found is not None
        assert found.value == Fraction(text)
