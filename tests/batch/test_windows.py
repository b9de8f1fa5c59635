"""Windows: every moment has one, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch.windows import SECOND, Calendar, batches, known_zone, placed, shifts
from pipeline.errors import TableError

HOUR = 3600 * SECOND
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
CALENDARS = st.builds(Calendar, ZONES, st.sampled_from(["hour", "shift", "day"]))


def utc(text: str) -> int:
    """A moment, UTC nanoseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


@given(CALENDARS, st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_days_lie_side_by_side(calendar: Calendar, day: date) -> None:
    """No moment is lost and none is in two windows, also when the clocks change."""
    today, tomorrow = calendar.day(day), calendar.day(date.fromordinal(day.toordinal() + 1))
    windows = [*today, *tomorrow]
    assert all(one.end_ns == two.begin_ns for one, two in pairwise(windows))
    assert all(window.begin_ns < window.end_ns for window in windows)


@given(CALENDARS, st.integers(utc("2025-01-01"), utc("2028-01-01")), st.integers(0, 50 * HOUR))
def test_every_moment_has_one_window(calendar: Calendar, begin: int, long: int) -> None:
    """Over all days that are told of a stretch, both its ends lie in exactly one window."""
    days = calendar.days(begin, begin + long)
    for moment in (begin, begin + long):
        found = [placed(calendar.day(day), np.array([moment]))[0] for day in days]
        assert sum(place >= 0 for place in found) == 1


@given(CALENDARS, st.lists(st.integers(-3 * HOUR, 80 * HOUR), max_size=12), st.booleans())
def test_windows_are_those_of_each_moment_by_itself(calendar: Calendar, drawn: list[int], apart: bool) -> None:
    """In whatever order they come, and where windows lie apart."""
    days = [calendar.day(date(2026, 10, day)) for day in (24, 26 if apart else 25)]
    windows = [window for day in days for window in day]
    for moments in (drawn, sorted(drawn)):
        times = np.array(moments, np.int64) + windows[0].begin_ns
        found = placed(windows, times).tolist()
        assert found == [
            next((n for n, w in enumerate(windows) if w.begin_ns <= t < w.end_ns), -1) for t in times.tolist()
        ]


def test_an_hour_that_comes_twice_is_two_windows() -> None:
    """The end of summer time: 25 hours, and the two after 2 o'clock have names of their own; its begin: 23."""
    autumn = Calendar("Europe/Berlin").day(date(2026, 10, 25))
    names = [window.name for window in autumn]
    assert len(set(names)) == 25
    assert names[2:4] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]
    assert len(Calendar("Europe/Berlin").day(date(2026, 3, 29))) == 23


def test_shifts_are_of_the_clock_on_the_wall() -> None:
    """The night shift of the night in which clocks change is an hour longer; it belongs to the day it begins on."""
    found = Calendar("Europe/Berlin", "shift").day(date(2026, 10, 24))
    assert [(window.end_ns - window.begin_ns) // HOUR for window in found] == [8, 8, 9]
    assert found[-1].name == "2026-10-24T22:00+02:00"
    assert {window.date for window in found} == {date(2026, 10, 24)}


def test_a_shift_that_would_begin_in_no_time_begins_when_clocks_change() -> None:
    """02:30 is not there on the last Sunday of March in Berlin."""
    calendar = Calendar("Europe/Berlin", "shift", (time(2, 30), time(14)))
    first = calendar.day(date(2026, 3, 29))[0]
    assert first.begin_ns == utc("2026-03-29T01:30")
    assert calendar.day(date(2026, 3, 28))[-1].end_ns == first.begin_ns


def test_hours_of_a_zone_that_is_half_an_hour_off() -> None:
    """They begin when the clock on the wall does."""
    first = Calendar("Asia/Kolkata").day(date(2026, 11, 22))[0]
    assert (first.begin_ns, first.name) == (utc("2026-11-21T18:30"), "2026-11-22T00:00+05:30")


def test_batches_are_read_from_a_file(tmp_path: Path) -> None:
    """With or without an offset; time between two batches belongs to none."""
    path = tmp_path / "batches.csv"
    path.write_text("batch,begin,end\nB2,2026-11-22T10:00Z,2026-11-22T11:00Z\nB1,2026-11-22T09:00,2026-11-22T10:00\n")
    found = batches(path, "Europe/Berlin")
    calendar = Calendar("Europe/Berlin", "batch", batches=found)
    assert [window.name for window in calendar.day(date(2026, 11, 22))] == ["B1", "B2"]
    times = [utc(f"2026-11-22T{each}") for each in ("08:00", "08:59:59", "09:00", "10:00", "11:00")]
    assert placed(found, np.array(times)).tolist() == [0, 0, -1, 1, -1]


def test_what_is_no_calendar_is_refused(tmp_path: Path) -> None:
    """Each fault says what was expected and what was found."""
    with pytest.raises(TableError, match=r"expected times of day at which shifts begin, .* found '6'"):
        shifts("6")
    with pytest.raises(TableError, match="expected shifts that begin one after the other, found '14:00,06:00'"):
        shifts("14:00,06:00")
    with pytest.raises(TableError, match="expected the name of a time zone, as Europe/Berlin, found 'Berlin'"):
        known_zone("Berlin")
    path = tmp_path / "batches.csv"
    path.write_text("batch,begin,end\nB1,2026-11-22T09,2026-11-22T11\nB2,2026-11-22T10,2026-11-22T12\n")
    with pytest.raises(TableError, match="expected batches one after the other, found B2 to begin in B1"):
        batches(path, "UTC")
    for text, why in (("name;begin\n", "found name;begin"), ("batch,begin,end\nB1,9,10\n", "Invalid isoformat")):
        path.write_text(text)
        with pytest.raises(TableError, match=rf"expected a CSV file with columns batch, .* \(ISO 8601\): {why}"):
            batches(path, "UTC")
    assert shifts("06:00, 14:00") == (time(6), time(14))
