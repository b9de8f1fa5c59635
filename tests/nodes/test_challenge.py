"""challenge: known parts against agreed limits; what was not read is neither let go nor refused."""

from __future__ import annotations

import contextlib
import csv
import doctest
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from nodes.tools import challenge
from nodes.tools.known import Showing, parts
from nodes.tools.shown import called
from pipeline.cli import main
from pipeline.errors import KensaError
from tests.nodes.archives import book, judged, kept, part
from tests.test_agreement import AIAG, TRUTH

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")


def told(*words: Any) -> tuple[int, str, str]:
    """Run the command; returns its status and what it printed, single-spaced."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["challenge", *map(str, words)])
    return status, re.sub(r"[ ─\n]+", " ", out.getvalue()), err.getvalue()


def sheet(path: Path, header: str, rows: Iterable[Iterable[Any]]) -> Path:
    """A CSV file."""
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows), ""]), encoding="utf-8")
    return path


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """Parts 0 to 9, 25 to 34 px wide, of a line that lets 30 px go; part 8 was not seen whole."""
    seen = [part(n, 25 + n, views=0 if n == 8 else 3) for n in range(10)]
    return kept(tmp_path / "archive", judged(seen, book(tmp_path, "today", 30)))


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The floor says: up to 29 px is good. So 30 px is let go, and part 11 does not exist."""
    rows = [(f"p{n}", "good" if n < 5 else "bad", "cam-1", n) for n in (*range(10), 11)]
    return sheet(tmp_path / "parts.csv", "name,expected,camera,part", rows)


def test_examples() -> None:
    """Shares are read as people write them."""
    assert doctest.testmod(challenge).failed == 0


def test_what_was_let_go_refused_and_not_read(line: Path, known: Path) -> None:
    """Part 5 was passed, part 11 unnoticed, part 8 not read: of five decisions on bad parts two let one go."""
    status, out, _ = told(known, line)
    assert status == 1
    assert "bad parts let go 40.0% 2/5 5.3 … 85.3% ≤ 2.0% NOT KEPT" in out
    assert "good parts refused 0.0% 0/5 0.0 … 52.2% ≤ 5.0% unproven" in out
    assert "not read 18.2% 2/11 2.3 … 51.8% ≤ 0.0% NOT KEPT" in out
    assert "the line: p5 is bad, called good" in out
    assert "the line: p8 is bad, called no read" in out
    assert "the line: p11 is bad, called not found" in out


def test_a_book_is_challenged_before_it_goes_live(line: Path, known: Path, tmp_path: Path) -> None:
    """With what the floor says, only what nobody saw remains."""
    _, out, _ = told(known, line, "--rules", book(tmp_path, "next", 29))
    assert "next, 1 run bad parts let go 20.0% 1/5" in out
    assert "p5 is bad" not in out


def test_within_the_limits_is_status_0(line: Path, tmp_path: Path) -> None:
    """And it says how much the sample proves: not much."""
    rows = [(n, "good" if n < 6 else "bad", "cam-1", n) for n in (0, 1, 2, 3, 4, 5, 6, 7, 9)]
    known = sheet(tmp_path / "parts.csv", "name,expected,camera,part", rows)
    status, out, _ = told(known, line)
    assert status == 0
    assert "NOT KEPT" not in out
    assert "bad parts let go: 149 without one would show ≤ 2.0% with 95% confidence" in out
    assert "1 other parts in the archive, of which nobody knows what they are" in out
    assert told(known, line, "--proven")[0] == 1
    assert told(known, line, "--proven", "--miss", "70%", "--false-alarm", "0.5", "--effective", "60%")[0] == 0


def test_every_archive_and_every_session_is_a_run(tmp_path: Path) -> None:
    """The same parts on three days, once refused: they are of one mind on the other."""
    today = book(tmp_path, "today", 30)
    days = [
        kept(tmp_path / f"day-{n}", judged([part(0, 20, session=f"s{n}"), part(1, 30 + n, session=f"s{n}")], today))
        for n in range(2)
    ]
    known = sheet(
        tmp_path / "parts.csv", "name,expected,camera,part", [("a", "good", "cam-1", 0), ("b", "bad", "cam-1", 1)]
    )
    found = called(parts(known), days, [])
    assert found.calls == {"the line": {"a": ["good", "good"], "b": ["good", "bad"]}}
    twice = sheet(
        tmp_path / "twice.csv", "name,expected,camera,session,part",
        [("b", "bad", "cam-1", "s1", 1), ("b", "bad", "cam-1", "s1", 0)],
    )  # fmt: skip
    assert called(parts(twice), days, []).calls == {"the line": {"b": ["bad", "good"]}}


def test_what_no_archive_shows_is_not_found(line: Path, tmp_path: Path) -> None:
    """A run that is missing, or a camera, does not make the score better."""
    known = sheet(
        tmp_path / "parts.csv", "name,expected,camera,session,part",
        [("a", "good", "cam-1", "s", 0), ("b", "bad", "cam-1", "s9", 7), ("c", "bad", "cam-9", "", 1)],
    )  # fmt: skip
    assert called(parts(known), [line], []).calls == {
        "the line": {"a": ["good"], "b": ["not found"], "c": ["not found"]}
    }


def test_inspectors_stand_beside_the_line(line: Path, known: Path, tmp_path: Path) -> None:
    """How the line agrees with people is told like how people agree with one another."""
    rows = [
        (who, f"p{n}", 1, "good" if n < limit else "bad")
        for who, limit in (("Sato", 5), ("Mori", 6))
        for n in range(10)
    ]
    people = sheet(tmp_path / "said.csv", "appraiser,name,run,said", rows)
    _, out, _ = told(known, line, "--inspectors", people)
    assert "Agreement between appraisers: Cohen's kappa the line Sato Mori" in out
    assert out.count("≤ 2.0%") == 1  # the limits are the line's


