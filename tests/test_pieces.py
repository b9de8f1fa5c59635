"""pieces: a file of an archive is what was written, bit for bit, or it is told that it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.sinks.shelf import Shelf
from pipeline.archive import read
from pipeline.columns import schema
from pipeline.errors import TableError
from pipeline.pieces import Damage, DamageError, aside, load, newest, set_aside, verified
from pipeline.records import Frame, Gap
from pipeline.table import rows

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[archive]'")


def gap(seq: int) -> Gap:
    """One missing frame."""
    return Gap(camera="cam-1", session="s", seq=seq, t_ns=seq, last=seq, reason="overflow", where="track→rules")


def commit(folder: Path, *seqs: int, day: str = "2026-11-22") -> Path:
    """A file with gaps in it."""
    return Shelf(folder).commit(f"table=gaps/date={day}", rows([gap(seq) for seq in seqs])["gaps"], seqs[0])


@pytest.mark.slow
def test_a_file_torn_at_any_byte_is_found(tmp_path: Path) -> None:
    """Wherever a power cut ended it: it is told with the reason, and the other files are read."""
    commit(tmp_path, 1)
    torn = commit(tmp_path, 2)
    content = torn.read_bytes()
    for length in range(len(content)):
        torn.write_bytes(content[:length])
        damaged: list[Damage] = []
        assert read(tmp_path, "gaps", damaged)["seq"].to_pylist() == [1]
        assert [damage.path for damage in damaged] == [torn]
        assert "torn or rotten" in damaged[0].reason


@pytest.mark.slow
def test_a_flipped_bit_is_found_wherever_it_is(tmp_path: Path) -> None:
    """Also in the footer, where a page's checksum does not reach: there a file can read well and be wrong."""
    path = commit(tmp_path, 1)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        with pytest.raises(
            DamageError, match=r"^expected bytes with the digest [0-9a-f]{16}, found [0-9a-f]{16}: torn"
        ):
            verified(path)
    path.write_bytes(content)
    assert verified(path)["seq"].to_pylist() == [1]


@pytest.mark.slow
def test_a_file_that_others_wrote_is_torn_at_any_byte_too(tmp_path: Path) -> None:
    """One whose name says nothing, after somebody merged files: no end of it reads as a table."""
    path = commit(tmp_path, 1).rename(tmp_path / "merged.parquet")
    content = path.read_bytes()
    assert load(path, "gaps")["seq"].to_pylist() == [1]
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DamageError, match=rf"^expected a Parquet file, found {length:,} bytes that are none: "):
            load(path, "gaps")


def test_pages_have_checksums_for_any_reader(tmp_path: Path) -> None:
    """A flipped bit in the rows is found by whoever verifies pages, not only by ours."""
    path = commit(tmp_path, 1)
    content = bytearray(path.read_bytes())
    content[content.index(b"overflow")] ^= 1
    with pytest.raises(OSError, match="CRC checksum verification failed"):
        pq.ParquetFile(pa.BufferReader(bytes(content)), page_checksum_verification=True).read()


def test_damage_is_an_error_where_nobody_asks_for_it(tmp_path: Path) -> None:
    """Rows that are missing without a word would be a loss that is silent."""
    path = commit(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TableError, match=rf"{path.name}: expected bytes with the digest .*: torn or rotten$"):
        read(tmp_path, "gaps")


def test_a_file_with_other_columns_is_not_damaged(tmp_path: Path) -> None:
    """Another version wrote it: it is told apart, so that nobody moves it away."""
    there = tmp_path / "table=gaps" / "date=2026-11-22"
    there.mkdir(parents=True)
    pq.write_table(pa.table({"seq": [1]}), there / "other.parquet")
    with pytest.raises(TableError, match=r"^expected the columns of gaps, version [\d.]+, found others: ") as error:
        load(there / "other.parquet", "gaps")
    assert not isinstance(error.value, DamageError)
    damaged: list[Damage] = []
    assert read(tmp_path, "gaps", damaged).num_rows == 0
    assert len(damaged) == 1


LATER = ("mean_score", "shape", "metric", "box_counts", "prompt", "epoch", "roi", "measures", "mark", "piece")


def test_an_archive_of_the_first_version_is_read(tmp_path: Path) -> None:
    """Its masks could not be null and outlines were not measured; beside newer files it still makes one table."""
    wanted, later = schema("parts"), LATER
    known = [field.with_nullable(False) for field in wanted if field.name not in later]
    strict = pa.schema(known, metadata={"kensa.schema": "1.0"})
    there = tmp_path / "table=parts" / "date=2026-11-22"
    there.mkdir(parents=True)
    row: dict[str, object] = {name: "" if wanted.field(name).type == pa.string() else 0 for name in strict.names}
    row |= {"counts": b"", "whole": True}
    pq.write_table(pa.Table.from_pylist([row], schema=strict), there / "1.parquet")
    pq.write_table(pa.Table.from_pylist([row | {"counts": None, "part": 1}], schema=wanted), there / "2.parquet")
    assert read(tmp_path, "parts")["counts"].to_pylist() == [b"", None]
    assert read(tmp_path, "parts")["shape"].to_pylist() == [None, None]
    assert read(tmp_path, "parts").schema.equals(wanted, check_metadata=True)


def test_the_newest_files_are_those_of_the_last_day(tmp_path: Path) -> None:
    """What a power cut may have torn is found without a look at every day."""
    commit(tmp_path, 1, day="2026-11-21")
    last = [commit(tmp_path, seq) for seq in (2, 3, 4)]
    assert [*newest(tmp_path, 2)] == last[1:]
    assert [*newest(tmp_path / "none", 2)] == []


def test_what_is_set_aside_is_data_no_more(tmp_path: Path) -> None:
    """It is kept, counted, and no reader of `*.parquet` meets it."""
    path = commit(tmp_path, 1)
    damage = set_aside(tmp_path, path, "torn")
    assert damage == Damage(tmp_path / "quarantine/table=gaps/date=2026-11-22" / f"{path.name}.damaged", "torn")
    assert damage.path.exists()
    assert aside(tmp_path) == 1
    assert [*tmp_path.rglob("*.parquet")] == []
    assert read(tmp_path, "gaps").num_rows == 0


def test_what_an_older_version_wrote_is_read(tmp_path: Path) -> None:
    """Its frames had no epoch: that column is null, every other one is as it was written."""
    frame = Frame(camera="cam-1", session="s", seq=1, t_ns=1, size=(2, 2))
    whole = rows([frame])["frames"]
    path = Shelf(tmp_path).commit("table=frames/date=2026-11-22", whole.drop_columns("epoch"), 1)
    told = load(path, "frames")
    assert told.schema.equals(schema("frames"))
    assert told["epoch"].to_pylist() == [None]
    assert told.drop_columns("epoch").equals(whole.drop_columns("epoch"))
