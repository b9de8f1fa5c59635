"""Statistics on Dask: two workers beside one, on a machine with nothing else to do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.aggregate import MILLION, ONE, ROWS, ran
from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.meter import ROOT


def figures() -> Iterator[Figure]:
    """Seconds beyond the start, which an archive of 192 regions costs."""
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        for what, rows in (("one", ONE), ("many", ROWS)):
            ran("write", folder / what, str(rows))
        yield _workers(folder)


def _workers(folder: Path) -> Figure:
    starts = {task: ran(task, folder / "one").wall for task in ("dask-1", "dask-2")}
    many = folder / "many"
    pairs = [
        *alternate(
            lambda: ran("dask-1", many).wall - starts["dask-1"],
            lambda: ran("dask-2", many).wall - starts["dask-2"],
            rounds=3,
        )
    ]
    what = f"{MILLION} regions on Dask: seconds beyond the start, one worker over two"
    return paired(what, pairs, "two workers", Limit("≥", 1.6))
