"""backtest: what would have been decided, part by part; what cannot be judged again is told, never left out."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.sinks.archive import keep
from nodes.sinks.shelf import shelf
from nodes.tools.changes import Changes
from nodes.tools.rejoin import Again
from nodes.tools.rejudge import Reader
from nodes.transforms.book import open_book
from nodes.transforms.judge import Judge
from pipeline.archive import KEPT, stretches
from pipeline.cli import main
from pipeline.pieces import Damage, load
from pipeline.records import Regions, Roi
from tests.nodes.archives import book, gap, judged, kept, part, region, who

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[archive]'")


@pytest.fixture
def today(tmp_path: Path) -> str:
    """What the line judges by: at most 30 px wide."""
    return book(tmp_path, "today", 30)


@pytest.fixture
def line(tmp_path: Path, today: str) -> Path:
    """Parts 0 to 9, 25 to 34 px wide, and a gap: 25 to 30 passed, 31 to 34 failed."""
    return kept(tmp_path / "archive", judged([*(part(n, 25 + n) for n in range(10)), gap(10)], today))


def told(*words: Any) -> tuple[int, str, str]:
    """Run the command; returns its status and what it printed, single-spaced."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["backtest", *map(str, words)])
    return status, re.sub(r"[ ─\n]+", " ", out.getvalue()), err.getvalue()


def changes(folder: Path, *books: str, **how: Any) -> tuple[Reader, list[tuple[str, str]]]:
    """What became of each part under the first book."""
    reader = Reader(folder, books, **how)
    return reader, [(a.was.outcome if a.was else "none", a.now[0].outcome if a.now[0] else "none") for a in reader]


def test_the_same_book_changes_nothing(line: Path, today: str) -> None:
    """Exit status 0, and the gap is still a gap."""
    status, out, _ = told(today, line)
    assert status == 0
    assert "the line 6 4 " in out
    assert "no verdict changes" in out
    assert "10 judged again" in out
    assert "1 stretches that nobody saw: NO READ under every book" in out


def test_every_change_is_counted_with_its_reason(line: Path, tmp_path: Path) -> None:
    """A tighter and a looser book, side by side."""
    tight, loose = book(tmp_path, "tight", 28, "BROAD"), book(tmp_path, "loose", 32)
    status, out, _ = told(tight, loose, line)
    assert status == 1
    assert "PASS FAIL 2 BROAD 2" in out
    assert "FAIL PASS 2 no longer WIDE 2" in out
    assert "tight.yaml: 4 keep their verdict, for other reasons" in out


def test_every_change_is_a_row_and_a_tile(line: Path, tmp_path: Path) -> None:
    """The rows name the parts; a sheet for each book where there are several."""
    tight, loose = book(tmp_path, "tight", 28), book(tmp_path, "loose", 32)
    told(tight, loose, line, "--changes", tmp_path / "c.csv", "--sheet", tmp_path / "sheet.png")
    rows = [*csv.DictReader((tmp_path / "c.csv").read_text(encoding="utf-8").splitlines())]
    assert [(r["book"], r["number"], r["was"], r["now"]) for r in rows] == [
        (tight, "4", "PASS", "FAIL"), (tight, "5", "PASS", "FAIL"), (loose, "6", "FAIL", "PASS"),
        (loose, "7", "FAIL", "PASS"),
    ]  # fmt: skip
    assert rows[0]["why"] == "WIDE box_width 29 px (allowed ≤ 28 px)"
    assert {path.name for path in tmp_path.glob("*.png")} == {"sheet-tight.png", "sheet-loose.png"}


def test_what_was_not_read_is_not_read_again(tmp_path: Path, today: str) -> None:
    """However loose the limits: nobody saw the part whole."""
    folder = kept(tmp_path / "archive", judged([part(1, 20, views=0)], today))
    assert changes(folder, book(tmp_path, "loose", 99))[1] == [("NO_READ", "NO_READ")]


def test_a_part_without_a_verdict_is_told(tmp_path: Path, today: str) -> None:
    """An archive behind the tracker alone: there is nothing to compare with, and the new verdicts are counted."""
    status, out, _ = told(today, kept(tmp_path / "archive", [part(1, 20), part(2, 40)]))
    assert status == 1
    assert "NOT JUDGED PASS 1" in out
    assert "NOT JUDGED FAIL 1 WIDE 1" in out


