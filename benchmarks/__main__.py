"""Measure Kensa beside named peers and limits: `python -m benchmarks [rle memory tracking …]`.

Without names all are measured and docs/benchmarks.md is written. Exit status: 0 where all limits are met, 1 where not.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks.figure import Figure

BENCHES = (
    "rle",
    "checking",
    "rules",
    "gauging",
    "memory",
    "chains",
    "crash",
    "durable",
    "sensor",
    "inspection",
    "tracking",
)
PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

Written by `make bench` on {day}: {machine}. Every row is one run: Kensa and its peer in turn, who goes first changing
from round to round; medians of five rounds or more; the ratio is the median of the rounds' ratios. The peers are in
`benchmarks/peers/`. CPU is that of all processes, the supervisor's too. Ages run from the record's making to the sink.

| what | Kensa | peer | its figure | ratio | to reach | |
|---|---:|---|---:|---:|---:|---|
"""


def main(names: list[str]) -> int:
    """Measure, print a row as soon as it is known, and write the page where everything was measured."""
    rows: list[Figure] = []
    for figure in _measured(names or BENCHES):
        rows.append(figure)
        print(_row(figure), flush=True)
    if not names:
        PAGE.write_text(_head() + "".join(f"{_row(figure)}\n" for figure in rows), encoding="utf-8")
    return int(not all(figure.met for figure in rows))


def _measured(names: tuple[str, ...] | list[str]) -> Iterator[Figure]:
    for name in names:
        yield from import_module(f"benchmarks.{name}").figures()


def _head() -> str:
    machine = f"{os.cpu_count()} cores of {platform.machine()}, Linux {platform.release().split('-')[0]}, Python "
    return HEAD.format(day=datetime.now(UTC).date(), machine=machine + platform.python_version())


def _row(figure: Figure) -> str:
    theirs = "" if figure.theirs is None else _number(figure.theirs)
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
    limit, met = "", figure.note
    if figure.limit:
        limit = f"{figure.limit.sign} {figure.limit.value:g}" + (" ×" if figure.ratio is not None else "")
        met = f"{'met' if figure.met else '**not met**'}{'; ' if figure.note else ''}{figure.note}"
    return f"| {figure.what} | {_number(figure.ours)} | {figure.peer} | {theirs} | {ratio} | {limit} | {met} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
