"""Let a line run for long, kill and stop its processes, count without end: `python -m benchmarks.faults.soak --for 1h`.

Writes docs/soak.md. Exit status: 1 where anything is lost or unaccounted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.faults.fault import runs
from benchmarks.faults.growth import Sample, sample
from benchmarks.faults.oracle import Account, Reading, judge, look, resent
from benchmarks.faults.page import soaked
from benchmarks.faults.plant import Plant, Setting
from pipeline.durations import seconds

STRIKES = ("front", "measure", "archive", "alarms")
EVERY = (15.0, 75.0)  # seconds between two strikes
STRUCK = 0.5  # of the time; then all are left alone: what grows shows where nothing begins anew
LOOK = 120.0  # seconds between two readings
HELD = 3.0  # seconds that a process is stopped


class Soak(NamedTuple):
    """What a soak showed."""

    hours: float
    rate: float
    transport: str
    strikes: int
    account: Account
    samples: list[Sample]


def main() -> int:
    """Read the command line, soak, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--for", dest="seconds", type=seconds, default=3600.0, metavar="TIME", help="default 1h")
    parser.add_argument("--rate", type=float, default=60.0, help="frames per second of each camera; default 60")
    parser.add_argument("--transport", choices=("ipc", "tcp"), default="ipc")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kf-", dir="/tmp") as folder:
        soak = soaking(Path(folder), args.transport, args.rate, args.seconds, Random(args.seed))
    soaked(soak)
    print(soak.account, flush=True)
    return int(not soak.account.clean)


def soaking(folder: Path, transport: str, rate: float, lasting: float, random: Random) -> Soak:
    """Run a plant for so long, strike it again and again, and judge it all the time."""
    with Plant(folder, Setting(transport=transport, rate=rate)) as plant:
        plant.start()
        runs(plant)
        begin = time.monotonic()
        samples: list[Sample] = []
        done = threading.Event()
        watching = threading.Thread(target=_watch, args=(plant, begin, samples, done))
        watching.start()
        try:
            strikes, lost = _strike(plant, begin, lasting, random)
        finally:
            done.set()
            watching.join()
        again = resent(plant)
        plant.stop()
        account = judge(plant, [lost], again)
    return Soak(lasting / 3600, rate, transport, strikes, account, samples)


def _strike(plant: Plant, begin: float, lasting: float, random: Random) -> tuple[int, Reading]:
    """Kill or stop one process after another, then none; keep what was ever readable and is no longer."""
    strikes, reading = 0, Reading({}, frozenset())
    struck = looked = begin
    pause = random.uniform(*EVERY)
    while (now := time.monotonic()) - begin < lasting:
        if now - struck >= pause and now - begin < lasting * STRUCK:
            struck, pause, strikes = now, random.uniform(*EVERY), strikes + 1
            _hit(plant.process(random.choice(STRIKES)), kill=random.random() < 0.5)
        if now - looked >= LOOK:
            looked, reading = now, _compared(reading, look(plant))
            print(_line(now - begin, strikes, plant, reading), flush=True)
        time.sleep(0.2)
    return strikes, reading


def _hit(pid: int, *, kill: bool) -> None:
    if kill:
        os.kill(pid, signal.SIGKILL)
        return
    os.kill(pid, signal.SIGSTOP)
    time.sleep(HELD)
    os.kill(pid, signal.SIGCONT)


def _compared(before: Reading, now: Reading) -> Reading:
    """The newer reading, with what only the older one has: that stays in view until the end."""
    for each in before.without(now):
        print(f"was readable and is not: {each}", flush=True)
    return before.plus(now)


def _line(at: float, strikes: int, plant: Plant, reading: Reading) -> str:
    frames = len(reading.tables["frames"])
    return f"{at / 60:6.1f} min: {strikes} strikes, {frames:,} frames readable, {resent(plant):,} records resent"


def _watch(plant: Plant, begin: float, samples: list[Sample], done: threading.Event) -> None:
    """Sample every process once a second."""
    while not done.wait(1.0):
        samples += sample(dict(_processes(plant)), time.monotonic() - begin)


def _processes(plant: Plant) -> Iterator[tuple[str, int]]:
    for host in plant.hosts:
        yield f"supervisor@{host}", plant.commands[host].pid
        state = plant.snapshot(host)
        yield from ((one.name, one.pid) for one in (state.processes if state else ()) if one.pid)


if __name__ == "__main__":
    sys.exit(main())
