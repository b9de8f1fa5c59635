"""Rules: limits are kept or not, what was not seen is never good, and a wrong book says where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.sources.belt import DEFECTS, truth
from nodes.sources.synthetic import synthetic
from nodes.transforms.book import BookError, open_book
from nodes.transforms.clean import clean
from nodes.transforms.measure import measured
from nodes.transforms.rules import rules
from nodes.transforms.track import track
from pipeline.clock import FakeClock
from pipeline.records import Frame, Gap, Part, Region, Regions, Verdict
from pipeline.score import Judged, score
from tests.conftest import ROOT
from tests.nodes.scenes import gap, region, regions

PLATE = str(ROOT / "topologies" / "rules" / "plate.yaml")

LIMITS = """\
name: test
label: pit
rules:
  - {name: few, measure: count, warn: {high: 2}, reason: MANY}
  - {name: small, measure: area, fail: {high: 50 px²}, reason: LARGE}
  - {name: dense, measure: extent, warn: {low: 50 %}, reason: RAGGED}
  - {name: hidden corner, measure: box_width, fail: {low: 3 px, high: 40 px}, label: part, whole: true, reason: SIZE}
"""


@pytest.fixture
def book(tmp_path: Path) -> str:
    """A book with limits of every kind."""
    path = tmp_path / "limits.yaml"
    path.write_text(LIMITS, encoding="utf-8")
    return str(path)


def pit(*boxes: tuple[float, float, float, float], label: str = "pit", **fields: Any) -> tuple[Region, ...]:
    """Regions with a label."""
    return tuple(each for box in boxes if (each := region(box, label=label, **fields)) is not None)


def judge(book: str, *seen: Region) -> Verdict:
    """The verdict on a frame that shows these."""
    return one(replace(regions(7, []), regions=seen), book)


def one(record: Regions | Part | Gap, book: str) -> Verdict:
    """The verdict on a single record."""
    (verdict,) = rules(iter([record]), book=book)
    return verdict


def part(**fields: Any) -> Part:
    """A part that was seen well, where nothing else is said."""
    (best,) = pit((30, 30, 33, 49), label="part")
    told: dict[str, Any] = {"first_seq": 3, "views": 9, "hidden": 0, "best": best, "best_seq": 8} | fields
    return Part(camera="cam-1", session="s1", seq=20, t_ns=5, id=4, **told)


def test_nothing_found_is_good_where_nothing_is_expected(book: str) -> None:
    """A mask of defects without any is a pass, told of that frame."""
    verdict = judge(book)
    assert (verdict.outcome, verdict.subject, verdict.findings) == ("PASS", "frame", ())
    assert (verdict.seq, verdict.first_seq, verdict.part, verdict.book) == (7, 7, None, "test")


def test_the_worst_severity_decides_and_every_rule_is_told(book: str) -> None:
    """Findings come worst first, then in the order of the book; of many regions the worst is told."""
    seen = pit((1, 1, 8, 8), (20, 20, 9, 9), (40, 40, 3, 3))
    verdict = judge(book, *seen)
    assert verdict.outcome == "FAIL"
    assert [(f.rule, f.reason, f.measure, f.value, f.unit, f.low, f.high, f.outcome) for f in verdict.findings] == [
        ("small", "LARGE", "area", 81, "px²", None, 50, "FAIL"),
        ("few", "MANY", "count", 3, "", None, 2, "WARN"),
    ]


def test_a_warning_alone_warns(book: str) -> None:
    """Nothing worse than a warning was found."""
    assert judge(book, *pit((1, 1, 4, 4), extent=0.2)).outcome == "WARN"


def test_rules_are_about_their_label(book: str) -> None:
    """A rule without a label is about the book's; regions of others are not its concern."""
    assert judge(book, *pit((1, 1, 9, 9), label="scratch")).outcome == "PASS"
    assert judge(book, *pit((1, 1, 2, 9), label="part")).findings[0].reason == "SIZE"


def test_a_region_cut_off_by_the_view_is_left_out_where_the_rule_says_so(book: str) -> None:
    """How wide it is outside, nobody knows."""
    assert judge(book, *pit((0, 1, 2, 9), label="part")).outcome == "PASS"


