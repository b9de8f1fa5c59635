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
    """Of what the part `aggregate` counts, the start too; and memory with what Kensa concludes of it as well."""
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        for what, rows in (("many", ROWS), ("large", LARGE * ROWS)):
            ran("write", folder / what, str(rows))
        yield _memory(folder, "kensa", "peak memory", Limit("≤", 1.2))
        yield _memory(folder, "kensa-whole", "the same with conclusions, which look at all results", None)
        large = folder / "large"
        pairs = [*alternate(lambda: cpu("kensa", large), lambda: cpu("duckdb", large), rounds=3)]
        yield paired(f"aggregate {LARGE * ROWS / 1e6:g} M regions: CPU s", pairs, "DuckDB", Limit("≤", 1.0))


def _memory(folder: Path, task: str, what: str, limit: Limit | None) -> Figure:
    small, large = (ran(task, folder / name) for name in ("many", "large"))
    note = f"{small.rss:.0f} and {large.rss:.0f} MB"
    return Figure(f"{what}: growth with {LARGE} times the rows", large.rss / small.rss, limit, note=note)