def test_the_study_of_aiag_comes_out_as_published(tmp_path: Path) -> None:
    """From two files to the table; without a line, the inspectors are held to the limits."""
    known = sheet(tmp_path / "parts.csv", "name,expected", TRUTH.items())
    rows = [(w, p, n, said) for w, c in AIAG.calls.items() for p, calls in c.items() for n, said in enumerate(calls, 1)]
    people = sheet(tmp_path / "said.csv", "appraiser,name,run,said", rows)
    status, out, _ = told(known, "--inspectors", people)
    assert status == 1
    assert "50 parts: 34 good, 16 bad" in out
    assert "A 0.86 0.78 B 0.86 0.79 C 0.78 0.79" in out
    assert "all right every time 39 of 50" in out
    assert "B, 3 runs bad parts let go 6.2% 3/48" in out
    assert "right every time 90.0% 45/50 78.2 … 96.7% ≥ 90.0% unproven" in out


def test_a_list_to_fill_in(line: Path, tmp_path: Path) -> None:
    """Every part of the archive has its row; filled in, it is read back; it is never written over."""
    blank = tmp_path / "blank.csv"
    assert told("--blank", blank, line)[0] == 0
    rows = [*csv.DictReader(blank.read_text(encoding="utf-8").splitlines())]
    assert [(row["name"], row["expected"], row["part"]) for row in rows] == [
        (f"cam-1/{n}", "", str(n)) for n in range(10)
    ]
    status, _, err = told("--blank", blank, line)
    assert status == 2
    assert "expected a new file, found one" in err
    filled = sheet(tmp_path / "f.csv", ",".join(rows[0]), [{**row, "expected": "good"}.values() for row in rows])
    assert parts(filled).showings[3] == Showing("cam-1/3", "cam-1", "s", 3)


def test_what_was_called_wrong_is_drawn(line: Path, known: Path, tmp_path: Path) -> None:
    """A picture of what there is to argue about."""
    pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")
    _, out, _ = told(known, line, "--sheet", tmp_path / "wrong.png")
    assert "drawn: " in out
    assert (tmp_path / "wrong.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name\na\n", r":1: expected columns 'name' and 'expected', found no 'expected'"),
        ("name,expected\na,goood\n", r":2: expected a name, and good or bad, got 'a' and 'goood'"),
        ("name,expected\na,no read\n", r":2: expected a name, and good or bad"),
        ("name,expected\na,good\na,bad\n", r":3: 'a' is bad here and good above"),
        ("name,expected,camera,part\na,good,c,one\n", r":2: part: expected a whole number, got 'one'"),
        ("name,expected\n", r"expected parts that are known, found none"),
        ("name,expected\na,goood\nb,baad\n", r":2: .*\n.*:3: "),
        (None, r"expected a CSV file in UTF-8: .*No such file"),
    ],
)
def test_a_list_that_is_wrong_says_where(text: str | None, wanted: str, tmp_path: Path) -> None:
    """Every fault at once, with its line."""
    path = tmp_path / "parts.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(KensaError, match=wanted):
        parts(path)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("Sato,z,1,good", ":2: expected a part that is known, got 'z'"),
        ("Sato,a,1,perhaps", ":2: expected appraiser, run (a number) and good or bad"),
        ("Sato,a,first,good", ":2: expected appraiser, run (a number) and good or bad"),
        ("Sato,a,1,good\nSato,a,1,bad", ":3: 'Sato' spoke of 'a' in run 1 before"),
    ],
)
def test_what_inspectors_cannot_have_said_is_told(row: str, wanted: str, tmp_path: Path) -> None:
    """With the line, before anything is counted."""
    known = sheet(tmp_path / "parts.csv", "name,expected", [("a", "good")])
    (tmp_path / "said.csv").write_text(f"appraiser,name,run,said\n{row}\n", encoding="utf-8")
    status, _, err = told(known, "--inspectors", tmp_path / "said.csv")
    assert status == 2
    assert wanted in err


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    """A byte order mark, blanks after commas, other words for good and bad, Japanese names."""
    path = tmp_path / "parts.csv"
    path.write_text("name, expected\nプレート1, OK\nプレート2, NG\n", encoding="utf-8-sig")
    assert parts(path).truth == {"プレート1": "good", "プレート2": "bad"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], "expected an archive, or what inspectors said"),
        (["ARCHIVE"], "expected columns camera and part, which say where each is in the archive"),
    ],
)
def test_nothing_to_look_into_is_told(words: list[str], wanted: str, line: Path, tmp_path: Path) -> None:
    """What is missing, and what to do."""
    known = sheet(tmp_path / "p.csv", "name,expected", [("a", "good")])
    status, _, err = told(known, *(line for _ in words))
    assert status == 2
    assert wanted in err


def test_parts_of_another_camera_are_told(line: Path, tmp_path: Path) -> None:
    """A list that fits no archive is a mistake, not a perfect score."""
    known = sheet(tmp_path / "p.csv", "name,expected,camera,part", [("a", "good", "cam-9", 1)])
    status, _, err = told(known, line)
    assert status == 2
    assert "expected parts that the archives show, found none; are camera and session right?" in err


@pytest.mark.parametrize("share", ["2 percent", "-1%", "120%", "nan"])
def test_a_share_that_is_none_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage says what was expected."""
    with pytest.raises(SystemExit):
        main(["challenge", "p.csv", f"--miss={share}"])
    assert "expected a share such as 2% or 0.02" in capsys.readouterr().err