@given(value=st.integers(0, 120))
def test_limits_themselves_are_allowed(value: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A value at its limit is good; one beyond is not, and nothing else decides."""
    path = tmp_path_factory.getbasetemp() / "edge.yaml"
    path.write_text(
        "rules: [{name: a, measure: area, fail: {low: 10 px², high: 100 px²}, reason: A}]", encoding="utf-8"
    )
    verdict = judge(str(path), *pit((1, 1, 5, 5), label="part", area_px=value))
    assert (verdict.outcome == "PASS") == (10 <= value <= 100)


def test_a_gap_is_a_verdict_of_its_own(book: str) -> None:
    """What nobody saw is not inspected, with the reason and the number of frames."""
    verdict = one(gap(5, 9), book)
    assert (verdict.outcome, verdict.subject, verdict.first_seq, verdict.seq) == ("NO_READ", "gap", 5, 9)
    assert [(f.reason, f.value) for f in verdict.findings] == [("OVERFLOW", 5)]


def test_a_gap_that_made_a_node_forget_parts_is_about_these_too(book: str) -> None:
    """They were seen last before the gap, and no part will be told of them; the frames were all the same seen."""
    verdict = one(gap(5, 9, since=2), book)
    assert (verdict.outcome, verdict.first_seq, verdict.seq) == ("NO_READ", 2, 9)
    assert [f.value for f in verdict.findings] == [5]


def test_verdicts_say_of_which_parts_all_have_been_judged(book: str) -> None:
    """As their parts do; before the first of a session nothing has, and where frames are judged nobody knows."""
    later = replace(part(watermark=7), session="s2")
    seen: list[Regions | Part | Gap] = [
        gap(1, 2),
        part(watermark=18),
        gap(21, 30),
        regions(31, []),
        replace(gap(0, 1), session="s2"),
        later,
    ]
    assert [one.watermark for one in rules(iter(seen), book=book)] == [0, 18, 18, None, 0, 7]
    assert [one.watermark for one in rules(iter([regions(0, []), gap(1, 2)]), book=book)] == [None, None]


def test_a_good_part_passes() -> None:
    """A verdict on a part names it and the frames it was in."""
    verdict = one(part(), PLATE)
    assert (verdict.outcome, verdict.subject, verdict.part) == ("PASS", "part", 4)
    assert (verdict.first_seq, verdict.seq, verdict.t_ns) == (3, 20, 5)


def test_a_part_that_nobody_saw_whole_is_not_read() -> None:
    """It is not judged by half of it."""
    (best,) = pit((-20, 30, 33, 49), label="part")
    verdict = one(part(views=0, best=best), PLATE)
    assert verdict.outcome == "NO_READ"
    assert [(f.reason, f.value, f.low) for f in verdict.findings] == [("NOT_SEEN_WHOLE", 0, 1)]


def test_a_part_with_hidden_frames_is_not_good() -> None:
    """Had it been seen all the time, it might have shown a defect."""
    verdict = one(part(hidden=2), PLATE)
    assert verdict.outcome == "NO_READ"
    assert [(f.reason, f.value, f.high) for f in verdict.findings] == [("HIDDEN", 2, 0)]


def test_a_bad_part_is_bad_even_if_frames_are_hidden() -> None:
    """What was seen is enough to condemn it."""
    (best,) = pit((30, 30, 33, 49), label="part", holes=1)
    verdict = one(part(hidden=2, best=best), PLATE)
    assert (verdict.outcome, verdict.findings[0].reason) == ("FAIL", "HOLE")


@pytest.mark.slow
def test_the_plate_book_knows_defects_it_was_not_tuned_on() -> None:
    """On a belt of another seed: nearly all defects are found and named, hardly a good part is accused."""
    told: dict[str, Any] = {"frames": 1200, "speed": 6.0, "defects": 0.4, "seed": 11}
    frames = (f for f in synthetic("cam-9", "s1", FakeClock(), **told) if isinstance(f, Frame))
    followed = track(measured(clean(f, fill_holes=4)) for f in frames)
    verdicts = [one(record, PLATE) for record in followed if isinstance(record, Part)]
    judged = [Judged(v.first_seq, v.seq, v.outcome, tuple(f.reason for f in v.findings)) for v in verdicts]
    result = score(truth("cam-9", **told), judged, told["frames"] - 1, DEFECTS)
    assert result.phantoms == 0
    assert result.found == result.parts > 100
    assert (result.caught().value or 0) > 0.9
    assert (result.accused().value or 0) < 0.05
    for kind in DEFECTS:
        assert (result.precision(kind).value or 0) >= 0.85, kind
        assert (result.recall(kind).value or 0) >= 0.75, kind


WRONG = """\
nam: plate
saturated: 3 px
zones:
  left: {corners: [[0, 0], [48, 0], [48, 96]], prompt: rim}
rules:
  - {name: a, measure: aera, fail: {high: 3}, reason: A}
  - {name: b, measure: holes, reason: B}
  - {name: b, measure: holes, fail: {low: 5, high: 3}, reason: b}
  - {measure: extent, fail: {low: much}, reason: C, severity: FATAL}
  - {name: old, measure: holes, high: 3, reason: OLD}
  - {name: c, measure: box_width, fail: {low: 20}, reason: C}
  - {name: d, measure: box_width, fail: {low: 20 mm}, reason: C}
  - {name: e, measure: holes, fail: {low: 20 %}, reason: C}
  - {name: f, measure: box_width_px, fail: {low: 20}, warn: {low: 10 px}, reason: C}
  - {name: g, require: area > 3 px² and box_width > 3 px², zone: lift, reason: C}
  - {name: h, measure: box_width / count, fail: {low: 3 px}, uncertainty: 1 mm, often: 5 of 3, reason: C}
  - {name: i, require: area, measure: area, reason: C}
  - {name: j, require: area, fail: {low: 3}, reason: C}
  - {name: k, require: area_px, reason: C, where: count > 3}
  - {name: l, measure: views + count, fail: {low: 3}, reason: C, zone: left, prompt: rom}
  - name: m
    require: >
      area > 3 px² and
      box_width > 3 px²
    reason: C
  - {name: n, measure: box_width, fail: {low: 3 px, high: 4 px}, uncertainty: 0.5 px, reason: C}
  - {name: o, measure: box_width, fail: {low: 3 parsec}, reason: C}
"""

TOLD = """\
BOOK:1:1: unknown field 'nam'; did you mean 'name'?
    nam: plate
    ^
BOOK:2:12: saturated: expected a share of the view, such as 98 %, got '3 px'
    saturated: 3 px
               ^
BOOK:6:24: measure: unknown measurement 'aera'; did you mean 'area'?
      - {name: a, measure: aera, fail: {high: 3}, reason: A}
                           ^
BOOK:7:5: expected a limit, such as `fail: {low: 20.5 mm}`, got none
      - {name: b, measure: holes, reason: B}
        ^
BOOK:8:12: two rules are called 'b'; a finding names its rule
      - {name: b, measure: holes, fail: {low: 5, high: 3}, reason: b}
               ^
BOOK:8:43: low: expected at most `high`, which is 3, got 5
      - {name: b, measure: holes, fail: {low: 5, high: 3}, reason: b}
                                              ^
BOOK:8:64: reason: expected a code such as HOLE or TOO_SHORT, got 'b'
      - {name: b, measure: holes, fail: {low: 5, high: 3}, reason: b}
                                                                   ^
BOOK:9:5: missing field 'name': expected text
      - {measure: extent, fail: {low: much}, reason: C, severity: FATAL}
        ^
BOOK:9:35: low: expected a number with its unit, such as 20.5 mm, got 'much'
      - {measure: extent, fail: {low: much}, reason: C, severity: FATAL}
                                      ^
BOOK:9:63: severity: expected 'critical', 'major' or 'minor', got 'FATAL'
      - {measure: extent, fail: {low: much}, reason: C, severity: FATAL}
                                                                  ^
BOOK:10:5: expected a limit, such as `fail: {low: 20.5 mm}`, got none
      - {name: old, measure: holes, high: 3, reason: OLD}
        ^
BOOK:10:33: unknown field 'high'; did you mean 'fail'?
      - {name: old, measure: holes, high: 3, reason: OLD}
                                    ^
BOOK:11:47: low: expected a number and its unit, such as 20 px, got '20'
      - {name: c, measure: box_width, fail: {low: 20}, reason: C}
                                                  ^
BOOK:12:47: low: expected px, got '20 mm': 'box_width' is measured in px
      - {name: d, measure: box_width, fail: {low: 20 mm}, reason: C}
                                                  ^
BOOK:13:43: low: expected a whole number, got '20 %'
      - {name: e, measure: holes, fail: {low: 20 %}, reason: C}
                                              ^
BOOK:14:67: low: below 20 it fails already
      - {name: f, measure: box_width_px, fail: {low: 20}, warn: {low: 10 px}, reason: C}
                                                                      ^
BOOK:15:53: require: expected px, got px²: units do not go together
      - {name: g, require: area > 3 px² and box_width > 3 px², zone: lift, reason: C}
                                                        ^
BOOK:15:66: unknown zone 'lift'; did you mean 'left'?
      - {name: g, require: area > 3 px² and box_width > 3 px², zone: lift, reason: C}
                                                                     ^
BOOK:16:75: uncertainty: expected px, got '1 mm': 'box_width / count' is measured in px
      - {name: h, measure: box_width / count, fail: {low: 3 px}, uncertainty: 1 mm, often: 5 of 3, reason: C}
                                                                              ^
BOOK:16:88: often: expected at most as many as there are, got '5 of 3'
      - {name: h, measure: box_width / count, fail: {low: 3 px}, uncertainty: 1 mm, often: 5 of 3, reason: C}
                                                                                           ^
BOOK:17:5: expected `measure` with limits, or `require` with a condition, got both
      - {name: i, require: area, measure: area, reason: C}
        ^
BOOK:18:30: a condition has no limits: it holds or not
      - {name: j, require: area, fail: {low: 3}, reason: C}
                                 ^
BOOK:19:24: require: expected a condition, such as `area > 20 px²`, got a number
      - {name: k, require: area_px, reason: C, where: count > 3}
                           ^
BOOK:19:51: where: expected a condition on measurements of one region, got 'count > 3'
      - {name: k, require: area_px, reason: C, where: count > 3}
                                                      ^
BOOK:20:24: measure: 'views' is of a part, 'count' of a frame: nothing has both
      - {name: l, measure: views + count, fail: {low: 3}, reason: C, zone: left, prompt: rom}
                           ^
BOOK:20:86: prompt: zone 'left' is in the view of 'rim', got 'rom'
      - {name: l, measure: views + count, fail: {low: 3}, reason: C, zone: left, prompt: rom}
                                                                                         ^
BOOK:22:14: require: expected px, got px²: units do not go together
        require: >
                 ^
BOOK:26:79: uncertainty: 0.5 px on both sides leaves nothing between the limits
      - {name: n, measure: box_width, fail: {low: 3 px, high: 4 px}, uncertainty: 0.5 px, reason: C}
                                                                                  ^
BOOK:27:47: low: expected a number with its unit, such as 20.5 mm, got '3 parsec'
      - {name: o, measure: box_width, fail: {low: 3 parsec}, reason: C}
                                                  ^"""


def test_every_fault_of_a_book_is_told_at_once(tmp_path: Path) -> None:
    """With file, line, column, the line itself and the nearest name."""
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG, encoding="utf-8")
    with pytest.raises(BookError) as told:
        open_book(str(path))
    assert str(told.value).replace(str(path), "BOOK") == TOLD


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a mapping"),
        ("[]", "expected a mapping"),
        ("rules: []", "rules: expected at least one rule, got none"),
        ("name: x", "missing field 'rules'"),
        ("rules: [1]", "expected a mapping, got 1"),
        ("rules: {", "not YAML"),
    ],
)
def test_what_is_no_book_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Empty, of another shape, or no YAML at all: one clear sentence."""
    path = tmp_path / "odd.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BookError, match=re.escape(words)):
        open_book(str(path))


def test_a_missing_book_is_told(tmp_path: Path) -> None:
    """The file's name is in the text."""
    with pytest.raises(BookError, match=r"none\.yaml.*no such file"):
        one(regions(0, []), str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("path", sorted((ROOT / "topologies" / "rules").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_book_of_the_examples_opens(path: Path) -> None:
    """What ships can be used."""
    assert open_book(str(path)).name == path.stem
