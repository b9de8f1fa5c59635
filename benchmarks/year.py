"""Statistics of a large archive: memory beside one of a tenth, CPU beside DuckDB."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.aggregate import ROWS, cpu, ran
from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.meter import ROOT

LARGE = 10  # times as many rows


def figures() -> Iterator[Figure]:
    """Everything is counted that `aggregate` counts, the start too."""
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        for what, rows in (("many", ROWS), ("large", LARGE * ROWS)):
            ran("write", folder / what, str(rows))
        yield _memory(folder)
        large = folder / "large"
        pairs = [*alternate(lambda: cpu("kensa", large), lambda: cpu("duckdb", large), rounds=3)]
        yield paired(f"aggregate {LARGE * ROWS / 1e6:g} M regions: CPU s", pairs, "DuckDB", Limit("≤", 1.0))


def _memory(folder: Path) -> Figure:
    small, large = ran("kensa", folder / "many"), ran("kensa", folder / "large")
    note = f"{small.rss:.0f} and {large.rss:.0f} MB"
    return Figure(f"peak memory with {LARGE} times the rows: growth", large.rss / small.rss, Limit("≤", 1.2), note=note)
