"""Times as OPC UA has them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(t_ns: int) -> datetime:
    """A time, ns since the Unix epoch; OPC UA knows µs."""
    return datetime.fromtimestamp(t_ns // 1000 / 1e6, UTC)
