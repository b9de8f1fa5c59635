"""Stretches of a plant's time: hours, shifts, days and batches, in its time zone, through every change of clocks."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from pipeline.batch.tally import Ints
from pipeline.errors import TableError

SPANS = ("hour", "shift", "day", "batch")
SECOND = 10**9
DAY = timedelta(days=1)


class Window(Struct, frozen=True):
    """A stretch of time: from `begin_ns` to just before `end_ns`, UTC nanoseconds.

    Attributes:
        name: What people call it: when it begins, plant time with its offset from UTC, or the name of a batch.
        date: The day that it belongs to: when it begins, plant time.
    """

    begin_ns: int
    end_ns: int
    name: str
    date: date


class Calendar(Struct, frozen=True):
    """How a plant divides time.

    Attributes:
        zone: Name of its time zone, as `Europe/Berlin`.
        span: One of `SPANS`.
        shifts: When shifts begin, ascending, plant time; the last of a day lasts until the first of the next.
        batches: Batches, ascending, none over another; for the span `batch`.
    """

    zone: str = "UTC"
    span: str = "hour"
    shifts: tuple[time, ...] = (time(6), time(14), time(22))
    batches: tuple[Window, ...] = ()

    def day(self, day: date) -> tuple[Window, ...]:
        """The windows that begin on a day, plant time, ascending; days lie side by side."""
        if self.span == "batch":
            return tuple(batch for batch in self.batches if batch.date == day)
        edges = sorted({*_edges(self, day), _edges(self, day + DAY)[0]})
        return tuple(Window(begin, end, _said(begin, self.zone), day) for begin, end in pairwise(edges))

    def days(self, first_ns: int, last_ns: int) -> tuple[date, ...]:
        """The days on which the windows begin that hold anything of a stretch of time."""
        if self.span == "batch":
            return tuple(sorted({b.date for b in self.batches if b.begin_ns <= last_ns and b.end_ns > first_ns}))
        first = _local(first_ns, self.zone).date() - DAY
        asked = (first + DAY * n for n in range((_local(last_ns, self.zone).date() - first).days + 2))
        spans = ((day, self.day(day)) for day in asked)
        return tuple(day for day, w in spans if w[0].begin_ns <= last_ns and w[-1].end_ns > first_ns)


def placed(windows: Sequence[Window], times: Ints) -> Ints:
    """The window of each time, int64 (N,): its place in `windows`, which are ascending; -1 where there is none."""
    if not windows:
        return np.full(len(times), -1)
    begins, ends = (np.array([getattr(window, name) for window in windows]) for name in ("begin_ns", "end_ns"))
    if (times[1:] >= times[:-1]).all():  # as most files have them: few edges among them instead of all among edges
        edges = np.searchsorted(times, np.stack([begins, ends], axis=1).ravel())
        which = np.where(np.arange(len(edges) + 1) % 2 == 1, np.arange(len(edges) + 1) // 2, -1)
        return np.repeat(which, np.diff(edges, prepend=0, append=len(times)))
    found = np.searchsorted(begins, times, side="right") - 1
    return np.where((found >= 0) & (times < ends[found]), found, -1)


def shifts(text: str) -> tuple[time, ...]:
    """When shifts begin, of text such as `06:00,14:00,22:00`.

    Raises:
        TableError: If that is not a list of ascending times of day.
    """
    words = text.split(",")
    if not all(re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", word.strip()) for word in words):
        raise TableError(f"expected times of day at which shifts begin, as 06:00,14:00,22:00, found {text!r}")
    clock = [[int(part) for part in word.split(":")] for word in words]
    found = tuple(time(hour, minute) for hour, minute in clock)
    if sorted(set(found)) != [*found]:
        raise TableError(f"expected shifts that begin one after the other, found {text!r}")
    return found


def batches(path: Path, zone: str) -> tuple[Window, ...]:
    """The batches that a CSV file tells: columns `batch`, `begin` and `end`, ISO 8601; plant time where no offset is.

    Raises:
        TableError: If it cannot be read so, or two batches lie over each other.
    """
    try:
        found = sorted((_batch(row, zone) for row in _rows(path)), key=lambda batch: batch.begin_ns)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise TableError(f"{path}: expected a CSV file with columns batch, begin, end (ISO 8601): {error}") from error
    for one, two in pairwise(found):
        if two.begin_ns < one.end_ns:
            raise TableError(f"{path}: expected batches one after the other, found {two.name} to begin in {one.name}")
    return tuple(found)


def known_zone(name: str) -> str:
    """The name of a time zone, as given.

    Raises:
        TableError: If nobody knows it.
    """
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError) as error:
        raise TableError(f"expected the name of a time zone, as Europe/Berlin, found {name!r}") from error


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not {"batch", "begin", "end"} <= {*(reader.fieldnames or ())}:
            raise ValueError(f"found {', '.join(reader.fieldnames or ['nothing'])}")
        return [*reader]


def _batch(row: dict[str, str], zone: str) -> Window:
    begin, end = (_instant(datetime.fromisoformat(row[name]), zone) for name in ("begin", "end"))
    if end <= begin:
        raise ValueError(f"{row['batch']} ends before it begins")
    return Window(begin, end, row["batch"], _local(begin, zone).date())


def _edges(calendar: Calendar, day: date) -> list[int]:
    """When the windows of a day begin; the first is also when the day before ends."""
    if calendar.span == "shift":
        return _instants(day, calendar.shifts, calendar.zone)
    midnight, next_one = (_instants(each, [time(0)], calendar.zone)[0] for each in (day, day + DAY))
    if calendar.span == "day":
        return [midnight]
    # Hours are those of the clock on the wall: where it is half an hour off UTC, so are they. An hour that comes twice
    # is two windows.
    return [*range(midnight, next_one, 3600 * SECOND)]


def _instants(day: date, times: Iterable[time], zone: str) -> list[int]:
    """Times of a day as UTC nanoseconds; one that the change of clocks leaves out is when the clocks change."""
    return [_instant(datetime.combine(day, each), zone) for each in times]


def _instant(told: datetime, zone: str) -> int:
    local = told if told.tzinfo else told.replace(tzinfo=ZoneInfo(zone))
    return round(local.astimezone(UTC).timestamp()) * SECOND


def _local(t_ns: int, zone: str) -> datetime:
    return datetime.fromtimestamp(t_ns // SECOND, ZoneInfo(zone))


def _said(begin_ns: int, zone: str) -> str:
    return _local(begin_ns, zone).isoformat(timespec="minutes")
