"""Every fault, one after the other: a row as soon as it is known, a page at the end."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from benchmarks.faults import clocks, disks, kills, network, peers, stops, strangers, torn
from benchmarks.faults.fault import Fault, Result, suffer
from benchmarks.faults.oracle import Account
from benchmarks.faults.page import row, write

FAULTS: tuple[Fault, ...] = (
    *kills.FAULTS,
    *stops.FAULTS,
    *network.FAULTS,
    *peers.FAULTS,
    *disks.FAULTS,
    *strangers.FAULTS,
    *clocks.FAULTS,
)


def run(words: Sequence[str], times: int | None, seed: int) -> int:
    """Try what is asked for; returns the exit status."""
    rows, clean = [], True
    for name, transport, result in _results(words, times, seed):
        rows.append(row(name, transport, result))
        print(rows[-1], *result.account.faults, sep="\n    ", flush=True)
        clean = clean and result.account.clean
    if not words:
        write(rows)
    return int(not clean)


def tried(fault: Fault, transport: str, seed: int, times: int | None = None) -> Result:
    """A fault over one transport, as often as it wants or is wanted, in as many plants as that takes."""
    left, random = min(fault.times, times or fault.times), Random(f"{seed} {fault.name} {transport}")
    results = []
    while left > 0:
        results.append(_plant([fault] * min(left, fault.row), transport, random))
        left -= fault.row
    account = Account()
    for result in results:
        account = account.plus(result.account)
    recoveries = tuple(seconds for result in results for seconds in result.recoveries)
    return Result(account, sum(result.times for result in results), recoveries)


def _plant(faults: Sequence[Fault], transport: str, random: Random) -> Result:
    """One plant; what never happened that must is a fault like any other, and the suite goes on."""
    with tempfile.TemporaryDirectory(prefix="kf-", dir="/tmp") as folder:
        try:
            return suffer(faults, transport, Path(folder), random)
        except (TimeoutError, AssertionError, OSError, subprocess.SubprocessError) as error:
            return Result(Account(faults=(f"{type(error).__name__}: {error}",)), len(faults), ())


def _results(words: Sequence[str], times: int | None, seed: int) -> Iterator[tuple[str, str, Result]]:
    for fault in FAULTS:
        for transport in fault.transports:
            if _asked(f"{fault.name} {transport}", words):
                yield fault.name, transport, tried(fault, transport, seed, times)
    for name, check in torn.CHECKS.items():
        if _asked(name, words):
            with tempfile.TemporaryDirectory(prefix="kf-") as folder:
                account, count = check(Path(folder), Random(seed), False)
            yield name, "file", Result(account, count, ())


def _asked(name: str, words: Sequence[str]) -> bool:
    return not words or any(word in name for word in words)
