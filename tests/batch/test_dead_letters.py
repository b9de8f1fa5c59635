"""Dead letters: what cannot be read or believed is counted, told with its place, and spoils nothing else."""

from __future__ import annotations

import fcntl
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.batch import aggregating
from pipeline.batch.aggregating import Outcome, Request, aggregate
from pipeline.batch.observing import Asked
from pipeline.batch.publishing import Day, balance
from pipeline.batch.reading import Account
from pipeline.batch.surveying import Home, slices
from pipeline.errors import TableError
from tests.batch.plants import SECOND, plant, shelve

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[batch]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[batch]'")


pytestmark = pytest.mark.slow


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small archive."""
    return shelve(tmp_path / "archive", plant(5, 40), batch=1000)


def run(archive: Path, **asked: Any) -> Outcome:
    """Aggregate an archive into the folder beside it."""
    return aggregate(Request(archive, archive.parent / "out", asked=Asked(**asked)))


def letters(archive: Path) -> list[dict[str, Any]]:
    """The dead letters of a run."""
    listed: list[dict[str, Any]] = pq.read_table(archive.parent / "out" / "dead_letters.parquet").to_pylist()
    return listed


def total(out: Outcome, table: str, entry: str) -> int:
    """How many rows of a table there are under an entry of the account."""
    return sum(day.account.tables[table][entry] for day in out.manifest.days)


def only(archive: Path, table: str) -> Path:
    """The one file of a table."""
    (path,) = archive.glob(f"table={table}/*/*.parquet")
    return path


def beside(archive: Path, table: str, rows: Any, name: str = "other.parquet") -> Path:
    """Put another file into the folder of a table's day."""
    path = min(archive.glob(f"table={table}/*/*.parquet")).with_name(name)
    pq.write_table(rows, path)
    return path


def test_a_torn_file(archive: Path) -> None:
    """It has no footer: nobody knows how many rows it had; the file is named."""
    whole = total(run(archive), "regions", "counted")
    torn = only(archive, "regions").with_name("1-torn.parquet")
    torn.write_bytes(only(archive, "regions").read_bytes()[:-20])
    out = run(archive)
    (letter,) = letters(archive)
    assert (letter["path"], letter["table"], letter["rows"]) == (str(torn.relative_to(archive)), "regions", 0)
    assert "Parquet magic bytes not found in footer" in letter["reason"]
    assert total(out, "regions", "counted") == whole


