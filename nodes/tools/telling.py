"""How tools tell: rows of a name and a value, and how far an upload is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from nodes.sensors.sensor import Progress

STEP = 10  # percent between two lines, where nobody watches a bar


def rows(told: Iterable[tuple[str, str]], indent: str = "") -> str:
    """Names and values in two columns; rows without a value are left out."""
    kept = [(name, value) for name, value in told if value]
    width = max((len(name) for name, _ in kept), default=0)
    return "\n".join(f"{indent}{name:<{width}}  {value}" for name, value in kept)


def size(count: int) -> str:
    """Bytes, as people read them."""
    return (
        f"{count:,} bytes" if count < 10_000 else f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
    )


@contextmanager
def uploading(name: str) -> Iterator[Progress]:
    """How far an upload is: a bar on a terminal, else a line now and then."""
    if not sys.stdout.isatty():
        yield _lines(name)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(TextColumn(name), BarColumn(), DownloadColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task(name, total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        yield show


def _lines(name: str) -> Progress:
    told = -STEP

    def show(done: int, total: int) -> None:
        nonlocal told
        percent = 100 * done // total if total else 0
        if total and percent >= told + STEP:
            told = percent // STEP * STEP
            print(f"{name}: {percent} % of {size(total)}", flush=True)

    return show
