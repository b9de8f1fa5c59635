"""Every fault, one after the other: a row as soon as it is known, a page at the end."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.faults import clocks, disks, kills, network, peers, stops, strangers, torn, webhooks
from benchmarks.faults.fault import Fault, Result, suffer
from benchmarks.faults.oracle import Account
from benchmarks.faults.page import row, write

FAULTS: tuple[Fault, ...] = (
    *kills.FAULTS,
    *stops.FAULTS,
    *network.FAULTS,
    *peers.FAULTS,
    *disks.FAULTS,
    *webhooks.FAULTS,
    *strangers.FAULTS,
    *clocks.FAULTS,
)


def run(words: Sequence[str], times: int | None, seed: int, jobs: int) -> int:
    """Try what is asked for; returns the exit status."""
    rows, clean = [], True
    for name, transport, result in _results(words, times, seed, jobs):
        rows.append(row(name, transport, result))
        print(rows[-1], *result.account.faults, sep="\n    ", flush=True)
        clean = clean and result.account.clean
    if not words:
        write(rows, jobs)
    return int(not clean)


def tried(fault: Fault, transport: str, seed: int, times: int | None = None) -> Result:
    """A fault over one transport, as often as it wants or is wanted, in as many plants as that takes."""
    return summed(_plant([fault] * part.times, part) for part in parts(fault, transport, seed, times))


class Part(NamedTuple):
    """One plant of a row: which fault befalls it how often, over which edges, and where moments come from."""

    name: str
    transport: str
    times: int
    seed: str


def parts(fault: Fault, transport: str, seed: int, times: int | None) -> list[Part]:
    """The plants that a row takes."""
    whole = min(fault.times, times or fault.times)
    counts = [min(whole - first, fault.row) for first in range(0, whole, fault.row)]
    return [Part(fault.name, transport, n, f"{seed} {fault.name} {transport} {i}") for i, n in enumerate(counts)]


def summed(results: Iterable[Result]) -> Result:
    """Several plants as one."""
    account, times, recoveries = Account(), 0, tuple[float, ...]()
    for result in results:
        account, times = account.plus(result.account), times + result.times
        recoveries += result.recoveries
    return Result(account, times, recoveries)


def _plant(faults: Sequence[Fault], part: Part) -> Result:
    """One plant; what never happened that must is a fault like any other, and the suite goes on."""
    with tempfile.TemporaryDirectory(prefix="kf-", dir="/tmp") as folder:
        try:
            return suffer(faults, part.transport, Path(folder), Random(part.seed))
        except (TimeoutError, AssertionError, OSError, subprocess.SubprocessError) as error:
            return Result(Account(faults=(f"{type(error).__name__}: {error}",)), len(faults), ())


def _named(part: Part) -> Result:
    """One plant, in a process of its own: a fault is no message, its name is."""
    fault = next(fault for fault in FAULTS if fault.name == part.name)
    return _plant([fault] * part.times, part)


def _results(words: Sequence[str], times: int | None, seed: int, jobs: int) -> Iterator[tuple[str, str, Result]]:
    rows = [(fault, over) for fault in FAULTS for over in fault.transports if _asked(f"{fault.name} {over}", words)]
    pool = ProcessPoolExecutor(jobs)
    try:
        plants = [[pool.submit(_named, part) for part in parts(fault, over, seed, times)] for fault, over in rows]
        for (fault, over), futures in zip(rows, plants, strict=True):
            yield fault.name, over, summed(future.result() for future in futures)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, too
    for name, check in torn.CHECKS.items():
        if _asked(name, words):
            with tempfile.TemporaryDirectory(prefix="kf-") as folder:
                account, count = check(Path(folder), Random(seed), False)
            yield name, "file", Result(account, count, ())


def _asked(name: str, words: Sequence[str]) -> bool:
    return not words or any(word in name for word in words)