def tear(path: Path, column: str) -> None:
    """Flip the bits of a byte amidst the values of a column."""
    names = pq.read_metadata(path).schema.names
    told = pq.read_metadata(path).row_group(0).column(names.index(column))
    data = bytearray(path.read_bytes())
    data[told.data_page_offset + told.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(data)


def test_a_torn_page(archive: Path) -> None:
    """Its footer tells how many rows are lost, and they are; other tables and files are counted."""
    tear(only(archive, "regions"), "area_px")
    out = run(archive)
    (letter,) = letters(archive)
    assert letter["rows"] == total(out, "regions", "dead") == total(out, "regions", "rows") > 0
    assert total(out, "frames", "counted") == total(out, "frames", "rows")


def test_what_is_not_needed_is_not_read(archive: Path) -> None:
    """Neither columns that no statistic asks for, nor, a second time, days that are known: tears there go unseen."""
    tear(only(archive, "regions"), "hole_area_px")
    assert total(run(archive), "regions", "dead") == 0
    tear(only(archive, "regions"), "area_px")
    late = [replace(record, t_ns=record.t_ns + 3 * 86_400 * SECOND) for record in plant(6, 20)]
    shelve(archive, late, batch=1000)
    out = run(archive)
    assert [date for _, _, date in out.fresh] == ["2026-11-25"]
    assert (total(out, "regions", "dead"), letters(archive)) == (0, [])


def test_a_flipped_bit_is_found_by_the_digest(archive: Path) -> None:
    """Where asked to verify, every byte counts: also one in the name of a column nobody reads."""
    path = only(archive, "regions")
    path.write_bytes(path.read_bytes().replace(b"eccentricity", b"eccentricitx"))
    out = run(archive, verify=True)
    assert [letter["reason"][:31] for letter in letters(archive)] == ["expected bytes with the digest "]
    assert total(out, "regions", "dead") == total(out, "regions", "rows")


def test_wrong_types_in_one_file(archive: Path) -> None:
    """A file whose areas are words is dead, row by row; the others count."""
    rows = pq.read_table(only(archive, "regions"))
    words = pa.array(["large"] * len(rows))
    beside(archive, "regions", rows.set_column(rows.column_names.index("area_px"), "area_px", words))
    out = run(archive)
    (letter,) = letters(archive)
    assert letter["path"].endswith("/other.parquet")
    assert "large" in letter["reason"]
    assert (letter["rows"], total(out, "regions", "counted")) == (len(rows), len(rows))


def test_a_missing_column(archive: Path) -> None:
    """One that every version has is expected; one that an older version did not know is null."""
    rows = pq.read_table(only(archive, "regions"))
    beside(archive, "regions", rows.drop_columns(["area_px"]))
    older = rows.drop_columns(["shape", "metric"]).set_column(1, "session", pa.array(["older"] * len(rows)))
    beside(archive, "regions", older, "older.parquet")
    out = run(archive)
    assert [(each["reason"], each["rows"]) for each in letters(archive)] == [("no column area_px", len(rows))]
    assert total(out, "regions", "counted") == 2 * len(rows)


@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        ("regions", "area_px", -1, "expected 0 to 16777216 in area_px, found another number"),
        ("regions", "centroid_x", float("nan"), "expected a place in centroid_x, found none that any view has"),
        ("regions", "score", float("inf"), "expected a number that can be squared in score, found none"),
        ("regions", "box_counts", b"\xff\xff", "expected run lengths of height × width pixels, found others"),
        ("regions", "label", None, "expected a value in label, found null"),
        ("regions", "kind", "dreams", "expected a kind of regions or tracks, found another"),
        ("frames", "t_ns", None, "expected a value in t_ns, found null"),
        ("frames", "kind", "parts", "expected a kind of frame, regions or tracks, found another"),
        ("verdicts", "outcome", "GOOD", "expected an outcome of PASS, WARN, FAIL, NO_READ, found another"),
        ("verdicts", "subject", "belt", "expected a subject of frame, part, gap, found another"),
        ("verdicts", "first_seq", 10**9, "expected first_seq not above seq, found it above"),
        ("gaps", "last", -1, "expected last not below seq, found it below"),
    ],
)
def test_a_row_that_nobody_should_believe(archive: Path, table: str, column: str, value: Any, reason: str) -> None:
    """It is one dead letter with its reason; all other rows count."""
    path = only(archive, table)
    rows = pq.read_table(path)
    cells = rows[column].to_pylist()
    cells[1] = value
    loose = pa.schema([field.with_nullable(True) for field in rows.schema])
    changed = rows.set_column(rows.column_names.index(column), column, pa.array(cells, rows.schema.field(column).type))
    path.unlink()
    beside_path = path.with_name("changed.parquet")
    pq.write_table(changed.cast(loose), beside_path)
    out = run(archive)
    expected = {"plant": "", "line": "", "path": str(beside_path.relative_to(archive)), "table": table}
    assert letters(archive) == [expected | {"reason": reason, "rows": 1}]
    assert total(out, table, "counted") == len(rows) - 1


def test_a_table_of_strangers(archive: Path) -> None:
    """A Parquet file without times is nobody's: told, and left out."""
    beside(archive, "gaps", pa.table({"a": [1]}))
    run(archive)
    assert [letter["reason"] for letter in letters(archive)] == ["expected a column t_ns, found none"]