def test_a_verdict_without_its_part_is_told(tmp_path: Path, today: str) -> None:
    """An archive behind the rules alone cannot be judged again."""
    folder = kept(tmp_path / "archive", judged([part(1, 20)], today)[1:])
    status, _, err = told(today, folder)
    assert status == 2
    assert "nothing to judge again: expected parts, or frames with verdicts, found none" in err
    assert "1 that have a verdict in the archive, and are not in it themselves" in err


def test_parts_without_masks_are_told(tmp_path: Path, today: str) -> None:
    """What a full disk left out is not judged by half of it; where a resend has the mask, it is."""
    with shelf(tmp_path / "archive") as there:
        keep(there, judged([part(1, 20), part(2, 40)], today), masks=False)
        keep(there, judged([part(2, 40), part(3, 50)], today), masks=True)
    reader, found = changes(tmp_path / "archive", today)
    assert reader.bare == 1
    assert reader.lost == 1
    assert found == [("FAIL", "FAIL"), ("FAIL", "FAIL")]
    status, out, _ = told(today, tmp_path / "archive")
    assert status == 1
    assert "not judged: 1 whose masks the disk had no room for" in out


def test_a_damaged_piece_is_told_and_the_rest_is_judged(line: Path, today: str, tmp_path: Path) -> None:
    """A flipped bit costs one file, and the exit status says so."""
    kept(line, judged([part(70, 25)], today))
    torn = min((line / "table=parts").rglob("*.parquet"))
    torn.write_bytes(torn.read_bytes()[:-40] + bytes(40))
    status, out, _ = told(today, line)
    assert status == 1
    assert f"not read: {torn}: expected bytes with the digest" in out.replace("\n", "")
    assert "1 judged again" in out


def test_an_older_archive_is_read_or_told(line: Path, today: str) -> None:
    """Columns that an older version did not know are null where they may be; else its pieces are told, by name."""
    whole = min((line / "table=parts").rglob("*.parquet"))
    rows = pq.read_table(whole)
    whole.unlink()
    pq.write_table(rows.drop_columns(["extent"]), whole.with_name("0-old.parquet"))
    status, _, err = told(today, line)
    assert status == 2
    assert "0-old.parquet: expected the columns of parts, version" in err


def test_a_bad_book_says_where(line: Path, tmp_path: Path) -> None:
    """Every fault with file, line and column, before anything is read."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("rules:\n  - {name: a, measure: widht, fail: {high: 3 px}, reason: A}\n", encoding="utf-8")
    status, out, err = told(bad, line)
    assert (status, out) == (2, "")
    assert re.search(r"bad\.yaml:2:\d+: ", err)
    assert "widht" in err


@pytest.mark.parametrize(
    ("folder", "wanted"),
    [("none", "expected an archive, found no folder"), (".", "nothing to judge again: expected parts")],
)
def test_no_archive_is_told(folder: str, wanted: str, tmp_path: Path, today: str) -> None:
    """A folder that is not there, and one that is no archive."""
    status, _, err = told(today, tmp_path / folder)
    assert status == 2
    assert wanted in err


def test_a_camera_can_be_chosen(tmp_path: Path, today: str) -> None:
    """A book is often about one camera; a wrong name is told."""
    folder = kept(tmp_path / "archive", judged([part(1, 20), part(1, 40, camera="cam-2")], today))
    assert changes(folder, today, cameras=["cam-2"])[1] == [("FAIL", "FAIL")]
    status, _, err = told(today, folder, "--camera", "cam-3")
    assert status == 2
    assert "expected parts of cam-3" in err


def test_two_verdicts_on_a_part_must_be_told_apart(tmp_path: Path, today: str) -> None:
    """Two books on one line: which of them is to be compared with?"""
    seen, strict = [part(1, 25)], book(tmp_path, "strict", 20)
    folder = kept(tmp_path / "archive", [*judged(seen, today), *judged(seen, strict)])
    status, _, err = told(today, folder)
    assert status == 2
    assert "found those of the books 'today' and 'strict': say with `--before`" in err.replace("\n", " ")
    assert changes(folder, today, before="strict")[1] == [("FAIL", "PASS")]
    assert changes(folder, today, before="today")[1] == [("PASS", "PASS")]


def test_frames_are_judged_again(tmp_path: Path) -> None:
    """Where a line judges frames: with all their regions, and the empty ones too."""
    few = tmp_path / "few.yaml"
    few.write_text("rules: [{name: few, measure: count, fail: {high: 1}, reason: MANY}]", encoding="utf-8")
    none = tmp_path / "none.yaml"
    none.write_text("rules: [{name: none, measure: count, fail: {high: 0}, reason: ANY}]", encoding="utf-8")
    frames = [
        Regions(**who(n), size=(40, 80), regions=tuple(region(9) for _ in range(n)), prompt="rim") for n in range(3)
    ]
    folder = kept(tmp_path / "archive", judged(frames, str(few)))
    assert changes(folder, str(none))[1] == [("PASS", "PASS"), ("PASS", "FAIL"), ("FAIL", "FAIL")]
    assert [again.record for again in Reader(folder, [str(none)])] == frames
    assert told(none, folder, "--sheet", tmp_path / "a.png")[0] == 1


def test_a_book_that_fails_on_a_part_is_told(line: Path, today: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs that one, as it would on a line, and is not taken for a pass."""
    judge = Judge.judge

    def faulty(self: Judge, record: Any) -> Any:
        if getattr(record, "id", None) == 3:
            raise ValueError("no such unit")
        return judge(self, record)

    monkeypatch.setattr(Judge, "judge", faulty)
    status, out, _ = told(today, line)
    assert status == 1
    assert "PASS NOT JUDGED 1" in out
    assert "not judged: 1: " in out
    assert "ValueError: no such unit" in out


