"""What a screen counts: shifts, batches, the trend and its limits; every verdict once, also after a kill."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.screen.kept import Memory
from nodes.screen.rejects import Rejects
from nodes.screen.shifts import shift, zoned
from nodes.screen.tally import HEARD, WINDOWS, Kept, Tally, Window, open_tally, total
from nodes.screen.trend import chart, rare
from pipeline.batch import spc
from pipeline.notices import board
from tests.conftest import ROOT
from tests.nodes.alarming import NOON, S
from tests.screen import killing
from tests.screen.scenes import SHORT, STARTS, verdict

BERLIN = ZoneInfo("Europe/Berlin")


def ns(text: str) -> int:
    """A moment of Berlin, ns."""
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()) * S


def tally(kept: Kept | None = None, every: float = 10.0) -> Tally:
    """One that begins in an afternoon, UTC."""
    return open_tally(kept or Kept(), STARTS, zoned("UTC"), every, lambda: NOON)


@pytest.mark.parametrize(
    ("at", "name", "hours"),
    [
        ("2026-11-26T06:00", "06:00-14:00", 8),
        ("2026-11-26T05:59", "22:00-06:00", 8),
        ("2026-11-26T23:00", "22:00-06:00", 8),
        ("2026-03-28T23:00", "22:00-06:00", 7),  # clocks go forward in that night
        ("2026-10-24T23:00", "22:00-06:00", 9),  # and back in this one
    ],
)
def test_a_moment_is_in_a_shift(at: str, name: str, hours: int) -> None:
    """By the clock of the plant, over midnight and over the nights in which clocks are set."""
    found = shift(ns(at), STARTS, BERLIN)
    assert found.name == name
    assert found.end_ns - found.begin_ns == hours * 3600 * S


@given(
    t=st.integers(0, 4_000_000_000),
    starts=st.sets(st.tuples(st.integers(0, 23), st.integers(0, 59)), min_size=1, max_size=5),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", ""]),
)
def test_shifts_leave_no_moment_out(t: int, starts: set[tuple[int, int]], zone: str) -> None:
    """Each moment is in one shift, and the next one begins where that ends."""
    named = tuple(f"{hour:02}:{minute:02}" for hour, minute in sorted(starts))
    found = shift(t * S, named, zoned(zone))
    assert found.begin_ns <= t * S < found.end_ns
    assert shift(found.end_ns, named, zoned(zone)).begin_ns == found.end_ns
    assert shift(found.end_ns - 1, named, zoned(zone)) == found


def test_a_zone_that_nobody_knows_is_refused() -> None:
    """With an example of one that is known."""
    with pytest.raises(ValueError, match="expected a time zone such as Europe/Berlin or Asia/Tokyo, got 'Berlin'"):
        zoned("Berlin")


def test_verdicts_are_counted_by_camera_outcome_and_reason() -> None:
    """A reject without a reason is counted as such; a PASS has none."""
    counted = tally()
    for record in (verdict(1), verdict(2, finding=SHORT), verdict(3, "PASS"), verdict(4, "NO_READ", "cam-2")):
        assert counted.add(record)
    now = counted.kept.shift
    assert now.outcomes == {"cam-1": {"FAIL": 2, "PASS": 1}, "cam-2": {"NO_READ": 1}}
    assert now.reasons == {"cam-1": {"FAIL": {"HOLE": 1, "SHORT": 1}}, "cam-2": {"NO_READ": {"": 1}}}
    assert total(now.outcomes) == {"FAIL": 2, "PASS": 1, "NO_READ": 1}
    assert counted.kept.batch.outcomes == now.outcomes


def test_a_verdict_that_comes_again_counts_once() -> None:
    """After a crash records come again, also to a screen that was started anew."""
    counted = tally()
    assert [counted.add(verdict(1)), counted.add(verdict(1))] == [True, False]
    again = tally(counted.whole())
    assert not again.add(verdict(1))
    for number in range(2, HEARD + 10):
        counted.add(verdict(number, "PASS"))
    assert len(counted.whole().heard) == HEARD


def test_a_shift_turns_and_what_is_late_is_counted_in_the_one_before() -> None:
    """At 22:00 counts begin anew; the last shift's stay."""
    counted = tally()
    counted.add(verdict(1))
    assert not counted.turn(NOON + 21599 * S)
    assert counted.turn(NOON + 21600 * S)
    assert counted.kept.shift.name == "22:00-06:00"
    counted.add(verdict(21599, "PASS"))
    counted.add(verdict(21601, "PASS"))
    assert counted.kept.before.outcomes == {"cam-1": {"FAIL": 1, "PASS": 1}}
    assert counted.kept.shift.outcomes == {"cam-1": {"PASS": 1}}


