"""What processes use, once a second: resident memory, file descriptors, threads; and whether it grows."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
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
    """How much a quantity grows per hour, and half the width of its 95 % confidence interval."""

    per_hour: float
    margin: float


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

    Least squares of minute means with a fixed effect per incarnation.
    """
    runs: dict[int, list[Sample]] = defaultdict(list)
    for one in samples:
        runs[one.pid].append(one)
    centred = [pair for run in runs.values() for pair in _centred(_minutes(run, field))]
    return _fit(centred, groups=sum(1 for run in runs.values() if len(_minutes(run, field)) > 1))


def _minutes(run: Sequence[Sample], field: str) -> list[tuple[float, float]]:
    """(hours, mean) of each minute of an incarnation once it is warm."""
    bins: dict[int, list[float]] = defaultdict(list)
    for one in run:
        if one.at - run[0].at >= WARM:
            bins[int(one.at // BIN)].append(getattr(one, field))
    return [(number * BIN / 3600, sum(values) / len(values)) for number, values in sorted(bins.items())]


def _centred(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) < 2:
        return []
    x, y = (sum(side) / len(points) for side in zip(*points, strict=True))
    return [(a - x, b - y) for a, b in points]


def _fit(points: Sequence[tuple[float, float]], groups: int) -> Slope:
    spread = sum(x * x for x, _ in points)
    free = len(points) - groups - 1
    if not spread or free < 1:
        return Slope(math.nan, math.nan)
    steep = sum(x * y for x, y in points) / spread
    rest = sum((y - steep * x) ** 2 for x, y in points) / free
    return Slope(steep, 1.96 * math.sqrt(rest / spread))
