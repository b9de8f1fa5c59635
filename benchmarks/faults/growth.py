"""What processes use, once a second: resident memory, file descriptors, threads; and whether it grows."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import NamedTuple

BIN = 60.0  # seconds that are averaged: neighbouring seconds know nothing new
WARM = 120.0  # seconds after its start in which a process still fills its caches
PAGE = os.sysconf("SC_PAGE_SIZE")


class Sample(NamedTuple):
    """One process at one moment.

    Attributes:
        name: Its name in the plan; `supervisor` for a host's command.
        pid: Which incarnation of it.
        at: Seconds since the soak began.
        rss: Resident memory, bytes.
        files: Open file descriptors.
        threads: Threads.
    """

    name: str
    pid: int
    at: float
    rss: float
    files: float
    threads: float


class Slope(NamedTuple):
    """How much a quantity grows per hour, with its 95 % confidence interval."""

    per_hour: float
    low: float
    high: float


def sample(processes: Mapping[str, int], at: float) -> list[Sample]:
    """What each process uses now; one that has just gone is left out."""
    found = []
    for name, pid in processes.items():
        with suppress(OSError, ValueError):
            resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
            files, threads = (sum(1 for _ in Path(f"/proc/{pid}/{kind}").iterdir()) for kind in ("fd", "task"))
            found.append(Sample(name, pid, at, resident, files, threads))
    return found


def slope(samples: Iterable[Sample], field: str) -> Slope:
    """The common slope of all incarnations of a process: each has a level of its own, none its first two minutes.

    The median of the slopes between all pairs of minutes of an incarnation, its interval from the variance of Kendall's
    statistic: one step, as where a file is opened once, is no growth, and stairs are. See R. M. Hirsch, J. R. Slack,
    R. A. Smith, *Techniques of trend analysis for monthly water quality data*, Water Resources Research 18 (1982),
    with an incarnation for a month.
    """
    runs: dict[int, list[Sample]] = defaultdict(list)
    for one in samples:
        runs[one.pid].append(one)
    minutes = [_minutes(run, field) for run in runs.values()]
    slopes = sorted((b - a) / (t - s) for run in minutes for (s, a), (t, b) in combinations(run, 2))
    variance = sum(n * (n - 1) * (2 * n + 5) / 18 for n in map(len, minutes))
    return _middle(slopes, 1.96 * math.sqrt(variance)) if slopes else Slope(math.nan, math.nan, math.nan)


def _minutes(run: Sequence[Sample], field: str) -> list[tuple[float, float]]:
    """(hours, mean) of each minute of an incarnation once it is warm."""
    bins: dict[int, list[float]] = defaultdict(list)
    for one in run:
        if one.at - run[0].at >= WARM:
            bins[int(one.at // BIN)].append(getattr(one, field))
    return [(number * BIN / 3600, sum(values) / len(values)) for number, values in sorted(bins.items())]


def _middle(slopes: Sequence[float], spread: float) -> Slope:
    """Their median, and those that lie half a spread of ranks below and above it."""
    count = len(slopes)
    low, high = (count - spread) / 2, (count + spread) / 2
    return Slope(median(slopes), slopes[max(0, math.floor(low))], slopes[min(count - 1, math.ceil(high))])
