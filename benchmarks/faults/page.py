"""The pages that the suite and the soak write."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from benchmarks.faults.fault import Result
from benchmarks.faults.growth import slope

if TYPE_CHECKING:
    from benchmarks.faults.soak import Soak

DOCS = Path(__file__).resolve().parents[2] / "docs"
FAULTS = """\
# Faults

Written by `make faults` on {day}: {machine}, on which {jobs} lines ran side by side. A line of four cameras at
30 frames/s (source → clean │ measure → track → rules │ archive │ alarms │ a witness; a bar cuts processes apart) is
broken while it runs, then stopped and judged; over *ipc* on one host, over *tcp* with the cameras on one host and the
sinks on another, with keys unless it says otherwise. `benchmarks/faults/` does it.

Every camera writes the number of a frame into a journal of its own before it hands the frame over: that is **given**.
**Acknowledged** are the records that the ledgers call delivered (done by the archive or by alarms) or spilled.
**Lost** is whatever was readable once, in the archive, the file of events or a spool, and is not at the end, what the
ledgers call delivered and the archive has not, and events that neither reached their webhook nor were set aside.
**Unaccounted** are frames that are neither readable nor in a gap of the archive nor in a NO_READ verdict about a gap.
Both have to be 0, and no part may be called good of which frames are missing. **Told** are frames that were never
acknowledged, and that the archive says are missing. **Duplicated** are records that travelled on a wire again; readers
see each once. **Recovery** is from the kill, or from the end of the harm, to the first new record of all four cameras
at a sink; of the archive, whose batches close after 5 s, to its next file; of a webhook to its next event.
Of the rows *mqtt*, *webhook*, *modbus* and *gate* the line has those sinks as well; their consumers must have every
verdict of the archive, under numbers without a hole, and none that neither it nor another has; each part at the
gate must get what its verdict asks for.
Rows of a *file* have no line: each of a file's bytes is tried, and what is still whole has to be read.

| fault | edges | times | given | acknowledged | lost | unaccounted | told | duplicated on the wire | recovery p50, s \
| p95, s | |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|
"""
SOAK = """\
# Soak

Written by `make soak` on {day}: {machine}. A line of four cameras at {rate:g} frames/s over {transport} ran for
{hours:.2g} h; through its first half one of its processes was killed (SIGKILL) or stopped for {held:g} s each
{low:g} to {high:g} s.
A day of it: `make soak TIME=24h`. The words are those of [faults.md](faults.md).

| kills and stops | given | acknowledged | lost | unaccounted | told | resent |
|---:|---:|---:|---:|---:|---:|---:|
| {counts} |

Growth is that of the second half, in which nothing was struck: the median of the slopes between all pairs of minutes,
the first two left out, with the 95 % confidence interval (Hirsch, Slack, Smith 1982).

| process | RSS, MB | RSS, MB/h | files, 1/h | threads, 1/h |
|---|---:|---:|---:|---:|
{growth}
"""


def row(name: str, transport: str, result: Result) -> str:
    """One line of the table of faults."""
    a, seconds = result.account, result.recoveries
    numbers = (result.times, a.given, a.acknowledged, a.lost, a.unaccounted, a.told, a.resent)
    p95 = quantiles(seconds, n=20, method="inclusive")[18] if len(seconds) > 1 else max(seconds, default=0.0)
    took = f"{median(seconds):.2f} | {p95:.2f}" if seconds else " | "
    return f"| {name} | {transport} | {_counts(numbers)} | {took} | {'' if a.clean else '**fault**'} |"


def write(rows: Sequence[str], jobs: int) -> None:
    """Write the page of faults, for which so many plants ran at a time."""
    page = FAULTS.format(day=datetime.now(UTC).date(), machine=machine(), jobs=jobs) + "".join(
        f"{row}\n" for row in rows
    )
    (DOCS / "faults.md").write_text(page, encoding="utf-8")


def soaked(soak: Soak) -> None:
    """Write the page of the soak."""
    from benchmarks.faults.soak import EVERY, HELD

    a = soak.account
    counts = _counts((soak.strikes, a.given, a.acknowledged, a.lost, a.unaccounted, a.told, a.resent))
    said = {"day": datetime.now(UTC).date(), "machine": machine(), "counts": counts, "growth": growth(soak)}
    page = SOAK.format(**said, **soak._asdict(), low=EVERY[0], high=EVERY[1], held=HELD)
    (DOCS / "soak.md").write_text(page, encoding="utf-8")


def growth(soak: Soak) -> str:
    """A line per process: how much it holds at the end, and how that grew while nothing was struck."""
    from benchmarks.faults.soak import STRUCK

    lines, since = [], soak.hours * 3600 * STRUCK
    for name in dict.fromkeys(one.name for one in soak.samples):
        mine = [one for one in soak.samples if one.name == name and one.at >= since]
        rss, files, threads = (slope(mine, field) for field in ("rss", "files", "threads"))
        held = median(one.rss for one in mine[-60:]) / 1e6
        grows = f"{rss.per_hour / 1e6:+.2f} ({rss.low / 1e6:+.2f}…{rss.high / 1e6:+.2f})"
        lines.append(f"| {name} | {held:.1f} | {grows} | {files.per_hour:+.2f} | {threads.per_hour:+.2f} |")
    return "\n".join(lines)


def machine() -> str:
    """What this runs on."""
    about = f"{os.cpu_count()} cores of {platform.machine()}, Linux {platform.release().split('-')[0]}"
    return f"{about}, Python {platform.python_version()}"


def _counts(numbers: Sequence[int]) -> str:
    return " | ".join(f"{number:,}" for number in numbers)