def test_a_batch_begins_when_somebody_says_so() -> None:
    """With its name and who began it; the shift goes on."""
    counted = tally()
    counted.add(verdict(1))
    counted.begin("lot 7", "anna", NOON + 2 * S)
    counted.add(verdict(3))
    batch = counted.kept.batch
    assert (batch.name, batch.by, batch.outcomes) == ("lot 7", "anna", {"cam-1": {"FAIL": 1}})
    assert counted.kept.shift.outcomes == {"cam-1": {"FAIL": 2}}


def test_windows_of_the_trend_are_bounded() -> None:
    """The oldest go."""
    counted = tally()
    for number in range(0, 10 * (WINDOWS + 5), 10):
        counted.add(verdict(number))
    assert len(counted.kept.windows) == WINDOWS


def windows(counts: list[tuple[int, int]], rules: str = "plate 1") -> list[Window]:
    """One per (verdicts, FAIL), ten seconds each."""
    return [
        Window(begin_ns=NOON + 10 * place * S, rules={"cam-1": rules}, counts={"cam-1": each})
        for place, each in enumerate(counts)
    ]


def test_limits_are_those_of_the_report() -> None:
    """A p-chart as `pipeline.batch.spc` has it; the window that is open is held against it and makes no limits."""
    import numpy as np

    counts = [(400, 40), (400, 44), (380, 36), (400, 41), (410, 39), (400, 150)]
    points = chart(windows(counts))
    of, hits = np.array(counts, float).T
    known = spc.p(hits, of, np.array([True] * 5 + [False]))
    for point, center, low, high in zip(points, known.center, known.low, known.high, strict=True):
        assert (point.center, point.low, point.high) == pytest.approx((center, low, high))
    assert [point.open for point in points] == [False] * 5 + [True]
    assert points[5].high is not None
    assert points[5].fails / points[5].n > points[5].high


def test_where_few_are_expected_the_limit_is_by_poissons_law() -> None:
    """The same quantile as in reports."""
    special = pytest.importorskip("scipy.special")
    for tenths in range(1, 250):
        expected = tenths / 10
        limit = rare(expected)
        assert special.pdtr(limit, expected) >= 1 - 0.00135
        assert special.pdtr(limit - 1, expected) < 1 - 0.00135
    assert (rare(0.001), rare(0.0), rare(25.0)) == (0, 0, 0)


def test_few_points_have_no_limits_and_other_rules_begin_anew() -> None:
    """Limits from fewer than five points say nothing; a new version of the rules is another process."""
    points = chart([*windows([(100, 2)] * 6, "plate 1"), *windows([(100, 30)] * 3, "plate 2")])
    assert [point.center is not None for point in points] == [True] * 6 + [False] * 3
    assert [point.begins for point in points] == [False] * 6 + [True, False, False]


