"""Which shift a moment is in. Pure: the zone's rules are all that it looks up."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

SECOND = 1_000_000_000

Start = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="a time of day: '06:00'")]


class Shift(Struct, frozen=True):
    """A shift.

    Attributes:
        begin_ns: When it begins, UTC, ns.
        end_ns: When the next one begins.
        name: What people call it: `06:00-14:00`, by the clock of the plant.
    """

    begin_ns: int
    end_ns: int
    name: str


def shift(t_ns: int, starts: tuple[str, ...], zone: tzinfo) -> Shift:
    """The shift that a moment is in.

    Where the clock of the plant is set forward or back, a shift is an hour shorter or longer, and none is left out.

    Args:
        t_ns: The moment, UTC, ns.
        starts: When shifts begin, one at least, in any order.
        zone: Of the plant.
    """
    today = datetime.fromtimestamp(t_ns // SECOND, UTC).astimezone(zone).date()
    days = [today + timedelta(days=away) for away in (-2, -1, 0, 1, 2)]
    begins = sorted({_moment(day, start, zone): start for day in days for start in starts}.items())
    place = max(place for place, (begin, _) in enumerate(begins) if begin <= t_ns)
    (begin, name), (end, after) = begins[place : place + 2]
    return Shift(begin, end, f"{name}-{after}")


def zoned(name: str) -> tzinfo:
    """A zone by its name; the host's own where there is none.

    Raises:
        ValueError: If nobody knows it.
    """
    if not name:
        return _Local()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"expected a time zone such as Europe/Berlin or Asia/Tokyo, got '{name}'") from error


def _moment(day: date, start: str, zone: tzinfo) -> int:
    there = datetime.combine(day, time.fromisoformat(start), zone)
    return round(there.timestamp()) * SECOND


class _Local(tzinfo):
    """The host's own zone, whatever its rules were on a day."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """How far it is ahead of UTC."""
        return when.replace(tzinfo=None).astimezone().utcoffset() if when else None

    def dst(self, _: datetime | None) -> timedelta | None:
        """Unknown, and of no interest here."""
        return None

    def tzname(self, when: datetime | None) -> str | None:
        """What it is called."""
        return when.replace(tzinfo=None).astimezone().tzname() if when else None

    def fromutc(self, when: datetime) -> datetime:
        """A moment of UTC by its clock."""
        return when.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)
