"""Alarm books: what one says is held at its place, with what was expected and what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.alarming.book import AlarmBookError, open_alarms
from pipeline.cli import main
from tests.nodes.alarming import BOOK, book

WHY = "    cause: c\n    consequence: q\n    action: a\n    priority: low\n"


def refused(tmp_path: Path, text: str) -> list[str]:
    """The first line of each fault, without the file."""
    path = tmp_path / "book.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AlarmBookError) as error:
        open_alarms(str(path))
    return [line.removeprefix(f"{path}:") for line in str(error.value).splitlines() if line.startswith(f"{path}:")]


def one(when: str, more: str = "") -> str:
    """A book of one alarm."""
    return f"alarms:\n  a:\n    when: {when}\n{WHY}{more}"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["1:1: expected `alarms`, got something else"]),
        ("alarms: {}", ["1:9: alarms: expected at least one alarm, got none"]),
        (one("{}"), ["3:11: when: expected one of row, rate, stalled, gaps, disk, clock, drift and notice, got none"]),
        (
            one("{row: 3, disk: 0.9}"),
            ["3:11: when: expected one of row, rate, stalled, gaps, disk, clock, drift and notice, got row and disk"],
        ),
        (one("{row: 3, of: 5}"), ["3:24: of: belongs to rate, and this alarm is about row"]),
        (one("{clock: 2, reason: HOLE}"), ["3:30: reason: belongs to row or rate, and this alarm is about clock"]),
        (
            one("{stalled: 2, deadband: 1}"),
            ["3:34: deadband: belongs to rate, gaps, disk or clock, and this alarm is about stalled"],
        ),
        (
            one("{rate: 0.2, deadband: 0.2}"),
            ["3:33: deadband: expected less than rate, 0.2: else it is never over; got 0.2"],
        ),
        (one("{rate: 20}"), ["3:18: rate: expected more than 0 and at most 1, got 20"]),
        (one("{row: 3}", "    suppressed_by: [b]\n"), ["8:21: expected another alarm of this book, got 'b'"]),
        (one("{row: 3}", "    suppressed_by: [a]\n"), ["8:21: expected another alarm of this book, got 'a'"]),
        (one("{gaps: 0.1}", "    per: line\n"), ["8:10: per: expected 'camera', for gaps is about one, got 'line'"]),
        (
            one("{row: 3}", '    link: "http://x/{frame}"\n'),
            ["8:11: link: expected camera, session, seq, part, event, alarm in braces, got 'frame'"],
        ),
        (
            one("{row: 3}", '    link: "http://x/{camera"\n'),
            ["8:11: link: expected names in braces, such as {camera}: expected '}' before end of string"],
        ),
        (
            'link: "http://x/{frame}"\n' + one("{row: 3}"),
            ["1:7: link: expected camera, session, seq, part, event, alarm in braces, got 'frame'"],
        ),
        (
            one("{row: 3}").replace("  a:", "  flood:"),
            ["2:3: 'flood' is the alarm that a flood raises; give this one another name"],
        ),
        (one("{row: 3}").replace("    cause: c\n", ""), ["3:5: missing field 'cause': expected text"]),
        (
            one("{row: 3}").replace("priority: low", "priority: urgent"),
            ["7:15: priority: expected 'critical', 'high', 'low' or 'medium', got 'urgent'"],
        ),
        (one("{row: 3}").replace("  a:", "  A b:"), ["2:3: expected lower-case letters, digits and dashes, got 'A b'"]),
    ],
)  # fmt: skip
def test_every_fault_is_told_at_its_place(tmp_path: Path, text: str, faults: list[str]) -> None:
    """File, line, column; what was expected and what was found."""
    assert refused(tmp_path, text) == faults


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """Nobody corrects a book line by line."""
    assert len(refused(tmp_path, one("{row: 0}", "    per: part\n    ondelay: 3\n"))) == 3


def test_a_book_is_known_by_its_words(tmp_path: Path) -> None:
    """Its name is the file's; its version changes with any word."""
    first, other = book(tmp_path), book(tmp_path, BOOK + "# more\n")
    assert (first.name, len(first.version)) == ("alarms", 12)
    assert first.version != other.version


def test_a_topology_tells_the_faults_of_its_alarm_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it does those of its rule book: before the line runs."""
    (tmp_path / "alarms.yaml").write_text(one("{row: 3, of: 5}"))
    (tmp_path / "line.yaml").write_text(
        "line: {plant: p, line: l}\nhosts: {h: {cameras: [c]}}\nnodes:\n"
        '  camera: {use: "tests.actors:ticking"}\n  judge: {use: "tests.actors:failing", from: camera}\n'
        "  alarms: {from: judge, with: {path: told.jsonl, book: alarms.yaml}}\n"
    )
    assert main(["check", str(tmp_path / "line.yaml")]) != 0
    assert f"{tmp_path / 'alarms.yaml'}:3:24: of: belongs to rate" in "".join(capsys.readouterr())
