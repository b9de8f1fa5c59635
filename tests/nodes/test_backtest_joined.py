"""backtest of parts that several cameras see: what changes is the verdict on the part, as `join` would decide it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.tools.rejudge import Reader
from nodes.transforms.book import open_book
from nodes.transforms.join import join
from nodes.transforms.judge import Judge
from pipeline.cli import main
from pipeline.records import Part, Record, Regions, Verdict
from tests.nodes.archives import SECOND, book, gap, judged, kept, part, region, who
from tests.nodes.test_backtest import changes, told

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

Widths = Sequence[tuple[int | None, int | None]]
LATE = 7  # seconds later, the exit sees a part


def seen(widths: Widths, late: int = LATE) -> list[Part]:
    """Parts as wide as that at the entry and at the exit; None where one overlooked it. In order of exposure."""
    found = []
    for number, (entry, exit_) in enumerate(widths):
        found += [part(number, entry, camera="entry")] if entry else []
        if exit_:
            later = who(number)["t_ns"] + late * SECOND
            found.append(replace(part(number, exit_, camera="exit"), id=1000 + number, t_ns=later))
    return sorted(found, key=lambda each: each.t_ns)


def decided(verdicts: Sequence[Verdict], late: int = LATE) -> list[Verdict]:
    """What `join` makes of verdicts."""
    offsets = {"exit": float(late)}
    joined = join(iter(verdicts), cameras=("entry", "exit"), within=0.4, late=3600.0, offsets=offsets, station="both")
    return [each for each in joined if isinstance(each, Verdict) and each.views]


def line(widths: Widths, by: str, late: int = LATE) -> tuple[list[Part], list[Verdict], list[Verdict]]:
    """What a line of two cameras tells: parts, verdicts on each view, and verdicts on parts."""
    views = seen(widths, late)
    judges: dict[str, Judge] = {}
    each = [judges.setdefault(one.camera, Judge(open_book(by))).judge(one) for one in views]
    return views, each, decided(each, late)


WIDE: Widths = [(25, 26), (33, 25), (25, 36), (25, None), (34, None)]


@pytest.fixture
def today(tmp_path: Path) -> str:
    """What the line judges by: at most 30 px wide."""
    return book(tmp_path, "today", 30)


def test_the_same_book_changes_nothing(tmp_path: Path, today: str) -> None:
    """Five parts, not eight views; a view that is missing is still missing."""
    parts, views, joined = line(WIDE, today)
    reader, found = changes(kept(tmp_path / "archive", [*parts, *views, *joined]), today)
    assert sorted(found) == sorted((each.outcome, each.outcome) for each in joined)
    assert sorted(was for was, _ in found) == ["FAIL", "FAIL", "FAIL", "NO_READ", "PASS"]
    assert [*reader.untold()] == []
    status, out, _ = told(today, tmp_path / "archive")
    assert status == 0
    assert "the line 1 3 1 " in out
    assert "5 judged again" in out


def test_what_changes_is_the_part(tmp_path: Path, today: str) -> None:
    """A part that one view alone condemned is good; one of which a view is missing is not read, however loose."""
    parts, views, joined = line(WIDE, today)
    folder = kept(tmp_path / "archive", [*parts, *views, *joined])
    status, out, _ = told(book(tmp_path, "loose", 34), folder, "--changes", tmp_path / "c.csv")
    assert status == 1
    assert "FAIL PASS 1 no longer WIDE 1" in out
    assert "FAIL NO READ 1 VIEW_MISSING 1" in out
    rows = [*csv.DictReader((tmp_path / "c.csv").read_text(encoding="utf-8").splitlines())]
    assert [
        (r["camera"], r["number"], r["was"], r["now"], r["why"]) for r in sorted(rows, key=lambda r: r["number"])
    ] == [
        ("both", "1", "FAIL", "PASS", "entry: WIDE box_width 33 px (allowed ≤ 30 px)"),
        ("both", "4", "FAIL", "NO_READ", "exit: VIEW_MISSING views 0 (allowed ≥ 1)"),
    ]


def test_the_view_that_decides_is_drawn(tmp_path: Path, today: str) -> None:
    """A tighter book finds fault with what the second camera saw: that is what people must look at."""
    parts, views, joined = line([(25, 29)], today)
    folder = kept(tmp_path / "archive", [*parts, *views, *joined])
    (again,) = Reader(folder, [book(tmp_path, "tight", 28)])
    shown = again.shown(again.now[0], was="PASS")
    assert (shown.outcome, shown.record, shown.name) == ("FAIL", parts[1], "both")
    assert [finding.value for finding in shown.findings] == [29]
    assert told(book(tmp_path, "tight", 28), folder, "--sheet", tmp_path / "a.png")[0] == 1
    assert (tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize("camera", ["entry", "exit"])
def test_a_book_about_one_camera_leaves_the_others_as_they_were(camera: str, tmp_path: Path, today: str) -> None:
    """Judged again is what it saw; what the line said of the other views holds, and the part is the worst of them."""
    parts, views, joined = line([(33, 26), (26, 33)], today)
    folder = kept(tmp_path / "archive", [*parts, *views, *joined])
    (tmp_path / "next").mkdir()
    _, found = changes(folder, book(tmp_path / "next", "today", 40), cameras=[camera])
    assert sorted(found) == [("FAIL", "FAIL"), ("FAIL", "PASS")]


def test_a_station_can_be_chosen(tmp_path: Path, today: str) -> None:
    """By its own name: all its cameras, and no other one."""
    parts, views, joined = line([(33, 26), (26, 33)], today)
    folder = kept(tmp_path / "archive", [*parts, *views, *joined, *judged([part(9, 40)], today)])
    assert changes(folder, book(tmp_path, "loose", 40), cameras=["both"])[1] == [("FAIL", "PASS")] * 2


def test_views_whose_verdicts_are_not_kept_are_judged_again(tmp_path: Path, today: str) -> None:
    """An archive behind `track` and `join` alone."""
    parts, _, joined = line(WIDE, today)
    reader, found = changes(kept(tmp_path / "archive", [*parts, *joined]), today)
    assert sorted(found) == sorted((each.outcome, each.outcome) for each in joined)
    assert [*reader.untold()] == []


@pytest.mark.parametrize("late", [-100, 100, 400])
def test_views_that_are_minutes_apart_are_of_one_part(late: int, tmp_path: Path, today: str) -> None:
    """A long belt, and a first camera that is not the first on it."""
    parts, views, joined = line([(33, 26), (26, 33), (26, 26)], today, late)
    assert [len(each.views) for each in joined] == [2, 2, 2]
    reader, found = changes(kept(tmp_path / "archive", [*parts, *views, *joined]), book(tmp_path, "loose", 40))
    assert sorted(found) == [("FAIL", "PASS"), ("FAIL", "PASS"), ("PASS", "PASS")]
    assert [*reader.untold()] == []


def test_a_part_of_which_a_view_is_lost_is_told(tmp_path: Path, today: str) -> None:
    """It cannot be judged again by half of it."""
    parts, views, joined = line([(33, 26), (26, 26)], today)
    reader, found = changes(kept(tmp_path / "archive", [*parts[1:], *views, *joined]), today)
    assert found == [("PASS", "PASS")]
    assert (reader.lost, [*reader.untold()]) == (
        1, ["not judged: 1 that have a verdict in the archive, and are not in it themselves"]
    )  # fmt: skip


def test_a_view_that_was_not_joined_stays_one(tmp_path: Path, today: str) -> None:
    """The line stopped before `join` had said anything: it is told as what it is, a view."""
    parts, views, joined = line([(33, 26), (26, 26)], today)
    _, found = changes(kept(tmp_path / "archive", [*parts, *views, *joined[:1]]), book(tmp_path, "loose", 40))
    assert sorted(found) == [("FAIL", "PASS"), ("PASS", "PASS"), ("PASS", "PASS")]


def test_frames_are_joined_again(tmp_path: Path) -> None:
    """Where cameras look at the same moment, and frames are judged, not parts."""
    few, none = tmp_path / "few.yaml", tmp_path / "none.yaml"
    few.write_text("rules: [{name: few, measure: count, fail: {high: 1}, reason: MANY}]", encoding="utf-8")
    none.write_text("rules: [{name: none, measure: count, fail: {high: 0}, reason: ANY}]", encoding="utf-8")
    frames = [
        Regions(**who(n, camera), size=(40, 80), regions=tuple(region(9) for _ in range(many)))
        for n, counts in enumerate([(0, 0), (0, 1), (2, 0)])
        for camera, many in zip(("entry", "exit"), counts, strict=True)
    ]
    verdicts = [each for each in judged(frames, str(few)) if isinstance(each, Verdict)]
    for kept_too in ([], verdicts):
        folder = kept(tmp_path / f"archive-{len(kept_too)}", [*frames, *kept_too, *decided(verdicts, 0)])
        assert changes(folder, str(none))[1] == [("PASS", "PASS"), ("PASS", "FAIL"), ("FAIL", "FAIL")]


def test_two_books_of_a_station_must_be_told_apart(tmp_path: Path, today: str) -> None:
    """As of a camera."""
    strict = book(tmp_path, "strict", 20)
    parts, _, joined = line([(25, 26)], today)
    folder = kept(tmp_path / "archive", [*parts, *joined, *line([(25, 26)], strict)[2]])
    status, _, err = told(today, folder)
    assert status == 2
    assert "expected one verdict on part 0 of 'both', found those of the books" in err.replace("\n", " ")
    assert changes(folder, today, before="strict")[1] == [("FAIL", "PASS")]


@given(
    widths=st.lists(st.tuples(*[st.one_of(st.none(), st.integers(20, 40))] * 2), min_size=1, max_size=8),
    high=st.integers(20, 40),
    lost=st.integers(0, 7),
)
def test_it_is_what_join_would_have_said(
    widths: list[Any], high: int, lost: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Law: whatever was seen, missing or lost, a backtest says of every part what a line with the new book would."""
    folder = tmp_path_factory.mktemp("archive")
    today, other = book(folder, "today", 30), book(folder, "other", high)
    parts, views, joined = line(widths, today)
    told_: list[Record] = [*parts, *views, *joined, replace(gap(lost), camera="entry")]
    found = {
        (each.was.camera, each.was.session, each.was.part): each
        for each in Reader(kept(folder / "a", told_), [other])
        if each.was
    }
    wanted = line(widths, other)[2]
    assert len(found) == len(wanted)
    for each in wanted:
        (now,) = found[each.camera, each.session, each.part].now
        assert now == each


