"""Measure Kensa beside named peers and limits: `python -m benchmarks [rle memory tracking …]`.

Without names all are measured. What was measured replaces its part of docs/benchmarks.md, which says of each part when
that was. Exit status: 0 where all limits are met, 1 where not.
"""

from __future__ import annotations

import os
import platform
import sys
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
    "gate",
    "durable",
    "delivery",
    "archive",
    "sensor",
    "inspection",
    "tracking",
    "aggregate",
    "year",
    "workers",
    "screen",
    "network",
)
PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

Written by `make bench`, part by part: `python -m benchmarks NAME` measures one anew. Every row is one run: Kensa and
its peer in turn, who goes first changing from round to round; medians of five rounds or more, of three where a run
takes minutes; the ratio is the median of the rounds' ratios. The peers are in `benchmarks/peers/`. CPU is that of all
processes, the supervisor's too. Ages run from the record's making to the sink.
"""
TITLE = "\n## "
PART = """
## {name}

Measured on {day}: {machine}.

| what | Kensa | peer | its figure | ratio | to reach | |
|---|---:|---|---:|---:|---:|---|
"""


def main(names: list[str]) -> int:
    """Measure; a row is printed, and stands in its part of the page, as soon as it is known."""
    met = [_measure(name) for name in names or BENCHES]
    return int(not all(met))


def _measure(name: str) -> bool:
    """Whether all limits of one part are met."""
    rows: list[Figure] = []
    for figure in import_module(f"benchmarks.{name}").figures():
        rows.append(figure)
        print(_row(figure), flush=True)
        parts = _parts(PAGE.read_text(encoding="utf-8")) | {name: _part(name, rows)}
        PAGE.write_text(HEAD + "".join(parts[known] for known in BENCHES if known in parts), encoding="utf-8")
    return all(figure.met for figure in rows)


def _parts(page: str) -> dict[str, str]:
    """The parts of a page by their names."""
    _, *parts = page.split(TITLE)
    return {part.partition("\n")[0]: TITLE + part for part in parts}


def _part(name: str, rows: list[Figure]) -> str:
    machine = f"{os.cpu_count()} cores of {platform.machine()}, Linux {platform.release().split('-')[0]}, Python "
    said = {"name": name, "day": datetime.now(UTC).date(), "machine": machine + platform.python_version()}
    return PART.format(**said) + "".join(f"{_row(figure)}\n" for figure in rows)


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
