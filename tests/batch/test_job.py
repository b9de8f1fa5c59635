"""The job, step by step and on more than one runner: the same parcels and the same files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.batch import job
from pipeline.batch.aggregating import Request, aggregate
from pipeline.batch.concluding import TABLES
from pipeline.batch.files import documented
from pipeline.batch.observing import Asked
from pipeline.batch.parcels import combine, total, unpack
from pipeline.batch.publishing import staged
from pipeline.batch.results import COLUMNS, finish
from pipeline.batch.statistics import empty
from pipeline.batch.surveying import Home, Slice, Unit, slices, survey
from pipeline.batch.windows import Calendar
from tests.batch.plants import NOON, plant, shelve
from tests.conftest import Golden

beam = pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[batch]'")

pytestmark = pytest.mark.slow

HOME, KEY = Home("", ""), ("", "", "2026-11-22")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small archive."""
    return shelve(tmp_path_factory.mktemp("job") / "archive", plant(7, 80))


def cuts(archive: Path, rows: int = 60) -> list[Slice]:
    """Its slices, small ones."""
    found, _ = survey(archive, HOME)
    return [*slices(HOME, found[HOME], Calendar(), rows)]


def reads(archive: Path) -> partial[Any]:
    """The step that reads."""
    done = archive.parent / "done"
    done.mkdir(exist_ok=True)
    return partial(job.aggregated, folder=str(archive), done=str(done), span="hour", asked=Asked())


def parcels(archive: Path, rows: int = 60) -> list[bytes]:
    """What the first step gives for each slice, without Beam."""
    return [parcel for cut in cuts(archive, rows) for _, parcel in reads(archive)(msgspec.json.encode(cut))]


def piped(archive: Path, check: Any, *steps: Any) -> None:
    """Run steps over the slices in Beam's own test pipeline, and check what comes out."""
    from apache_beam.testing.test_pipeline import TestPipeline
    from apache_beam.testing.util import assert_that

    with TestPipeline(runner="FnApiRunner") as root:
        found = root | beam.Create([msgspec.json.encode(cut) for cut in cuts(archive)])
        for number, step in enumerate(steps):
            found = found | f"step {number}" >> step
        assert_that(found, check)


def test_reading(archive: Path) -> None:
    """Each slice becomes one parcel under its line and day."""
    whole = sorted(parcels(archive))
    assert len(whole) > 3

    def check(found: Sequence[tuple[job.Key, bytes]]) -> None:
        assert sorted(parcel for _, parcel in found) == whole
        assert {key for key, _ in found} == {KEY}

    piped(archive, check, beam.FlatMap(reads(archive)))


def test_merging(archive: Path) -> None:
    """One parcel per line and day, to the last bit what one slice over everything gives, in any order."""
    expected = combine(parcels(archive, rows=10**9))

    def check(found: Sequence[tuple[job.Key, bytes]]) -> None:
        assert [key for key, _ in found] == [KEY]
        assert same(found[0][1]) == same(expected)

    piped(archive, check, beam.FlatMap(reads(archive)), beam.CombinePerKey(combine))


def test_writing(archive: Path, tmp_path: Path) -> None:
    """One file tells of a day; called again, the sink writes the same bytes."""
    write = partial(job.written, folder=str(tmp_path), sources={KEY: (1, "a")})
    told = str(tmp_path / "days" / "2026-11-22.-.-.json")

    def check(found: Sequence[str]) -> None:
        assert [*found] == [told]

    piped(archive, check, beam.FlatMap(reads(archive)), beam.CombinePerKey(combine), beam.FlatMap(write))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert [*write((KEY, combine(parcels(archive))))] == [told]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    (day,) = staged(tmp_path)
    assert (day.home, day.date, day.files, day.source) == (HOME, "2026-11-22", 1, "a")


def test_parcels_merge_in_any_order(archive: Path) -> None:
    """Also in halves, and with nothing; accounts add up."""
    three = parcels(archive)[:3]
    told = {str(same(combine(order))) for order in permutations(three)}
    told.add(str(same(combine([combine(three[:2]), combine([]), three[2]]))))
    assert len(told) == 1
    assert unpack(combine(three))[1] == total(unpack(each)[1] for each in three)


def test_every_slicing_accounts_for_every_row(archive: Path) -> None:
    """However small slices are, a row is in exactly one."""
    expected = unpack(combine(parcels(archive, rows=10**9)))[1]
    for rows in (50, 200):
        account = unpack(combine(parcels(archive, rows)))[1]
        for table, entries in account.tables.items():
            own = {**entries, "rows": entries["rows"] - entries["elsewhere"], "elsewhere": 0}
            assert own == expected.tables[table]


@pytest.mark.timeout(300)
def test_two_processes_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    """Beam's workers in processes of their own, reached over gRPC, as on several machines."""
    aggregate(Request(archive, tmp_path / "one"))
    aggregate(Request(archive, tmp_path / "two"), ["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
    one, two = (_published(tmp_path / name) for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("table", sorted(COLUMNS | TABLES))
def test_the_schema_is_the_golden_one(table: str, golden: Golden) -> None:
    """Names, types, units and version of every result are what people's queries rest upon."""
    schema = documented(table, (COLUMNS | TABLES)[table])
    said = schema.to_string(truncate_metadata=False, show_field_metadata=True, show_schema_metadata=True)
    golden(f"schema/results-{table}.txt", said + "\n")


def test_results_have_the_columns_that_are_told() -> None:
    """In whatever order they are made."""
    for table, rows in finish(empty()).items():
        assert {*rows.column_names} == {*COLUMNS[table]}


def same(parcel: bytes) -> list[Any]:
    """An aggregate as plain values."""
    aggregate, _ = unpack(parcel)
    return [aggregate.groups.to_pylist(), *(aggregate.parts[part].to_pylist() for part in sorted(aggregate.parts))]


def _published(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


def test_files_sorted_by_camera_are_cut_by_time() -> None:
    """Where all row groups last all day, slices are of time: a row is in one of them, and none has all."""
    hour = 3600 * 10**9
    units = [Unit(f"{camera}.parquet", "regions", 0, 1000, NOON + camera, NOON + 6 * hour) for camera in range(8)]
    found = [*slices(HOME, units, Calendar(), rows=100)]
    assert all(one.end_ns == two.begin_ns for one, two in pairwise(found))
    assert found[0].begin_ns <= NOON < NOON + 6 * hour < found[-1].end_ns
    long = [min(cut.end_ns, NOON + 6 * hour) - max(cut.begin_ns, NOON) for cut in found]
    assert max(long) < 2 * hour
