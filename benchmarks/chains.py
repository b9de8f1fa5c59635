"""Eight cameras, 30 records/s each, 9 KB a record, five stages: beside the same chain by hand, and beside dora."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import lines
from benchmarks.figure import ROUNDS, Figure, Limit, alternate, paired
from benchmarks.meter import Command, Reading, watch

Pairs = list[tuple[Reading, Reading]]

MANY = 9  # rounds where a thread that wakes on an idle machine decides: what that costs wavers with the neighbours
COST = "CPU per record, 8 cameras × 30/s × 9 KB, five stages"


def figures() -> Iterator[Figure]:
    """CPU at the pace of cameras, ages at the sink, and how much five processes carry.

    Five processes are measured twice: as they are where every record is wanted at once, and where each lets records
    gather for 20 ms (`queue: {linger: 0.02}`), so that several share a waking. The limit is that of the second: who
    wants every record at once has the fused plan.
    """
    aged, cheap, by_hand = Limit("≤", 100.0), Limit("≤", 1.3), "pyzmq and msgpack by hand"
    yield from _paced("fused", _compare(lines.fused, "threads", MANY), "threads and a queue by hand", cheap, aged)
    yield from _paced("five processes, gathering", _compare(lines.gathered, "processes"), by_hand, cheap, None)
    yield from _paced("five processes, each record at once", _compare(lines.isolated, "processes"), by_hand, None, None)
    full = _compare(lines.saturated, "dora_chain")
    rates = _each(full, lambda reading: reading.rate)
    yield paired("records/s, saturated, five processes", rates, "dora-rs 1.1.0", Limit("≥", 3.0), _losses(full))


def _compare(ours: Command, peer: str, rounds: int = ROUNDS) -> Pairs:
    return [*alternate(partial(watch, ours), partial(watch, partial(_peer, peer)), rounds)]


def _peer(name: str, folder: Path) -> list[str | Path]:
    return [sys.executable, "-m", f"benchmarks.peers.{name}", folder]


def _paced(layout: str, pairs: Pairs, peer: str, cost: Limit | None, age: Limit | None) -> Iterator[Figure]:
    """The two rows of a layout: what a record costs, and how old it is at the sink."""
    yield paired(f"{COST}, {layout}, µs", _each(pairs, lambda reading: reading.cpu_us), peer, cost)
    p50, p99 = ([median(side) for side in zip(*_each(pairs, key), strict=True)] for key in (_p50, _p99))
    note = f"p99 {p99[0]:.0f}; by hand {p50[1]:.0f} and {p99[1]:.0f}; {_losses(pairs)}"
    yield Figure(f"age at the sink, {layout}, p50, µs", p50[0], age, note=note)


def _p50(reading: Reading) -> float:
    return reading.p50_us


def _p99(reading: Reading) -> float:
    return reading.p99_us


def _each(pairs: Pairs, key: Callable[[Reading], float]) -> list[tuple[float, float]]:
    return [(key(mine), key(other)) for mine, other in pairs]


def _losses(pairs: Pairs) -> str:
    """Records lost on either side, in all rounds."""
    mine, other = (sum(reading.lost for reading in side) for side in zip(*pairs, strict=True))
    return f"lost {mine}, the peer {other}"
