"""Times as OPC UA has them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(t_ns: int) -> datetime:
    """A time, ns since the Unix epoch; OPC UA knows µs."""
    return datetime.fromtimestamp(t_ns // 1000 / 1e6, UTC)


def moment(iso: str) -> int:
    """The time that an event tells, ISO 8601, as ns since the Unix epoch; 0 where it tells none."""
    return round(datetime.fromisoformat(iso).timestamp() * 1e6) * 1000 if iso else 0
