"""Compaction: the same rows in fewer files, whatever happens meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nodes.sinks.archive import archive
from nodes.upkeep.compaction import compact
from nodes.upkeep.keeping import alone
from nodes.upkeep.rewriting import Left
from pipeline import columns
from pipeline.archive import SAME, read, stretches
from pipeline.errors import TableError
from pipeline.pieces import Damage, aside, load, pieces
from tests.conftest import GOLDEN
from tests.crumbs import crumbs
from tests.nodes.test_archive import everything, gap, part, seqs

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[archive]'")

TABLES = ("frames", "regions", "parts", "verdicts", "gaps")


def shelve(folder: Path, *batches: list[Any]) -> Path:
    """An archive with a file per batch and table."""
    archive(iter(batches), path=str(folder))
    return folder


def told(folder: Path) -> dict[str, list[Any]]:
    """Every row of an archive, each once."""
    return {table: sorted(read(folder, table).to_pylist(), key=str) for table in TABLES}


def names(folder: Path) -> list[str]:
    """The files of an archive."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))


def test_many_files_become_one_per_table_and_day(tmp_path: Path) -> None:
    """Every row is there as it was; what stood twice stands once."""
    folder = shelve(tmp_path, *([*everything(n), *everything(n + 1)] for n in range(9)))
    before, left = told(folder), list[Left]()
    done = [*compact(folder, left)]
    assert told(folder) == before
    assert [(each.before, each.after, each.rows, each.repeated) for each in done] == [(9, 1, 10, 8)] * 5
    assert [len(pieces(folder, table)) for table in TABLES] == [1] * 5
    assert left == []


def test_it_is_done_once(tmp_path: Path) -> None:
    """A second run writes nothing, and says so."""
    folder = shelve(tmp_path, *(everything(n) for n in range(3)))
    assert len([*compact(folder, [])]) == 5
    before = {path: path.stat().st_ino for path in folder.rglob("*.parquet")}
    assert [*compact(folder, [])] == []
    assert {path: path.stat().st_ino for path in folder.rglob("*.parquet")} == before


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 3, 1, 0)])
def test_how_it_was_cut_into_files_does_not_matter(tmp_path: Path, order: tuple[int, ...]) -> None:
    """The same rows become the same bytes under the same names."""
    one, two = tmp_path / "one", tmp_path / "two"
    shelve(one, *(everything(n) for n in range(4)))
    shelve(two, [*everything(order[0]), *everything(order[1])], *(everything(n) for n in order[1:]))
    for folder in (one, two):
        assert [*compact(folder, [])]
    assert names(one) == names(two)


def test_rows_without_masks_stay_apart(tmp_path: Path) -> None:
    """Those of which there is a mask as well have it; the others are marked by the name of their file."""
    folder = shelve(tmp_path, everything(1), everything(2))
    archive(iter([everything(2), everything(3)]), path=str(folder), warn=0, lean=0, stop=1)
    assert [*compact(folder, [])]
    masked = {row["seq"]: row["box_counts"] is not None for row in read(folder, "regions").to_pylist()}
    assert masked == {1: True, 2: True, 3: False}
    assert [path.name.endswith(".lean.parquet") for path in pieces(folder, "regions")] == [False, True]


def test_large_files_stay_as_they_are(tmp_path: Path) -> None:
    """A file that holds enough is not touched, and none grows beyond that."""
    folder = shelve(tmp_path, *([gap(n) for n in range(first, first + 4)] for first in range(0, 24, 4)), [gap(24)])
    done = [*compact(folder, [], rows=8)]
    assert [(each.before, each.after, each.rows) for each in done] == [(2, 1, 8)] * 3
    assert [pq.read_metadata(path).num_rows for path in pieces(folder, "gaps")] == [8, 8, 8, 1]
    assert seqs(folder, "gaps") == [*range(25)]


