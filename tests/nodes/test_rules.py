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
from pipeline.records import Frame, Part, Region, Verdict
from pipeline.score import Judged, score
from tests.conftest import ROOT
from tests.nodes.scenes import gap, region, regions

PLATE = str(ROOT / "topologies" / "rules" / "plate.yaml")

LIMITS = """\
name: test
label: pit
rules:
  - {name: few, measure: count, high: 2, reason: MANY, severity: WARN}
  - {name: small, measure: area_px, high: 50, reason: LARGE}
  - {name: dense, measure: extent, low: 0.5, reason: RAGGED, severity: WARN}
  - {name: hidden corner, measure: width_px, low: 3, high: 40, label: part, whole: true, reason: SIZE}
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
    return rules(replace(regions(7, []), regions=seen), book=book)


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
    """Findings come in the order of the book, each with its limit; of many regions the worst is told."""
    seen = pit((1, 1, 8, 8), (20, 20, 9, 9), (40, 40, 3, 3))
    verdict = judge(book, *seen)
    assert verdict.outcome == "FAIL"
    assert [(f.rule, f.reason, f.measure, f.value, f.low, f.high) for f in verdict.findings] == [
        ("few", "MANY", "count", 3, None, 2),
        ("small", "LARGE", "area_px", 81, None, 50),
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
    path.write_text("rules: [{name: a, measure: area_px, low: 10, high: 100, reason: A}]", encoding="utf-8")
    verdict = judge(str(path), *pit((1, 1, 5, 5), label="part", area_px=value))
    assert (verdict.outcome == "PASS") == (10 <= value <= 100)


def test_a_gap_is_a_verdict_of_its_own(book: str) -> None:
    """What nobody saw is not inspected, with the reason and the number of frames."""
    verdict = rules(gap(5, 9), book=book)
    assert (verdict.outcome, verdict.subject, verdict.first_seq, verdict.seq) == ("NO_READ", "gap", 5, 9)
    assert [(f.reason, f.value) for f in verdict.findings] == [("OVERFLOW", 5)]


def test_a_good_part_passes() -> None:
    """A verdict on a part names it and the frames it was in."""
    verdict = rules(part(), book=PLATE)
    assert (verdict.outcome, verdict.subject, verdict.part) == ("PASS", "part", 4)
    assert (verdict.first_seq, verdict.seq, verdict.t_ns) == (3, 20, 5)


def test_a_part_that_nobody_saw_whole_is_not_read() -> None:
    """It is not judged by half of it."""
    (best,) = pit((-20, 30, 33, 49), label="part")
    verdict = rules(part(views=0, best=best), book=PLATE)
    assert verdict.outcome == "NO_READ"
    assert [(f.reason, f.value, f.low) for f in verdict.findings] == [("NOT_SEEN_WHOLE", 0, 1)]


def test_a_part_with_hidden_frames_is_not_good() -> None:
    """Had it been seen all the time, it might have shown a defect."""
    verdict = rules(part(hidden=2), book=PLATE)
    assert verdict.outcome == "NO_READ"
    assert [(f.reason, f.value, f.high) for f in verdict.findings] == [("HIDDEN", 2, 0)]


def test_a_bad_part_is_bad_even_if_frames_are_hidden() -> None:
    """What was seen is enough to condemn it."""
    (best,) = pit((30, 30, 33, 49), label="part", holes=1)
    verdict = rules(part(hidden=2, best=best), book=PLATE)
    assert (verdict.outcome, verdict.findings[0].reason) == ("FAIL", "HOLE")


@pytest.mark.slow
def test_the_plate_book_knows_defects_it_was_not_tuned_on() -> None:
    """On a belt of another seed: nearly all defects are found and named, hardly a good part is accused."""
    told: dict[str, Any] = {"frames": 1200, "speed": 6.0, "defects": 0.4, "seed": 11}
    frames = (f for f in synthetic("cam-9", "s1", FakeClock(), **told) if isinstance(f, Frame))
    followed = track(measured(clean(f, fill_holes=4)) for f in frames)
    verdicts = [rules(record, book=PLATE) for record in followed if isinstance(record, Part)]
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
rules:
  - {name: a, measure: aera_px, high: 3, reason: A}
  - {name: b, measure: holes, reason: B}
  - {name: b, measure: holes, low: 5, high: 3, reason: b}
  - {measure: extent, low: much, reason: C, severity: FATAL}
"""

TOLD = """\
BOOK:1:1: unknown field 'nam'; did you mean 'name'?
    nam: plate
    ^
BOOK:3:24: measure: expected 'area_px', 'count', 'extent', 'height_px', 'hole_area_px', 'holes', 'score', \
'total_area_px', 'width_px', 'x_px' or 'y_px', got 'aera_px'; did you mean 'area_px'?
      - {name: a, measure: aera_px, high: 3, reason: A}
                           ^
BOOK:4:5: expected a limit: `low`, `high` or both, got neither
      - {name: b, measure: holes, reason: B}
        ^
BOOK:5:12: two rules are called 'b'; a finding names its rule
      - {name: b, measure: holes, low: 5, high: 3, reason: b}
               ^
BOOK:5:36: low: expected at most `high`, which is 3, got 5
      - {name: b, measure: holes, low: 5, high: 3, reason: b}
                                       ^
BOOK:5:56: reason: expected a code such as HOLE or TOO_SHORT, got 'b'
      - {name: b, measure: holes, low: 5, high: 3, reason: b}
                                                           ^
BOOK:6:5: missing field 'name': expected text
      - {measure: extent, low: much, reason: C, severity: FATAL}
        ^
BOOK:6:28: low: expected a number, got 'much'
      - {measure: extent, low: much, reason: C, severity: FATAL}
                               ^
BOOK:6:55: severity: expected 'FAIL' or 'WARN', got 'FATAL'; did you mean 'FAIL'?
      - {measure: extent, low: much, reason: C, severity: FATAL}
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
        rules(regions(0, []), book=str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("path", sorted((ROOT / "topologies" / "rules").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_book_of_the_examples_opens(path: Path) -> None:
    """What ships can be used."""
    assert open_book(str(path)).name == path.stem
