"""archive: what was committed can be read whatever happened, each row once."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import random
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.sinks.archive import archive, days
from nodes.sinks.shelf import shelf
from pipeline.archive import read
from pipeline.errors import NodeError, TableError
from pipeline.masks import Mask
from pipeline.records import Gap, Part, Record, Region, Track, Tracks, Verdict
from pipeline.table import gaps, parts, rows, verdicts

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[archive]'")

NOON = 1_795_348_800_000_000_000  # 2026-11-22, 12:00 UTC
DAY = 86_400 * 10**9
MASK = Mask.from_dense(np.eye(8, dtype=bool))
REGION = Region("part", 8, (0, 0, 8, 8), (3.5, 3.5), 0, 0, 0.125, True, 1.0, MASK)
ROUNDS, BATCH = 30, 5


def named(seq: int, camera: str = "cam-1") -> dict[str, Any]:
    """The fields that name a frame; 30 frames a second from noon."""
    return {"camera": camera, "session": "s", "seq": seq, "t_ns": NOON + seq * 33_333_333}


def tracks(seq: int) -> Tracks:
    """A frame with one track."""
    return Tracks(**named(seq), size=(8, 8), tracks=(Track(seq, REGION),))


def verdict(seq: int) -> Verdict:
    """A verdict on part `seq`."""
    return Verdict(**named(seq), outcome="PASS", subject="part", part=seq, first_seq=seq)


def part(seq: int) -> Part:
    """Part `seq`."""
    return Part(**named(seq), id=seq, first_seq=seq, views=1, hidden=0, best=REGION, best_seq=seq)


def gap(seq: int) -> Gap:
    """One missing frame."""
    return Gap(**named(seq), last=seq, reason="overflow", where="track→rules")


def everything(seq: int) -> list[Any]:
    """A record of each kind that lines archive."""
    return [tracks(seq), part(seq), verdict(seq), gap(seq)]


def seqs(folder: Path, table: str) -> list[int]:
    """Frame numbers of a table, in order."""
    return sorted(read(folder, table)["seq"].to_pylist())


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    """Parts, verdicts and gaps read back as the records they were; frames and regions have a row each."""
    archive(iter([everything(1), everything(2)]), path=str(tmp_path))
    assert verdicts(read(tmp_path, "verdicts")) == [verdict(1), verdict(2)]
    assert parts(read(tmp_path, "parts")) == [part(1), part(2)]
    assert gaps(read(tmp_path, "gaps")) == [gap(1), gap(2)]
    assert seqs(tmp_path, "frames") == seqs(tmp_path, "regions") == [1, 2]


def test_files_lie_by_table_and_day(tmp_path: Path) -> None:
    """Any reader of Hive partitions finds its way; names sort by exposure; nothing unfinished lies about."""
    late = Gap(camera="c", session="s", seq=0, t_ns=NOON + DAY, last=0, reason="sensor", where="camera")
    archive(iter([[gap(1), late]]), path=str(tmp_path))
    found = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.parquet"))
    assert [str(path.parent) for path in found] == ["table=gaps/date=2026-11-22", "table=gaps/date=2026-11-23"]
    assert [int(path.name.split("-")[0]) for path in found] == [gap(1).t_ns, late.t_ns]
    assert not [*(tmp_path / ".unfinished").iterdir()]


def test_other_readers_see_the_partitions(tmp_path: Path) -> None:
    """The dataset reader of pyarrow takes the folder as it is, and the files are zstd."""
    import pyarrow.dataset as ds

    archive(iter([everything(1)]), path=str(tmp_path))
    table = ds.dataset(tmp_path / "table=frames", partitioning="hive").to_table()
    assert table["date"].to_pylist() == ["2026-11-22"]
    (file,) = (tmp_path / "table=frames").rglob("*.parquet")
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_repetition_is_harmless(tmp_path: Path) -> None:
    """A batch sent again writes the same file; sent again in other company, its rows are dropped at reading."""
    archive(iter([everything(1), everything(1)]), path=str(tmp_path))
    assert len([*tmp_path.rglob("table=frames/**/*.parquet")]) == 1
    archive(iter([everything(1) + everything(2)]), path=str(tmp_path))
    for table in ("frames", "regions", "parts", "verdicts", "gaps"):
        assert seqs(tmp_path, table) == [1, 2]


def test_a_replay_gives_the_same_files(tmp_path: Path) -> None:
    """Names and bytes are a function of the records: no clock, no process number is in them."""
    for run in ("a", "b"):
        archive(iter([everything(1), everything(2)]), path=str(tmp_path / run))
    one, two = ({p.relative_to(d): p.read_bytes() for p in d.rglob("*.parquet")} for d in sorted(tmp_path.iterdir()))
    assert one == two


def test_leftovers_of_a_crash_are_cleaned(tmp_path: Path) -> None:
    """A half-written file goes at the next start, but not while another writer may still be at it."""
    archive(iter([everything(1)]), path=str(tmp_path))
    left = tmp_path / ".unfinished" / "1-ab.parquet.77"
    left.write_bytes(b"half")
    with (tmp_path / ".lock").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        archive(iter([everything(2)]), path=str(tmp_path))
        assert left.exists()
    archive(iter([everything(3)]), path=str(tmp_path))
    assert not left.exists()
    assert seqs(tmp_path, "frames") == [1, 2, 3]


def test_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file and what to do, leaves nothing half-written, and the next batch is taken."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with shelf(tmp_path) as kept, monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"archive cannot write .*parquet: No space left on device; free space, or"):
            kept.commit("table=gaps", pa.table({"seq": [1]}), 5)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]
    archive(iter([everything(1)]), path=str(tmp_path))
    assert seqs(tmp_path, "gaps") == [1]


def test_an_empty_archive_reads_as_no_rows(tmp_path: Path) -> None:
    """A line that saw nothing has an archive with every column and no row."""
    archive(iter([]), path=str(tmp_path / "new"))
    assert read(tmp_path / "new", "frames").num_rows == 0
    assert "t_ns" in read(tmp_path / "new", "frames").column_names


def test_a_wrong_archive_says_what_was_expected(tmp_path: Path) -> None:
    """A missing folder, a missing table and a broken file each say so."""
    with pytest.raises(TableError, match=r"expected an archive with tables frames, .*, found no 'frames' in "):
        read(tmp_path / "none", "frames")
    with pytest.raises(TableError, match="found no 'frame' in "):
        read(tmp_path, "frame")
    broken = tmp_path / "table=frames" / "date=2026-11-22" / "1-ab.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not Parquet")
    with pytest.raises(TableError, match=r"1-ab.parquet: expected a Parquet file, found 11 bytes that are none: "):
        read(tmp_path, "frames")


def test_without_pyarrow_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes at the start of the line, not with the first record."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(NodeError, match=r"archive writes with pyarrow, .*: pip install 'kensa\[archive\]'"):
        archive(iter([]), path=str(tmp_path))


@given(st.lists(st.integers(-(2**62), 2**62), max_size=20))
def test_every_record_has_one_day(times: list[int]) -> None:
    """No record is lost or doubled by the split into days, whenever it was exposed."""
    records: list[Record] = [
        Gap(**(named(i) | {"t_ns": t}), last=i, reason="r", where="w") for i, t in enumerate(times)
    ]
    assert sorted(record.seq for found in days(records).values() for record in found) == [*range(len(times))]


@pytest.mark.slow
def test_what_was_committed_survives_kill_nine(tmp_path: Path) -> None:
    """Killed at any moment, the archive holds every batch that it was done with; a resend completes it."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["nodes.sinks.archive", "pyarrow.parquet", "tests.nodes.test_archive"])
    dice, committed = random.Random(7), 0
    for _ in range(ROUNDS):
        mine, theirs = forks.Pipe(duplex=False)
        child = forks.Process(target=_write, args=(str(tmp_path), committed, theirs))
        child.start()
        theirs.close()
        assert mine.recv() == committed  # it is up and has taken nothing yet
        for _ in range(dice.randint(1, 3)):  # however slow the machine is
            committed = mine.recv()
        child.join(dice.uniform(0, 0.03))
        child.kill()
        child.join()
        committed = max([committed, *_told(mine)])
        assert [*range(committed * BATCH)] == seqs(tmp_path, "frames")[: committed * BATCH]
        assert set(range(committed * BATCH)) <= {*seqs(tmp_path, "regions")} & {*seqs(tmp_path, "verdicts")}
    assert committed > ROUNDS
    archive(iter([everything(committed * BATCH)]), path=str(tmp_path))
    assert not [*(tmp_path / ".unfinished").iterdir()]


def _write(path: str, first: int, told: Connection) -> None:
    """Archive endless batches, and tell each time that the archive asks for the next one."""

    def batches() -> Iterator[list[Any]]:
        number = first
        while True:
            told.send(number)
            yield [record for seq in range(number * BATCH, (number + 1) * BATCH) for record in everything(seq)]
            number += 1

    archive(batches(), path=path)


def _told(pipe: Connection) -> list[int]:
    """Everything that a dead process had said."""
    said = []
    try:
        while pipe.poll():
            said.append(pipe.recv())
    except EOFError:
        pipe.close()
    return said


def test_a_tracked_frame_keeps_the_count_of_its_encoder() -> None:
    """As a measured one does; where there is none it is null."""
    seen = [replace(tracks(1), encoder=12), tracks(2)]
    assert rows(seen)["frames"]["encoder"].to_pylist() == [12, None]