def test_a_resend_is_judged_once(tmp_path: Path, today: str) -> None:
    """The batch that came twice after a crash, in other company."""
    one, two = judged([part(1, 20), part(2, 40)], today), judged([part(2, 40), part(3, 20)], today)
    assert changes(kept(tmp_path / "archive", one, two, one), today)[1] == [
        ("PASS", "PASS"), ("FAIL", "FAIL"), ("PASS", "PASS"),
    ]  # fmt: skip


@given(times=st.lists(st.integers(0, 500), min_size=1, max_size=40, unique=True), cuts=st.integers(1, 9))
def test_stretches_hold_everything_once(times: list[int], cuts: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """However records were batched and however late they came: each part meets its verdict, in order of exposure."""
    folder = tmp_path_factory.mktemp("archive")
    today = book(folder, "today", 30)
    seen = [part(n, 20 + n % 20) for n in times]
    batches = [
        [*seen[n::cuts], *judged(seen[(n + 1) % cuts :: cuts], today)[len(seen[(n + 1) % cuts :: cuts]) :]]
        for n in range(cuts)
    ]
    kept(folder, *(batch for batch in batches if batch))
    found = [*Reader(folder, [today])]
    assert [again.record.seq for again in found] == sorted(times)
    assert all(again.was and again.was.part == again.record.seq for again in found)
    assert [again.was for again in found] == [again.now[0] for again in found]


def test_no_more_than_a_few_pieces_are_held(tmp_path: Path, today: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A week needs no more memory than an hour: pieces are read when their time comes, once, and let go."""
    folder = kept(tmp_path / "archive", *(judged([part(n, 20)], today) for n in range(0, 9000, 60)))
    read: list[Path] = []

    def counted(path: Path, table: str) -> Any:
        read.append(path)
        return load(path, table)

    monkeypatch.setattr("pipeline.archive.load", counted)
    held = [len(stretch._reels._kept) for stretch in stretches(folder, []) if stretch.read("parts").num_rows]  # noqa: SLF001
    assert len(held) == 150
    assert max(held) <= KEPT
    assert len(read) == len({*read}) == 150


def test_the_time_that_was_read_counts_once(tmp_path: Path, today: str) -> None:
    """Two cameras that looked at the same time, and one later."""
    seen = [part(n, 20, camera=c) for c, ns in (("a", (0, 10)), ("b", (5, 15)), ("c", (100, 101))) for n in ns]
    reader, _ = changes(kept(tmp_path / "archive", judged(seen, today)), today)
    assert reader.seconds == 16


def test_a_choice_of_parts_is_fair_and_always_the_same(today: str) -> None:
    """Late ones have the same chance as early ones."""
    firsts = []
    for _ in range(2):
        found, judge = Changes("b", keep=10), Judge(open_book(today))
        for number in range(1000):
            seen = part(number, 40)
            found.add(Again(seen, None, ()), judge.judge(seen))
        (section,) = found.sections()
        assert section.count == 1000
        firsts.append([shown.record.seq for shown in section.shown if shown.record])
    assert firsts[0] == firsts[1]
    assert len(firsts[0]) == 10
    assert max(firsts[0]) > 500


def test_a_picture_of_no_kind_is_refused_before_work(line: Path, today: str) -> None:
    """Nobody waits for an hour to learn of a typing error."""
    status, out, err = told(today, line, "--sheet", "a.gif")
    assert (status, out) == (2, "")
    assert "expected a picture that ends in .png or .svg" in err


def test_stretches_of_a_spool_that_came_late(tmp_path: Path) -> None:
    """A file that spans hours is in every stretch that it has rows of, and in no other."""
    far = [part(0, 20), part(7200, 20)]
    damaged: list[Damage] = []
    found = [s.read("parts")["seq"].to_pylist() for s in stretches(kept(tmp_path / "a", far), damaged)]
    assert [row for row in found if row] == [[0], [7200]]
    assert not damaged


def test_a_rule_on_several_frames_knows_of_those_that_nobody_saw(tmp_path: Path) -> None:
    """What came before a gap is not taken for what came just before: verdicts are those that a line would give."""
    twice = tmp_path / "twice.yaml"
    twice.write_text(
        "rules: [{name: two, measure: count, fail: {high: 0}, often: 2 of 2, reason: TWICE}]", encoding="utf-8"
    )
    frames: list[Any] = [Regions(**who(n), size=(40, 80), regions=(region(9),)) for n in (1, 2, 4, 5)]
    line = judged([*frames[:2], gap(3), *frames[2:]], str(twice))
    found = [*Reader(kept(tmp_path / "archive", line), [str(twice)])]
    assert [again.was for again in found] == [again.now[0] for again in found]
    assert len({again.now[0].outcome for again in found if again.now[0]}) > 1


def test_a_book_that_is_edited_meanwhile_judges_as_it_was(line: Path, today: str) -> None:
    """One version of a book judges everything, however long it takes."""
    versions: set[str] = set()
    for again in Reader(line, [today]):
        versions.update(now.version for now in again.now if now)
        Path(today).write_text("rules: not a list", encoding="utf-8")
    assert len(versions) == 1


def test_a_frame_is_judged_with_its_crop(tmp_path: Path, today: str) -> None:
    """A book may ask which crop of the sensor a frame is of: it is read back with it."""
    frame = Regions(**who(1), size=(40, 80), regions=(region(9),), roi=Roi(8, 16, 640, 320))
    (again,) = Reader(kept(tmp_path / "archive", judged([frame], today)), [today])
    assert again.record == frame


EDGE = "rules: [{name: edge, measure: box_width, fail: {high: 30 px}, often: 2 of 3, reason: EDGE}]"


def frame(number: int, width: int, **fields: Any) -> Regions:
    """A frame that shows something so wide."""
    told: dict[str, Any] = who(number) | {"size": (40, 80), "regions": (region(width),)} | fields
    return Regions(**told)


@pytest.mark.parametrize("told", ["gap", "verdict", "both"])
@pytest.mark.parametrize("since", [None, 1])
def test_a_gap_is_known_however_it_was_archived(told: str, since: int | None, tmp_path: Path, today: str) -> None:
    """A gap that the rules met is archived as a verdict; one that is there both ways is one."""
    path = tmp_path / "edge.yaml"
    path.write_text(EDGE, encoding="utf-8")
    lost, said = judged([replace(gap(2), since=since)], today)
    between = {"gap": [lost], "verdict": [said], "both": [lost, said]}[told]
    seen = [*judged([frame(0, 20), frame(1, 20)], today), *between, *judged([frame(3, 40)], today)]
    reader, found = changes(kept(tmp_path / "archive", seen), str(path))
    assert (reader.gaps, found[-1]) == (1, ("FAIL", "NO_READ"))


def test_a_gap_that_fills_a_minute_is_known(tmp_path: Path, today: str) -> None:
    """Though no part and no verdict is about that time."""
    path = tmp_path / "edge.yaml"
    path.write_text(EDGE, encoding="utf-8")
    seen = [*judged([frame(0, 20), frame(1, 20)], today), gap(90), *judged([frame(200, 40)], today)]
    reader, found = changes(kept(tmp_path / "archive", seen), str(path))
    assert (reader.gaps, found[-1]) == (1, ("FAIL", "NO_READ"))


def test_what_was_stale_is_stale_again(tmp_path: Path, today: str) -> None:
    """Frames are told in the order of their numbers, though one says that it was exposed before the last."""
    seen = [frame(0, 20), frame(1, 21), frame(2, 22, t_ns=who(0)["t_ns"] + 1), frame(3, 23), frame(4, 24)]
    _, found = changes(kept(tmp_path / "archive", judged(seen, today)), today)
    assert found == [(each, each) for each in ("PASS", "PASS", "NO_READ", "PASS", "PASS")]
