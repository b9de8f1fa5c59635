"""Watch a chain from outside: CPU time of everything it started, and what its sink saw in the same stretch."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from benchmarks.peers.work import load

ROOT = Path(__file__).resolve().parent.parent
LOG = "log"

Command = Callable[[Path], Sequence[str | Path]]


class Reading(NamedTuple):
    """What a chain did in one stretch.

    Attributes:
        rate: Records per second that reached the sink.
        cpu_us: CPU time of all its processes, µs per record.
        p50_us: Age of a record at the sink, median.
        p99_us: The same, 99th percentile.
        lost: Records that the sink should have seen in between and did not.
    """

    rate: float
    cpu_us: float
    p50_us: float
    p99_us: float
    lost: int


@contextmanager
def running(command: Command, folder: Path) -> Iterator[int]:
    """Start a chain and give its process id; at the end stop it and wait until it has drained.

    Raises:
        RuntimeError: If it ended by itself, or badly.
    """
    with (folder / LOG).open("w") as log:
        chain = subprocess.Popen(command(folder), cwd=ROOT, stdout=log, stderr=log, process_group=0)
    try:
        yield chain.pid
        chain.send_signal(signal.SIGINT)
        if status := chain.wait(timeout=60):
            raise RuntimeError(f"chain ended with {status}:\n{(folder / LOG).read_text()[-4000:]}")
    finally:
        chain.kill()
        chain.wait()


def watch(command: Command, settle: float = 3.0, stretch: float = 6.0) -> Reading:
    """Let a chain settle, watch it for a stretch, stop it, and read what its sink kept.

    Args:
        command: Gives the command of a chain that keeps its times in the given folder.
        settle: Seconds until it runs evenly.
        stretch: Seconds to watch.

    Raises:
        RuntimeError: If the chain failed or its sink kept nothing.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(command, folder) as pid:
            begin, before = _after(settle, pid)
            end, after = _after(stretch, pid)
        return _read(folder, begin, end, after - before)


def _after(seconds: float, pid: int) -> tuple[int, int]:
    """The time, and the CPU time that a process and its descendants have used, ns, some seconds from now."""
    time.sleep(seconds)
    return time.time_ns(), sum(map(cpu_ns, family(pid)))


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_ns(pid: int) -> int:
    """CPU time of another process, ns: by the clock that `clock_getcpuclockid` of glibc gives."""
    return time.clock_gettime_ns(~pid << 3 | 2)


def _read(folder: Path, begin: int, end: int, cpu_ns: int) -> Reading:
    cameras = [[seen for seen in camera if begin <= seen[0] < end] for camera in load(folder)]
    ages = [age / 1e3 for camera in cameras for _, age, _ in camera]
    if len(ages) < 2:
        raise RuntimeError("expected the sink to keep times while it was watched, found none")
    cuts = quantiles(ages, n=100)
    lost = sum(camera[-1][2] - camera[0][2] + 1 - len(camera) for camera in cameras if camera)
    return Reading(len(ages) / (end - begin) * 1e9, cpu_ns / 1e3 / len(ages), cuts[49], cuts[98], lost)