def test_joined_verdicts_are_drawn_with_the_view_that_decided(tmp_path: Path, today: str) -> None:
    """As the line judged, and as another book does; of a view alone, too."""
    parts, views, joined = line([(25, 36)], today)
    folder = kept(tmp_path / "archive", [*parts, *views, *joined])
    for words in (["--camera", "both"], ["--camera", "both", "--rules", today], ["--camera", "exit", "--rules", today]):
        path = tmp_path / f"{len(words)}{words[1]}.svg"
        assert main(["draw", str(folder), *words, "-o", str(path)]) == 0
        text = path.read_text(encoding="utf-8")
        assert "FAIL" in text
        assert "exit · part #1000" in text
        assert "36 px" in text


def test_a_station_is_challenged_by_its_parts(tmp_path: Path, today: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Known parts may be those of a station, whose verdict is the worst of their views."""
    parts, views, joined = line([(25, 26), (25, 36)], today)
    folder, known = kept(tmp_path / "archive", [*parts, *views, *joined]), tmp_path / "known.csv"
    assert main(["challenge", "--blank", str(known), str(folder)]) == 0
    rows = known.read_text(encoding="utf-8").splitlines()
    assert rows[1:] == ["both/0,,both,s,0", "both/1,,both,s,1"]
    for second, status in (("bad", 0), ("good", 1)):
        filled = [rows[0], "both/0,good,both,s,0", f"both/1,{second},both,s,1"]
        known.write_text("\n".join(filled) + "\n", encoding="utf-8")
        assert main(["challenge", str(known), str(folder)]) == status
        out = capsys.readouterr().out
        assert ("both/1 is good, called bad" in out) == (second == "good")
        assert "other parts" not in out
    main(["challenge", str(known), str(folder), "--rules", book(tmp_path, "loose", 40)])
    assert "called bad" not in capsys.readouterr().out
