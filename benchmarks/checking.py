"""How long an integrator waits for `kensa check` on a plant of 100 cameras, the start of Python included."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.figure import ROUNDS, Figure, Limit
from benchmarks.lines import KENSA, ROOT, factory


def figures() -> Iterator[Figure]:
    """Median of whole commands."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "plant.yaml")
        path.write_text(factory(), encoding="utf-8")
        yield Figure("`kensa check`, 100 cameras, s", median(_check(path) for _ in range(ROUNDS)), Limit("≤", 1.0))


def _check(path: Path) -> float:
    start = time.perf_counter()
    subprocess.run([KENSA, "check", path], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
