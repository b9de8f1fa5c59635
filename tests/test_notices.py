"""Notices are states: raised, counted, settled, and sounded once by the supervisor."""

from __future__ import annotations

from pathlib import Path

from pipeline.notices import MOST, Board
from pipeline.runtime.alarms import Alarms
from pipeline.runtime.journal import Journal


def test_raised_again_it_is_counted_and_settled_it_is_over() -> None:
    """One key is one notice, however often it is raised."""
    board = Board()
    board.raise_("disk", "the disk is full")
    board.raise_("disk", "the disk is still full")
    (notice,) = board.read()
    assert (notice.text, notice.count) == ("the disk is still full", 2)
    board.settle("disk")
    assert board.read() == ()


def test_a_flood_of_notices_is_bounded_and_counted() -> None:
    """A report holds only so many."""
    board = Board()
    for number in range(MOST + 3):
        board.raise_(str(number), "…")
    assert (len(board.read()), board.missed) == (MOST, 3)


def test_an_alarm_sounds_once_per_notice(tmp_path: Path) -> None:
    """Reports repeat what is so; the alarm does not. What is over may sound again."""
    board, journal = Board(), Journal(tmp_path / "log", "line", "host")
    alarms = Alarms(journal)
    board.raise_("disk", "the disk is full")
    alarms.hear("archive", board.read())
    alarms.hear("archive", board.read())
    assert [alarm.text for alarm in alarms.newest] == ["the disk is full"]
    board.settle("disk")
    alarms.hear("archive", board.read())
    assert alarms.notices == ()
    board.raise_("disk", "the disk is full")
    alarms.hear("archive", board.read())
    assert len(alarms.newest) == 2
    journal.close()
