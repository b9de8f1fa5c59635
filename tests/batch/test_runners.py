"""Runners: archives whose numbers are known give them on each, to the byte, and a result that lacks rows on none."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.batch import aggregating, job
from pipeline.batch.aggregating import Outcome, Request, aggregate
from pipeline.batch.parcels import total
from pipeline.batch.surveying import slices
from pipeline.batch.windows import Calendar, Window
from pipeline.errors import TableError
from pipeline.records import Gap, Record, Regions, Verdict
from tests.batch.engines import ENGINES, dask
from tests.batch.plants import NOON, SECOND, plant, shelve

beam = pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[batch]'")

# A socket of Dask's own event loop is left to the collector.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore::ResourceWarning")]

HOUR = 3600 * SECOND
SHIFTS = Calendar("Europe/Berlin", "shift", (time(6), time(18)))
BATCHES = Calendar(
    "Europe/Berlin",
    "batch",
    batches=tuple(
        Window(NOON + n * HOUR, NOON + (n + 1) * HOUR, f"lot {n}", SHIFTS.days(NOON, NOON)[-1]) for n in (0, 1)
    ),
)
Known = tuple[list[Record], Calendar]  # what was seen, and how the plant divides time


def a_line(folder: Path) -> Known:
    """One line, an afternoon."""
    shelve(folder, seen := plant(7, 80))
    return seen, Calendar()


def a_plant(folder: Path) -> Known:
    """Two lines, two days, shifts over midnight."""
    seen = list[Record]()
    for line in ("press", "weld"):
        days = [record for day in (0, 1) for record in plant(day + len(line), 30, start=NOON + day * 24 * HOUR)]
        shelve(folder / "plant=Kyōto" / f"line={line}", days)
        seen += days
    return seen, SHIFTS


def sent_again(folder: Path) -> Known:
    """Half of what was seen is there twice, in other company."""
    seen = plant(3, 60)
    shelve(folder, seen)
    shelve(folder, seen[40:], batch=7)
    return seen, Calendar()


def with_dead_letters(folder: Path) -> Known:
    """A file is torn, another is none: what they held is not counted, and told."""
    seen = plant(4, 40)
    shelve(folder, seen)
    there = next(folder.glob("table=regions/*/*.parquet"))
    there.with_name("0-torn.parquet").write_bytes(there.read_bytes()[:-100])
    there.with_name("0-none.parquet").write_bytes(b"no Parquet")
    return seen, Calendar()


def in_batches(folder: Path) -> Known:
    """Two batches of an hour; what was seen after them is outside."""
    shelve(folder, seen := plant(5, 100))
    return [record for record in seen if record.t_ns < NOON + 2 * HOUR], BATCHES


def one_gap(folder: Path) -> Known:
    """The least that an archive can say."""
    seen: list[Record] = [Gap(camera="c", session="s", seq=3, t_ns=NOON, last=5, reason="sensor", where="camera")]
    shelve(folder, [*seen])
    return seen, Calendar()


KNOWN: tuple[Callable[[Path], Known], ...] = (a_line, a_plant, sent_again, with_dead_letters, in_batches, one_gap)


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days of a small archive are merged of several slices, as those of a large one."""
    monkeypatch.setattr(aggregating, "slices", partial(slices, rows=60))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_runner_is_right_or_refused(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known comes out, to the byte; where a slice is lost or worked on twice, nothing does."""
    with ENGINES[engine](tmp_path) as words:
        for known in KNOWN:
            right(tmp_path / known.__name__, known, words)
        for flaw in (_losing, _repeating):
            with monkeypatch.context() as patch:
                patch.setattr(job, "pipeline", partial(flaw, job.pipeline))
                refused(tmp_path / "a_line" / "archive", tmp_path / flaw.__name__, words)


def right(folder: Path, known: Callable[[Path], Known], words: list[str]) -> None:
    """Aggregate what is known there, and here: the numbers, the account and the bytes."""
    seen, calendar = known(folder / "archive")
    outcome = aggregate(Request(folder / "archive", folder / "there", calendar), words)
    assert counted(folder / "there") == expected(seen), known.__name__
    assert footers(folder / "archive") == accounted(outcome), known.__name__
    aggregate(Request(folder / "archive", folder / "here", calendar))
    assert published(folder / "there") == published(folder / "here"), known.__name__


def refused(archive: Path, output: Path, words: list[str]) -> None:
    """Aggregate on a runner with a flaw: an error that people can act on, and no file that anybody would read."""
    with pytest.raises(TableError, match=r"expected [\d,]+ rows, as the footers say, found .*nothing is published"):
        aggregate(Request(archive, output), words)
    assert [path.name for path in output.iterdir()] == [".lock"]


def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two dies at its first slice: the other does its work as well, and the bytes are the same."""
    shelve(tmp_path / "archive", plant(7, 80))
    build, died = job.pipeline, tmp_path / "died"

    def dying(reads: Any) -> Any:
        return partial(_dying, reads, died)

    with dask(tmp_path) as words:
        monkeypatch.setattr(job, "pipeline", lambda root, cuts, reads, writes: build(root, cuts, dying(reads), writes))
        aggregate(Request(tmp_path / "archive", tmp_path / "one"), words)
    monkeypatch.setattr(job, "pipeline", build)
    assert died.read_text(encoding="utf-8") in {"one", "two"}
    aggregate(Request(tmp_path / "archive", tmp_path / "two"))
    assert published(tmp_path / "one") == published(tmp_path / "two")


def expected(seen: list[Record]) -> Counter[tuple[str, str]]:
    """Frames, missing frames, verdicts by outcome and regions, counted one by one."""
    found = Counter[tuple[str, str]]()
    for record in seen:
        if isinstance(record, Regions):
            found["frames", ""] += 1
            found.update(("regions", region.label) for region in record.regions)
        elif isinstance(record, Verdict):
            found[record.subject, record.outcome] += 1
        elif isinstance(record, Gap):
            found["missing", ""] += record.last - record.seq + 1
    return found


def counted(folder: Path) -> Counter[tuple[str, str]]:
    """The same of what was published."""
    found = Counter[tuple[str, str]]()
    for path in folder.glob("table=rates/**/*.parquet"):
        for row in pq.read_table(path).to_pylist():
            if row["span"] != "date" and row["what"] in {"frames", "missing", "frame", "part", "gap", "regions"}:
                found[row["what"], row["label"] or row["name"]] += row["n"]
    return found


def footers(archive: Path) -> Counter[str]:
    """Rows per table, as the footers of the files say; what has none says nothing."""
    found = Counter[str]()
    for path in archive.rglob("*.parquet"):
        (table,) = (part.removeprefix("table=") for part in path.parts if part.startswith("table="))
        with suppress(OSError, ValueError):
            found[table] += pq.read_metadata(path).num_rows
    return +found


def accounted(outcome: Outcome) -> Counter[str]:
    """The same of what a job says became of them."""
    tables = total(day.account for day in outcome.manifest.days).tables
    ends = ("counted", "repeated", "dead", "outside")
    return +Counter({table: sum(entries[end] for end in ends) for table, entries in tables.items()})


def published(folder: Path) -> dict[str, bytes]:
    """Every file of a folder of results."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


def _losing(build: Any, root: Any, cuts: Any, *steps: Any) -> Any:
    return build(root, cuts[1:], *steps)


def _repeating(build: Any, root: Any, cuts: Any, *steps: Any) -> Any:
    return build(root, [*cuts, cuts[0]], *steps)


def _dying(reads: Any, died: Path, element: bytes) -> Iterator[Any]:
    """Read a slice; whoever is the first to be asked for one dies of it."""
    from distributed import get_worker

    with suppress(FileExistsError), died.open("x", encoding="utf-8") as said:
        said.write(str(get_worker().name))
        said.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    yield from reads(element)