def test_what_is_damaged_is_set_aside_and_what_is_newer_stays(tmp_path: Path) -> None:
    """Neither is lost, both are told, and the rest is compacted."""
    folder = shelve(tmp_path, *([gap(n)] for n in range(5)))
    torn, later, odd, *_ = pieces(folder, "gaps")
    torn.write_bytes(torn.read_bytes()[:-9])
    rows = pq.read_table(later)
    later.unlink()
    newer = later.with_name("newer.parquet")
    pq.write_table(rows.append_column("why", pa.array(["?"])).replace_schema_metadata({"kensa.schema": "9.0"}), newer)
    odd.unlink()
    wrong = odd.with_name("wrong.parquet")
    pq.write_table(pa.table({"seq": ["one"], "camera": [1.5]}), wrong)
    left: list[Left] = []
    (done,) = compact(folder, left)
    assert (done.before, done.after, done.rows) == (2, 1, 2)
    assert {each.path.name: each.reason[:44] for each in left} == {
        f"{torn.name}.damaged": "set aside: expected bytes with the digest " + torn.name[20:22],
        "newer.parquet": f"expected the columns of version {columns.VERSION} or older",
        "wrong.parquet": f"expected the columns of gaps, version {columns.VERSION}, f",
    }
    assert newer.exists()
    assert wrong.exists()
    assert aside(folder) == 1


def test_archives_of_older_versions_become_of_this_one(tmp_path: Path) -> None:
    """Their rows are in the columns of today, and their masks where these have them."""
    for path in (GOLDEN / "archive").glob("1.[0-4]*/*.parquet"):
        there = tmp_path / f"table={path.stem}" / "date=2026-11-22" / f"{path.parent.name}.parquet"
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    before = told(tmp_path)
    left: list[Left] = []
    assert {each.table: each.after for each in compact(tmp_path, left)} == dict.fromkeys(TABLES, 1)
    assert left == []
    assert told(tmp_path) == before


def test_a_reader_that_had_looked_before_reads_what_took_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files go while it reads them: no row goes with them."""
    folder, looked = shelve(tmp_path, *([part(n), gap(n)] for n in range(6))), list[Path]()

    def late(path: Path, table: str) -> Any:
        if not looked:
            looked.append(path)
            assert [*compact(folder, [])]
        return load(path, table)

    monkeypatch.setattr("pipeline.archive.load", late)
    assert seqs(folder, "gaps") == [*range(6)]
    looked.clear()
    shelve(folder, *([part(n), gap(n)] for n in range(6, 9)))
    damaged: list[Damage] = []
    found = [row for stretch in stretches(folder, damaged) for row in stretch.read("parts")["seq"].to_pylist()]
    assert (found, damaged) == ([*range(9)], [])


def test_only_one_rewrites(tmp_path: Path) -> None:
    """The second is told so at once."""
    shelve(tmp_path, [gap(1)])
    with alone(tmp_path), pytest.raises(TableError, match=r"somebody else compacts or prunes it now; wait until that"):
        [*compact(tmp_path, [])]
    with pytest.raises(TableError, match=r"^expected an archive, found no folder .*none$"):
        [*compact(tmp_path / "none", [])]


def test_an_archive_without_rows_or_with_one(tmp_path: Path) -> None:
    """There is nothing to do."""
    assert [*compact(shelve(tmp_path / "empty"), [])] == []
    assert [*compact(shelve(tmp_path / "one", [gap(1)]), [])] == []


@pytest.mark.slow
def test_ten_thousand_small_files(tmp_path: Path) -> None:
    """They become one."""
    crumbs(tmp_path / "table=gaps" / "date=2026-11-22", 10_000)
    (done,) = compact(tmp_path, [])
    assert (done.before, done.after, done.rows) == (10_000, 1, 10_000)
    assert seqs(tmp_path, "gaps") == [*range(10_000)]


def test_every_table_can_be_compacted() -> None:
    """Each has keys that make a row the same row."""
    assert {*SAME} == {*columns.TABLES}
