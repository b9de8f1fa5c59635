"""The store on disk: order, bounds, what a torn or flipped byte costs, and what the next process finds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import codec
from pipeline.records import Gap
from pipeline.transport.item import Item
from pipeline.transport.segment import scan
from pipeline.transport.spool import Shed, Spool
from tests.edges import record

WIDE = 1 << 30


def item(seq: int, camera: str = "cam", weight: int = 100) -> Item:
    """A record as it waits, about `weight` bytes."""
    message = codec.encode(record(camera, seq, weight=weight))
    return Item(camera, "s", seq, seq, message, len(message), 0.0)


def gap(first: int, last: int, weight: int = 1) -> Item:
    """A gap that a lane sent."""
    told = Gap(camera="cam", session="s", seq=first, last=last, t_ns=0, reason="sensor", where="in")
    return Item("cam", "s", first, 0, told, 0, 0.0, weight)


def seqs(spool: Spool, after: int = 0) -> list[int]:
    """Numbers of the records that it gives, gaps left out."""
    return [row.item.seq for row in spool.read(after, 10_000, WIDE) if not isinstance(row.item.payload, Gap)]


def filled(folder: Path, count: int, bound: int = WIDE) -> list[Path]:
    """Its segments after so many records."""
    spool = Spool(folder, "in→out", bound=bound)
    for seq in range(0, count, 10):
        spool.append([item(each) for each in range(seq, min(seq + 10, count))])
    spool.close()
    return sorted(folder.glob("*.seg"))


def test_records_come_back_as_they_went(tmp_path: Path) -> None:
    """In order, byte for byte, gaps as gaps with their weight; reading may be cut into any pieces."""
    spool, items = Spool(tmp_path / "a", "in→out"), [item(0), gap(1, 3, weight=3), item(4)]
    assert [*spool.append(items)] == [1, 2, 3]
    rows = spool.read(0, 10, WIDE)
    assert [row.item.payload for row in rows] == [one.payload for one in items]
    assert [row.item.weight for row in rows] == [1, 3, 1]
    assert [row.row for row in spool.read(1, 1, WIDE)] == [2]
    assert len(spool.read(0, 10, 1)) == 1
    spool.close()


def test_what_is_released_is_forgotten(tmp_path: Path) -> None:
    """The next process finds the rest, and goes on with higher rows; one that holds nothing leaves nothing."""
    spool = Spool(tmp_path / "a", "in→out")
    spool.append([item(seq) for seq in range(10)])
    spool.release(4)
    spool.close()
    again = Spool(tmp_path / "a", "in→out")
    assert (again.records, again.weight, again.done, again.lost) == (6, 6, 4, 0)
    assert [*again.append([item(10)])] == [11]
    assert seqs(again, again.done) == [*range(4, 11)]
    again.release(11)
    again.close()
    assert not (tmp_path / "a").exists()


def test_segments_are_removed_as_they_are_done(tmp_path: Path) -> None:
    """A long backlog gives its room back while it drains."""
    filled(tmp_path / "a", 500, bound=80_000)
    spool = Spool(tmp_path / "a", "in→out", bound=80_000)
    before = spool.bytes
    spool.release(400)
    assert spool.bytes < before / 3
    assert seqs(spool, 400) == [*range(400, 500)]
    spool.close()


def test_two_processes_never_share_it(tmp_path: Path) -> None:
    """A record can be sent by one process only: the second is told to wait."""
    first = Spool(tmp_path / "a", "in→out")
    with pytest.raises(BlockingIOError):
        Spool(tmp_path / "a", "in→out")
    first.append([item(0)])
    first.close()
    second = Spool(tmp_path / "a", "in→out")
    assert second.records == 1
    second.close()


def test_beyond_its_bound_the_oldest_go_and_gaps_stand_there(tmp_path: Path) -> None:
    """What is let go and what is left make up everything, in order; what was read already stays."""
    spool = Spool(tmp_path / "a", "in→out", bound=20_000)
    lost = Shed()
    for seq in range(0, 1000, 10):
        spool.append([item(each, camera=f"cam-{each % 2}") for each in range(seq, seq + 10)])
        more = spool.shed(after=5)
        lost = Shed(lost.weight + more.weight, lost.rows + more.rows)
    assert spool.bytes < 25_000
    rows = spool.read(0, 10_000, WIDE)
    kept = [row.item.seq for row in rows if not isinstance(row.item.payload, Gap)]
    assert kept[:5] == [0, 1, 2, 3, 4]
    assert kept[-1] == 999
    assert [row.row for row in rows] == sorted(row.row for row in rows)
    assert (len(kept), len(rows)) == (1000 - lost.weight, 1000 - lost.rows)
    gaps = [row.item.payload for row in rows if isinstance(row.item.payload, Gap)]
    assert {(one.camera, one.reason, one.where) for one in gaps} == {
        (f"cam-{n}", "spool_full", "in→out") for n in range(2)
    }
    covered = {(one.camera, seq) for one in gaps for seq in range(one.seq, one.last + 1)}
    assert {(f"cam-{seq % 2}", seq) for seq in range(1000) if seq not in kept} <= covered
    assert not {(f"cam-{seq % 2}", seq) for seq in kept} & covered
    spool.close()


def test_a_gap_that_was_handed_over_is_never_shed(tmp_path: Path) -> None:
    """It merges with those around it and keeps the records that it stands for."""
    spool = Spool(tmp_path / "a", "in→out", bound=2000)
    spool.append([gap(0, 1), *(item(seq) for seq in range(2, 12))])
    for seq in range(12, 40):
        spool.append([item(seq)])
    lost = spool.shed(after=0)
    first = spool.read(0, 1, WIDE)[0].item
    assert isinstance(first.payload, Gap)
    assert (first.weight, first.payload.seq) == (1, 0)
    assert first.payload.last == lost.weight + 1
    spool.close()


@given(where=st.floats(0, 1, exclude_max=True))
@settings(max_examples=60, deadline=None)
def test_a_tear_costs_nothing_before_it(tmp_path_factory: pytest.TempPathFactory, where: float) -> None:
    """Cut off at any byte, a spool opens, gives every record before the tear, and takes new ones."""
    folder = tmp_path_factory.mktemp("torn")
    (segment,) = filled(folder / "a", 30)
    whole = segment.read_bytes()
    cut = int(where * len(whole))
    os.truncate(segment, cut)
    spool = Spool(folder / "a", "in→out", quarantine=folder / "quarantine")
    found = seqs(spool)
    assert found == [*range(len(found))]
    assert len(found) == sum(end <= cut for end in _ends(whole))
    spool.append([item(99)])
    assert seqs(spool) == [*found, 99]
    spool.close()


def test_every_byte_of_a_tear(tmp_path: Path) -> None:
    """The same at every single byte of three records."""
    (segment,) = filled(tmp_path / "a", 3)
    whole = segment.read_bytes()
    for cut in range(len(whole)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / segment.name).write_bytes(whole[:cut])
        spool = Spool(folder, "in→out")
        assert seqs(spool) == [*range(sum(end <= cut for end in _ends(whole)))]
        spool.close()


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_flipped_bit_costs_one_record(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Wherever it is, all others are given; the one is a gap that says so, or counted, and the file is kept."""
    folder = tmp_path_factory.mktemp("flipped")
    (segment,) = filled(folder / "a", 30)
    whole = bytearray(segment.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    segment.write_bytes(whole)
    spool = Spool(folder / "a", "in→out", quarantine=folder / "quarantine")
    hit = sum(end <= at for end in _ends(bytes(filled(folder / "b", 30)[0].read_bytes())))
    rows = spool.read(0, 100, WIDE)
    assert [row.item.seq for row in rows if not row.torn and not isinstance(row.item.payload, Gap)] == [
        seq for seq in range(30) if seq != hit
    ]
    torn = [row for row in rows if row.torn]
    assert len(torn) + len(spool.damaged) == 1
    assert spool.lost == (len(spool.damaged) if hit != 29 else 0)
    for row in torn:
        assert isinstance(row.item.payload, Gap)
        assert (row.item.payload.seq, row.item.payload.reason, row.item.weight) == (hit, "torn", 0)
    spool.close()


@pytest.mark.parametrize("content", [b"", b"\x00" * 5000, b"garbage " * 1000, b"\x89KSp" * 2000])
def test_what_is_no_spool_is_kept_and_passed_over(tmp_path: Path, content: bytes) -> None:
    """Any bytes at all in the place of a segment or of what is done: an empty spool, never a failure."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"{7:020}.seg").write_bytes(content)
    (tmp_path / "a" / "foreign.seg").write_bytes(content)
    (tmp_path / "a" / "done").write_bytes(content)
    spool = Spool(tmp_path / "a", "in→out", quarantine=tmp_path / "quarantine")
    assert spool.records == 0
    assert len(spool.damaged) == bool(content)
    spool.append([item(0)])
    assert seqs(spool) == [0]
    spool.close()


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is there whole or not at all, however much of it the disk took; later ones follow those before."""
    spool = Spool(tmp_path / "a", "in→out")
    spool.append([item(0)])
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda file, parts: writev(file, parts[:3]))
    with pytest.raises(OSError, match=r"expected .* bytes to be written, the disk took"):
        spool.append([item(seq) for seq in range(1, 10)])
    monkeypatch.undo()
    assert seqs(spool) == [0]
    spool.append([item(1)])
    assert seqs(spool) == [0, 1]
    spool.close()
    again = Spool(tmp_path / "a", "in→out")
    assert (seqs(again), again.damaged) == ([0, 1], [])
    again.close()


def test_power_means_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What must survive a power cut is flushed before `append` returns; what must survive a kill is not."""
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    for name, survives in (("a", "kill"), ("b", "power")):
        spool = Spool(tmp_path / name, "in→out", survives=survives)  # type: ignore[arg-type]
        spool.append([item(0)])
        spool.close()
    assert len(flushed) == 1


def _ends(whole: bytes) -> list[int]:
    """Where each record ends."""
    return [found.end for found in scan(whole)]
