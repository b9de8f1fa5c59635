"""Statistics of an archive: what they cost beside DuckDB, which counts the same, and beside Beam as it is taught."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.meter import ROOT

ROWS = int(os.environ.get("ROWS", "5000000"))  # ROWS=50000 python -m benchmarks aggregate: whether it runs at all
# Times fewer for Beam as it is taught, and what a start is measured by.
SMALL, ONE = 10, 192
MILLION = f"{ROWS / 1e6:g} M"


class Cost(NamedTuple):
    """What a task took: CPU seconds of its process and those it waited for, seconds, and its peak memory in MB."""

    cpu: float
    wall: float
    rss: float


def figures() -> Iterator[Figure]:
    """CPU beyond the start, which an archive of 192 regions costs; hours × cameras × labels, two measures."""
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        for what, rows in (("one", ONE), ("few", ROWS // SMALL), ("many", ROWS)):
            ran("write", folder / what, str(rows))
        starts = {
            task: median(cpu(task, folder / "one") for _ in range(3))
            for task in ("kensa", "kensa-pixels", "naive", "duckdb", "duckdb-pixels")
        }
        yield _counted(folder, starts, "duckdb", "DuckDB")
        yield _pixels(folder, starts)
        yield _counted(folder, starts, "duckdb-once", "DuckDB, each row once")
        yield _taught(folder, starts)


def _counted(folder: Path, starts: dict[str, float], peer: str, said: str) -> Figure:
    """Beside DuckDB, which takes every row as it comes, and beside it where it, too, counts each row once.

    Both leave Parquet files, which are held against each other.
    """
    many = folder / "many"
    pairs = [
        *alternate(lambda: cpu("kensa", many) - starts["kensa"], lambda: cpu(peer, many) - starts["duckdb"], rounds=3)
    ]
    ran("agree", many)
    note = f"start: {starts['kensa']:.1f} s, DuckDB's {starts['duckdb']:.1f} s"
    return paired(f"aggregate {MILLION} regions: CPU s beyond the start", pairs, said, Limit("≤", 1.0), note)


def _taught(folder: Path, starts: dict[str, float]) -> Figure:
    """Per row, for it would take an hour on all of them."""
    few = ROWS // SMALL

    def ours() -> float:
        return (cpu("kensa", folder / "many") - starts["kensa"]) / ROWS * 1e6

    def theirs() -> float:
        return (cpu("naive", folder / "few") - starts["naive"]) / few * 1e6

    pairs = [*alternate(theirs, ours, rounds=3)]
    what = f"CPU µs per region beyond the start, Beam row by row ({few:,} regions) over Kensa ({ROWS:,})"
    return paired(what, pairs, "Kensa", Limit("≥", 12.0))


def _pixels(folder: Path, starts: dict[str, float]) -> Figure:
    many = folder / "many"

    def ours() -> float:
        """What pixels add."""
        with_them = cpu("kensa-pixels", many) - starts["kensa-pixels"]
        return with_them - (cpu("kensa", many) - starts["kensa"])

    pairs = [*alternate(ours, lambda: cpu("duckdb-pixels", many) - starts["duckdb-pixels"], rounds=3)]
    ran("kensa-pixels", many)
    ran("agree-pixels", many)
    return paired(
        f"map of every pixel, {MILLION} masks: CPU s that it adds", pairs, "DuckDB, our kernel", Limit("≤", 0.8)
    )


def cpu(task: str, folder: Path) -> float:
    """CPU seconds of a task."""
    return ran(task, folder).cpu


def ran(task: str, folder: Path, *more: str) -> Cost:
    """Run a task in a process of its own, Kensa's into an empty folder of results.

    Raises:
        RuntimeError: If it failed.
    """
    if task.startswith(("kensa", "dask")):
        shutil.rmtree(folder.with_name(f"{folder.name}-out"), ignore_errors=True)
    begin = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.peers.shelves", task, str(folder), *more], cwd=ROOT)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{task} ended with {child.returncode}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - begin, used.ru_maxrss / 1024)
