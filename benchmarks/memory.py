"""What a process of a line holds in memory: one that judges and one that tells, neither with cv2, numpy or pyarrow."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import lines
from benchmarks.figure import Figure, Limit
from benchmarks.meter import LOG, running

SETTLE = 8.0
LIGHT = ("rules", "alarms")


def figures() -> Iterator[Figure]:
    """Resident memory of running processes, MB of 10⁶ bytes, shared libraries included."""
    sizes = _measure()
    for name in LIGHT:
        yield Figure(f"RSS of the process of `{name}`, MB", sizes[name], Limit("≤", 35.0))


def _measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(lines.judged, folder):
            time.sleep(SETTLE)
            pids = _processes((folder / LOG).read_text(encoding="utf-8"))
            return {process: _rss(pid) for process, pid in pids.items()}


def _processes(log: str) -> dict[str, int]:
    """Process ids by the name of the first node, as the processes themselves say in the log."""
    told = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return {said["process"].partition("@")[0]: said["pid"] for said in told if said["event"] == "process runs"}


def _rss(pid: int) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines())
    return int(status["VmRSS"].split()[0]) * 1024 / 1e6
