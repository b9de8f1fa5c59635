"""NO_READ is never PASS: every way in which a record says nothing about what it shows, and the reason that is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.transforms.book import BookError, open_book
from nodes.transforms.judge import Judge
from pipeline.records import Gap, Part, Region, Regions, Roi, Verdict
from tests.nodes.scenes import Box, gap, region, regions

BOOK = """
needs: [part]
saturated: 90 %
frozen: 3
crops: {rim: [100, 200, 640, 480]}
rules: [{name: r, reason: R, measure: holes, fail: {high: 0}}]
"""
RIM = Roi(100, 200, 640, 480)

Verdicts = Callable[..., list[Verdict]]


@pytest.fixture
def judge(tmp_path: Path) -> Verdicts:
    """The verdicts of the book on records, one after the other."""
    path = tmp_path / "book.yaml"
    path.write_text(BOOK, encoding="utf-8")
    book = open_book(str(path))

    def judged(*records: Regions | Part | Gap) -> list[Verdict]:
        by = Judge(book)
        return [by.judge(record) for record in records]

    return judged


def shown(seq: int = 1, box: Box | None = (10, 10, 20, 20), holes: int = 0, **fields: Any) -> Regions:
    """A frame of the rim with one part, where nothing else is said."""
    found = region(box, holes=holes) if box else None
    told: dict[str, Any] = {"prompt": "rim", "roi": RIM} | fields
    return replace(regions(seq, [], **told), regions=(found,) if found else ())


def part(holes: int = 0, **fields: Any) -> Part:
    """A part that was seen well, where nothing else is said."""
    best = region((10, 10, 20, 20), holes=holes)
    told: dict[str, Any] = {"first_seq": 1, "views": 9, "hidden": 0, "best_seq": 3, "prompt": "rim", "roi": RIM}
    return Part(camera="cam-1", session="s1", seq=5, t_ns=5, id=0, **{"best": best} | told | fields)


def said(verdict: Verdict) -> tuple[str, list[str]]:
    """The outcome and its reasons."""
    return verdict.outcome, [finding.reason for finding in verdict.findings]


def test_what_was_seen_well_is_judged(judge: Verdicts) -> None:
    """Otherwise nothing below says anything."""
    assert [said(each) for each in judge(shown(1), shown(2, (12, 10, 20, 20)), shown(3, holes=1), part())] == [
        ("PASS", []), ("PASS", []), ("FAIL", ["R"]), ("PASS", []),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("record", "reason", "note"),
    [
        (shown(box=None), "NO_MASK", "nothing that is 'part'"),
        (shown(box=(0, 0, 96, 96)), "SATURATED", "'part'"),
        (shown(roi=Roi(100, 200, 640, 481)), "WRONG_ROI",
         "expected the crop 640×480 at (100, 200), it was 640×481 at (100, 200)"),
        (shown(roi=None), "WRONG_ROI", "nobody knows which crop it was"),
        (shown(epoch="unknown"), "WRONG_ROI", "nobody knows which crop it was"),
        (shown(prompt="hub"), "WRONG_ROI", "prompt 'hub' has no crop in the book; there are rim"),
        (gap(5, 9), "OVERFLOW", "lost at test"),
        (gap(5, 9, reason=""), "GAP", "lost at test"),
        (part(views=0), "NOT_SEEN_WHOLE", ""),
        (part(hidden=1), "HIDDEN", ""),
        (part(roi=Roi(0, 0, 640, 480)), "WRONG_ROI",
         "expected the crop 640×480 at (100, 200), it was 640×480 at (0, 0)"),
        (part(best=region((0, 0, 96, 96))), "SATURATED", "'part'"),
        (part(best=region((9, 9, 20, 20), label="lid")), "NO_RULE", "no rule of the book is about this part of 'lid'"),
    ],
)  # fmt: skip
def test_the_reason_is_given(judge: Verdicts, record: Regions | Part | Gap, reason: str, note: str) -> None:
    """One finding, which names it."""
    (verdict,) = judge(record)
    assert said(verdict) == ("NO_READ", [reason])
    assert verdict.findings[0].note == note


def test_an_exposure_that_is_told_twice_is_stale(judge: Verdicts) -> None:
    """Time must go on with the number; the same number again is the same frame, told again."""
    found = judge(shown(1, t_ns=1000), shown(2, (11, 9, 20, 20), t_ns=1000), shown(3, t_ns=900), shown(3, t_ns=900))
    assert [said(each) for each in found] == [
        ("PASS", []), ("NO_READ", ["STALE"]), ("NO_READ", ["STALE"]), ("PASS", []),
    ]  # fmt: skip


def test_a_sensor_that_shows_the_very_same_for_too_long_is_frozen(judge: Verdicts) -> None:
    """From the third frame on, until something changes; another session has seen nothing yet."""
    found = judge(*(shown(n) for n in range(4)), shown(4, (11, 10, 20, 20)), shown(5, session="s2"))
    assert [each.outcome for each in found] == ["PASS", "PASS", "NO_READ", "NO_READ", "PASS", "PASS"]
    assert said(found[2])[1] == ["STALE"]
    assert (found[2].findings[0].value, found[2].findings[0].high) == (3, 2)


def test_what_condemns_a_part_is_enough_though_frames_were_hidden(judge: Verdicts) -> None:
    """But a part that nobody saw whole, or under another crop, is not judged by what it seems to be."""
    found = judge(part(1, hidden=1), part(1, views=0), part(1, roi=None))
    assert [each.outcome for each in found] == ["FAIL", "NO_READ", "NO_READ"]


Spoil = Callable[[Regions], Regions]
SPOILS: tuple[Spoil, ...] = (
    lambda frame: replace(frame, regions=()),
    lambda frame: replace(frame, regions=(region((0, 0, 96, 96)),)),
    lambda frame: replace(frame, roi=None),
    lambda frame: replace(frame, epoch="unknown"),
    lambda frame: replace(frame, prompt="hub"),
    lambda frame: replace(frame, t_ns=0),
)


@given(ways=st.lists(st.sampled_from([None, *SPOILS]), min_size=1, max_size=12), holes=st.integers(0, 1))
def test_a_frame_that_is_spoilt_in_any_way_is_never_good(
    ways: list[Spoil | None], holes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nor bad: whatever it shows, nobody knows of what."""
    path = tmp_path_factory.getbasetemp() / "unread.yaml"
    path.write_text(BOOK, encoding="utf-8")
    by = Judge(open_book(str(path)))
    for seq, spoil in enumerate([None, *ways], 1):
        frame = shown(seq, (10 + seq, 10, 20, 20), holes)
        verdict = by.judge(spoil(frame) if spoil else frame)
        assert verdict.outcome == ("NO_READ" if spoil else "FAIL" if holes else "PASS")


@pytest.mark.parametrize("value", ["0 %", "-3 %", "3 px", "much"])
def test_a_share_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    """It is told at its place."""
    path = tmp_path / "book.yaml"
    path.write_text(BOOK.replace("90 %", value), encoding="utf-8")
    with pytest.raises(BookError, match=f"3:12: saturated: expected a share of the view, such as 98 %, got '{value}'"):
        open_book(str(path))


def test_a_mask_that_fills_the_view_is_none_unless_the_book_says_otherwise(tmp_path: Path) -> None:
    """By itself only a mask without any background."""
    path = tmp_path / "book.yaml"
    rules = "rules: [{name: r, reason: R, measure: holes, fail: {high: 0}}]\n"
    full: Region | None = region((0, 0, 96, 96))
    assert full is not None
    for text, outcome in ((rules, "NO_READ"), ("saturated: 101 %\n" + rules, "PASS")):
        path.write_text(text, encoding="utf-8")
        assert Judge(open_book(str(path))).judge(replace(regions(1, []), regions=(full,))).outcome == outcome