def test_what_was_pruned_stays_in_the_results(archive: Path) -> None:
    """Results of days whose files are gone, or fewer, stay as they were published, and the manifest says so."""
    run(archive)
    before = {path: path.read_bytes() for path in (archive.parent / "out").glob("table=*/**/*.parquet")}
    only(archive, "regions").unlink()
    out = run(archive)
    assert out.kept
    assert out.manifest.days[0].kept
    assert {path: path.read_bytes() for path in before} == before
    assert run(archive).fresh == ()
    for path in archive.glob("table=*/**/*.parquet"):
        path.unlink()
    assert run(archive).manifest.days[0].kept
    assert {path: path.read_bytes() for path in before} == before


def test_pixels_that_were_pruned_stay_in_the_results(archive: Path) -> None:
    """Run lengths go sooner than measures: a day that is read again, for rows that came late, keeps its pixels."""
    run(archive)
    pixels = next((archive.parent / "out").glob("table=pixels/**/*.parquet")).read_bytes()
    path = only(archive, "regions")
    rows = pq.read_table(path)
    bare = pa.nulls(len(rows), pa.binary())
    path.unlink()
    for name in ("counts", "box_counts"):
        rows = rows.set_column(rows.column_names.index(name), name, bare)
    pq.write_table(rows, path.with_name("pruned.parquet"))
    assert run(archive).kept
    assert next((archive.parent / "out").glob("table=pixels/**/*.parquet")).read_bytes() == pixels


def test_what_does_not_balance_is_not_published() -> None:
    """Rows that a runner lost, or handed over twice, are missed against the footers."""
    home = Home("P", "L")
    entries = {"rows": 10, "elsewhere": 1, "repeated": 1, "dead": 1, "outside": 0, "counted": 7}
    day = Day(home, "2026-11-22", 1, "", Account({"regions": entries}), {"regions": 7}, {})
    balance([day], {(home, "regions"): 9})
    with pytest.raises(
        TableError, match=r"P L: regions: expected 10 rows, as the footers say, found 9: nothing is publ"
    ):
        balance([day], {(home, "regions"): 10})
    lost = Day(home, "2026-11-22", 1, "", day.account, {"regions": 6}, {})
    with pytest.raises(TableError, match=r"P L, 2026-11-22: aggregated regions: expected 7 rows, .* found 6"):
        balance([lost], {(home, "regions"): 9})
    with pytest.raises(TableError, match=r"P L: gaps: expected 3 rows, .* found 0"):
        balance([day], {(home, "regions"): 9, (home, "gaps"): 3})


def test_a_lost_slice_is_missed(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a runner does not hand on, the footers know of; nothing at all is published, and nothing is left."""
    few = partial(slices, rows=20)
    monkeypatch.setattr(aggregating, "slices", lambda *whose: [*few(*whose)][1:])
    with pytest.raises(
        TableError, match=r"the line: frames: expected \d+ rows, as the footers say, found \d+: nothing is"
    ):
        run(archive)
    assert [path.name for path in (archive.parent / "out").iterdir()] == [".lock"]


def test_two_at_once_are_one_too_many(archive: Path) -> None:
    """Results have one writer; the second is told to wait."""
    (archive.parent / "out").mkdir()
    with (archive.parent / "out" / ".lock").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(TableError, match="expected to be the only one at work here, found another; wait for it"):
            run(archive)


def test_results_of_other_rules_are_not_mixed(archive: Path) -> None:
    """Another measure, another part or another calendar needs another folder."""
    run(archive)
    with pytest.raises(
        TableError, match=r"results here were made with another part; give the same, or another --output"
    ):
        run(archive, part="bottle")
    (archive.parent / "out" / "manifest.json").write_text("{}")
    with pytest.raises(TableError, match=r"expected a manifest of results, found none: .*; use another --output"):
        run(archive)


def test_folders_may_say_whose_rows_they_are(archive: Path) -> None:
    """Hive partitions of plant and line, anywhere above the files."""
    there = archive / "plant=Graz%202" / "line=A.1"
    there.mkdir(parents=True)
    for table in archive.glob("table=*"):
        table.rename(there / table.name)
    out = run(archive)
    assert out.fresh == (("Graz 2", "A.1", "2026-11-22"),)
    assert (archive.parent / "out" / "table=rates" / "date=2026-11-22" / "Graz%202.A%2E1.parquet").exists()
