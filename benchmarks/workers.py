"""Statistics on Dask: two workers beside one, on a machine with nothing else to do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.aggregate import ONE, ran
from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.meter import ROOT

ROWS = int(os.environ.get("ROWS", "50000000"))  # of fewer, most is waiting: 5 million are two seconds of work


def figures() -> Iterator[Figure]:
    """Seconds beyond the start, which an archive of 192 regions costs.

    Of the large archive of the part `year`: on 5 million regions there is too little to do for a second worker to show.
    """
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
    what = f"{ROWS / 1e6:g} M regions on Dask: seconds beyond the start, one worker over two"
    return paired(what, pairs, "two workers", Limit("≥", 1.6))
