"""The page that the suite writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

from benchmarks.faults.fault import Fault, Result

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


def row(fault: Fault, transport: str, result: Result) -> str:
    """One line of the table."""
    a = result.account
    seconds = result.recoveries
    p95 = quantiles(seconds, n=20, method="inclusive")[18] if len(seconds) > 1 else max(seconds, default=0.0)
    numbers = (result.times, a.given, a.acknowledged, a.lost, a.unaccounted, a.told, a.resent)
    counts = " | ".join(f"{number:,}" for number in numbers)
    return f"| {fault.name} | {transport} | {counts} | {median(seconds or [0]):.2f} | {p95:.2f} |"


def write(rows: Sequence[str]) -> None:
    """Write the page."""
    PAGE.write_text(f"{datetime.now(UTC).date()}\n" + "\n".join(rows) + "\n", encoding="utf-8")