def test_a_camera_has_a_chart_of_its_own() -> None:
    """And a window without any verdict of it is no point."""
    two = [
        Window(begin_ns=NOON, counts={"cam-1": (10, 1), "cam-2": (10, 5)}),
        Window(begin_ns=NOON + S, counts={"cam-1": (4, 0)}),
    ]
    assert [(point.n, point.fails) for point in chart(two)] == [(20, 6), (4, 0)]
    assert [(point.n, point.fails) for point in chart(two, "cam-2")] == [(10, 5)]


def kept_in(path: Path) -> Kept:
    """What a screen that begins there finds."""
    memory = Memory(path)
    found = memory.counted()
    memory.close()
    return found


def test_counts_outlive_a_kill_and_a_torn_file_begins_anew(tmp_path: Path) -> None:
    """What is read is what was written, or nothing."""
    path, counted = tmp_path / "deep" / "screen", tally()
    memory = Memory(path)
    assert memory.counted() == Kept()
    counted.add(verdict(1))
    memory.keep(memory.changes(counted, Rejects(8)))
    counted.add(verdict(2))
    memory.keep(memory.changes(counted, Rejects(8)))
    assert kept_in(path) == counted.whole()
    memory.close()
    whole = path.read_bytes()
    place = whole.index(b"outcomes")
    for damaged in (whole[:-1], whole[:20] + b"x" + whole[21:], whole[:place] + b"x" + whole[place + 1 :], b""):
        path.write_bytes(damaged)
        assert kept_in(path) == Kept()


def test_what_was_heard_is_bounded_on_the_disk_too(tmp_path: Path) -> None:
    """A verdict that is as old as that comes no more."""
    counted, memory = tally(), Memory(tmp_path / "screen")
    for begin in range(0, 2 * HEARD, HEARD // 2):
        for number in range(begin, begin + HEARD // 2):
            counted.add(verdict(number, "PASS"))
        memory.keep(memory.changes(counted, Rejects(8)))
    assert kept_in(tmp_path / "screen").heard == counted.whole().heard
    assert len(counted.whole().heard) == HEARD


def test_a_disk_that_refuses_is_told_and_holds_nothing_up(tmp_path: Path) -> None:
    """Counting goes on; the notice ends when the disk takes it again, and nothing of it is missing then."""
    (tmp_path / "taken").write_text("a file where a folder should be")
    memory, counted = Memory(tmp_path / "taken" / "screen"), tally()
    counted.add(verdict(1))
    memory.keep(memory.changes(counted, Rejects(8)))
    (notice,) = board.read()
    assert notice.text == (
        f"screen cannot keep its counts in {tmp_path}/taken/screen: File exists; after a restart they begin anew"
    )
    (tmp_path / "taken").unlink()
    counted.add(verdict(2))
    memory.keep(memory.changes(counted, Rejects(8)))
    assert board.read() == ()
    memory.close()
    found = kept_in(tmp_path / "taken" / "screen")
    assert datetime.fromtimestamp(found.shift.begin_ns / S, UTC).hour == 14
    assert found == counted.whole()


def test_killed_at_each_write_it_counts_every_verdict_once(tmp_path: Path) -> None:
    """Nothing is lost and nothing made up: counts, rejects with what was seen of them, batch and trend are the same."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.screen.killing", tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rejects = Rejects(killing.KEPT)
    counted = Memory(tmp_path / "whole" / "screen").counted()
    Memory(tmp_path / "whole" / "screen").recall(rejects)
    assert total(counted.shift.outcomes) == {"FAIL": 11, "PASS": 2, "NO_READ": 1, "WARN": 1}
    assert total(counted.batch.outcomes) == {"FAIL": 10, "PASS": 1, "WARN": 1}
    assert [shown.record is None for _, shown in rejects] == [False] * (killing.KEPT + 1)
    killed = sorted(tmp_path.glob("[0-9]*"))
    assert len(killed) > 80
    for folder in killed:
        again = Rejects(killing.KEPT)
        Memory(folder / "screen").recall(again)
        assert Memory(folder / "screen").counted() == counted, folder.name
        assert [*again] == [*rejects], folder.name
