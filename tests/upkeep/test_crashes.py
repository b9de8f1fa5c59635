"""A kill at every moment at which an archive changes: what was acknowledged is there, and the next run completes it."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from nodes.sinks.archive import archive
from nodes.upkeep.compaction import compact
from nodes.upkeep.pruning import Rule, prune
from pipeline.archive import read
from tests.nodes.test_archive import BATCH, gap, part
from tests.nodes.test_archive import _write as writing
from tests.upkeep.crashes import crashed
from tests.upkeep.test_compaction import TABLES, names, told

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

pytestmark = pytest.mark.slow

LATER = date(2027, 2, 1)
MOMENTS = 200  # more than any of these has

Rows = dict[str, list[dict[str, object]]]


def write(folder: Path) -> None:
    """The line archives two batches."""
    archive(iter([[part(3), gap(3)], [part(4)]]), path=str(folder))


def merge(folder: Path) -> None:
    """Small files become one."""
    [*compact(folder, [])]


def bare(folder: Path) -> None:
    """Masks go."""
    [*prune(folder, Rule(masks=30), LATER, [])]


def erase(folder: Path) -> None:
    """Rows go."""
    [*prune(folder, Rule(rows=30), LATER, [])]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """An archive of two batches, one of which came twice."""
    folder = tmp_path / "before"
    archive(iter([[part(1), gap(1)], [part(2), gap(2)], [part(1), part(2)]]), path=str(folder))
    return folder


@pytest.mark.parametrize("work", [write, merge, bare, erase])
def test_killed_at_every_moment(before: Path, tmp_path: Path, work: Callable[[Path], None]) -> None:
    """No row that was there is missing or changed but by what the work is for; a second run gives what one would."""
    whole = shutil.copytree(before, tmp_path / "whole")
    work(whole)
    first, last, moments = told(before), told(whole), 0
    for at in range(MOMENTS):
        folder = shutil.copytree(before, tmp_path / f"at-{at}")
        if not crashed(work, folder, at):
            break
        moments += 1
        between(first, last, told(folder), work)
        assert work is not erase or erased(folder, first)
        work(folder)
        assert told(folder) == last
        assert names(folder) == names(whole)
        assert not [*(folder / ".unfinished").glob("*")]
        shutil.rmtree(folder)
    assert moments > 9
    assert moments < MOMENTS


def between(first: Rows, last: Rows, found: Rows, work: Callable[[Path], None]) -> None:
    """What a crash leaves is what was there before or what is to be, row by row."""
    for table in TABLES:
        known = [*first[table], *last[table]]
        assert all(row in known for row in found[table])
        least = last[table] if work is erase else first[table]
        assert {row["seq"] for row in found[table]} >= {row["seq"] for row in least}


def erased(folder: Path, first: Rows) -> bool:
    """Whether the tables that have fewer rows than there were say so in `erased.jsonl`."""
    log = folder / "erased.jsonl"
    noted = log.read_text(encoding="utf-8") if log.exists() else ""
    return all(f'"table":"{table}"' in noted for table in TABLES if len(read(folder, table)) < len(first[table]))


def test_a_line_writes_while_others_rewrite(tmp_path: Path) -> None:
    """Whatever the line was done with is there after each compaction and pruning, once."""
    forks = multiprocessing.get_context("forkserver")
    mine, theirs = forks.Pipe(duplex=False)
    child = forks.Process(target=writing, args=(str(tmp_path), 0, theirs))
    child.start()
    theirs.close()
    try:
        for number in range(8):
            committed = mine.recv()  # so many batches
            [*compact(tmp_path, [])] if number % 3 else [*prune(tmp_path, Rule(masks=0), LATER, [])]
            found = read(tmp_path, "parts")["seq"].to_pylist()
            assert len(found) == len({*found})
            assert {*found} >= {*range(committed * BATCH)}
    finally:
        child.kill()
        child.join()
        mine.close()
