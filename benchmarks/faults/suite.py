"""Every fault, one after the other: a row as soon as it is known, a page at the end."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from benchmarks.faults import clocks, disks, kills, network, stops, strangers
from benchmarks.faults.fault import Fault, Result, suffer
from benchmarks.faults.oracle import Account
from benchmarks.faults.page import row, write

FAULTS: tuple[Fault, ...] = (
    *kills.FAULTS,
    *stops.FAULTS,
    *network.FAULTS,
    *disks.FAULTS,
    *strangers.FAULTS,
    *clocks.FAULTS,
)


def run(words: Sequence[str], times: int | None, seed: int) -> int:
    """Try what is asked for; returns the exit status."""
    rows, clean = [], True
    for fault, transport in _asked(words):
        result = tried(fault, transport, seed, times)
        rows.append(row(fault, transport, result))
        print(rows[-1], *result.account.faults, sep="\n    ", flush=True)
        clean = clean and result.account.clean
    if not words:
        write(rows)
    return int(not clean)


def tried(fault: Fault, transport: str, seed: int, times: int | None = None, *, short: bool = False) -> Result:
    """A fault over one transport, as often as it wants or is wanted, in as many plants as that takes."""
    left, random = min(fault.times, times or fault.times), Random(f"{seed} {fault.name} {transport}")
    results = []
    for _ in range(math.ceil(left / fault.row)):
        now = min(left, fault.row)
        left -= now
        with tempfile.TemporaryDirectory(prefix="kf-", dir="/tmp") as folder:
            results.append(suffer(fault, transport, Path(folder), random, times=now, short=short))
    account = Account()
    for result in results:
        account = account.plus(result.account)
    recoveries = tuple(seconds for result in results for seconds in result.recoveries)
    return Result(account, sum(result.times for result in results), recoveries)


def _asked(words: Sequence[str]) -> Iterator[tuple[Fault, str]]:
    for fault in FAULTS:
        for transport in fault.transports:
            if not words or any(word in f"{fault.name} {transport}" for word in words):
                yield fault, transport
