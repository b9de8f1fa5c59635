"""room: what archive and alarms do on a disk that fills up, refuses, and comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace

from nodes.sinks import archive as archiving
from nodes.sinks.alarms import alarms
from nodes.sinks.archive import archive
from nodes.sinks.room import FullError, Room
from pipeline import disk as disks
from pipeline.archive import read
from pipeline.disk import Ballast, Limits, Usage, Watch
from pipeline.notices import board
from pipeline.pieces import aside
from pipeline.records import Frame, Gap, Image, Layer, Part, Regions, Scores, Tracks, Verdict
from pipeline.regionrows import mask_of
from tests.disks import Disk, disk
from tests.nodes.test_alarms import verdict
from tests.nodes.test_archive import MASK, NOON, everything, gap, seqs

TABLES = ("frames", "regions", "parts", "verdicts", "gaps")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk is measured at every look, and nobody else has anything to tell."""
    monkeypatch.setattr(disks, "PERIOD_S", 0.0)
    _hush()
    yield
    _hush()


def _hush() -> None:
    for notice in board.read():
        board.settle(notice.key)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 2 MB."""
    (tmp_path / "disk").mkdir()
    with disk(tmp_path / "disk") as one:
        yield one


def test_levels_come_and_go_with_the_disk(tmp_path: Path) -> None:
    """One notice at a time, of the level that is; masks are left out at one level, everything at the next."""
    does = "from 85% on masks are left out, from 95% on nothing is kept"
    used = [0.5]
    room = Room(
        "archive",
        Watch(tmp_path, Limits(), measure=lambda _: Usage(used[0], 5_000_000, 100_000_000)),
        Ballast(tmp_path / "ballast"),
    )
    assert room.admit(10)
    assert board.read() == ()
    used[0] = 0.72
    assert room.admit(10)
    assert [notice.text for notice in board.read()] == [
        f"archive: the disk of {tmp_path} is 72% full, 5 MB free: {does}; delete what you need no more"
    ]
    used[0] = 0.9
    assert [room.admit(10), room.admit(5)] == [False, False]
    assert [notice.text.partition("free: ")[2] for notice in board.read()] == [
        "masks are left out, measurements are kept (15 records so far); delete what you need no more"
    ]
    used[0] = 0.97
    with pytest.raises(FullError, match=r"97% full, 5 MB free: nothing is kept; records wait at their producers and"):
        room.admit(10)
    assert len(board.read()) == 1
    used[0] = 0.3
    assert room.admit(10)
    assert board.read() == ()


def test_who_writes_to_the_last_tells_that_its_disk_fills_up(tmp_path: Path) -> None:
    """Before the ballast is thrown off there is no refusal that people could hear of."""
    used = [0.5]
    watch = Watch(tmp_path, Limits(), measure=lambda _: Usage(used[0], 1_000_000, 100_000_000))
    room = Room("alarms", watch, Ballast(tmp_path / "ballast"))
    told = []
    for share in (0.5, 0.99, 0.5):
        used[0] = share
        with room.writing():
            room.warn()
        told.append([notice.text for notice in board.read()])
    assert told == [
        [],
        [
            (
                f"alarms: the disk of {tmp_path} is 99% full, 1 MB free: everything is written as long as it can be; "
                "delete what you need no more"
            )
        ],
        [],
    ]


def test_a_lean_archive_keeps_every_row_and_no_mask(small: Disk) -> None:
    """Counts are null, what was measured on them is there, and the file says so in its name and its metadata."""
    scores = Scores((8, 8), bytes(64), 0.1)
    frame = Frame(camera="c", session="s", seq=9, t_ns=NOON, size=(8, 8), layers=(Layer("part", MASK, 0.5, scores),))
    small.fill(0.88)
    archive(iter([[*everything(1), frame]]), path=str(small.path / "a"), stop=0.99)
    folder = small.path / "a"
    assert [seqs(folder, table) for table in TABLES] == [[1, 9], [1], [1], [1], [1]]
    for table in ("regions", "parts"):
        told = read(folder, table).select(["counts", "box_counts", "area_px"]).to_pylist()
        assert told == [{"counts": None, "box_counts": None, "area_px": 8}]
    (layer,) = read(folder, "frames")["layers"].to_pylist()[1]
    assert (layer["counts"], layer["scores"], layer["area_px"], layer["label"]) == (None, None, 8, "part")
    names = sorted(path.parts[-3] for path in folder.rglob("*.lean.parquet"))
    assert names == ["table=frames", "table=parts", "table=regions"]
    import pyarrow.parquet as pq

    (file,) = (folder / "table=parts").rglob("*.parquet")
    assert pq.read_schema(file).metadata[b"kensa.masks"] == b"left out"


def test_a_row_that_was_kept_with_and_without_its_mask_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that was half committed before the disk became lean comes again: no mask that is there is hidden."""
    archive(iter([everything(1)]), path=str(tmp_path / "a"), warn=0, lean=0, stop=1)
    archive(iter([everything(1)]), path=str(tmp_path / "a"), warn=1, lean=1, stop=1)
    assert len([*(tmp_path / "a").glob("table=parts/*/*.parquet")]) == 2
    assert [mask_of(row) for row in read(tmp_path / "a", "parts").to_pylist()] == [MASK]


def test_a_full_disk_stops_the_archive_until_there_is_room(small: Disk) -> None:
    """The batch stays with the engine, nothing half-written is left, and the same call goes well later."""
    folder = small.path / "a"
    archive(iter([everything(1)]), path=str(folder))
    small.fill(0.97)
    with pytest.raises(FullError):
        archive(iter([everything(2)]), path=str(folder))
    assert seqs(folder, "frames") == [1]
    assert [notice.key.split()[-1] for notice in board.read()] == ["stop"]
    small.fill(0.5)
    archive(iter([everything(2)]), path=str(folder))
    assert [seqs(folder, table) for table in TABLES] == [[1, 2]] * 5
    assert board.read() == ()


def test_a_batch_that_does_not_fit(small: Disk) -> None:
    """Below the level that stops it, a batch that does not fit is refused whole, the ballast goes, people know."""
    folder = small.path / "a"
    archive(iter([everything(1), everything(1)]), path=str(folder))
    assert (folder / ".ballast").exists()
    small.fill(0.93)
    gaps: list[Frame | Image | Regions | Tracks | Part | Verdict | Gap] = [
        replace(gap(seq), where=str(uuid4())) for seq in range(2, 10_000)
    ]
    with pytest.raises(
        OSError, match=r"archive cannot write .*\.parquet: No space left on device; free space, or give"
    ):
        archive(iter([gaps]), path=str(folder))
    assert [notice.text for notice in board.read() if "cannot" in notice.key] == [
        f"archive cannot write in {folder}: No space left on device; what waits is written when that is possible again"
    ]
    assert not (folder / ".ballast").exists()
    assert not [*(folder / ".unfinished").iterdir()]
    small.empty()
    archive(iter([everything(2)]), path=str(folder))
    assert seqs(folder, "frames") == [1, 2]
    assert (folder / ".ballast").exists()
    assert board.read() == ()


def test_a_disk_that_may_only_be_read(small: Disk) -> None:
    """People hear why and where; when it may be written again the notice is over."""
    folder, path = small.path / "a", small.path / "events.jsonl"
    archive(iter([everything(1)]), path=str(folder))
    alarms(iter([[verdict(1)]]), path=str(path))
    small.writable(False)
    with pytest.raises(OSError, match="Read-only file system"):
        archive(iter([everything(2)]), path=str(folder))
    with pytest.raises(OSError, match="Read-only file system"):
        alarms(iter([[verdict(2)]]), path=str(path))
    assert [notice.text for notice in board.read()] == [
        f"{sink} cannot write in {where}: Read-only file system; what waits is written when that is possible again"
        for sink, where in (("archive", folder), ("alarms", small.path))
    ]
    small.writable(True)
    archive(iter([everything(2)]), path=str(folder))
    alarms(iter([[verdict(2)]]), path=str(path))
    assert board.read() == ()
    assert seqs(folder, "frames") == [1, 2]
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [1, 2]


def test_alarms_have_room_when_nobody_else_has(small: Disk) -> None:
    """The ballast goes before anything is refused, and events take its place."""
    path = small.path / "events.jsonl"
    alarms(iter([[verdict(1)]]), path=str(path))
    ballast = path.with_name(".events.jsonl.ballast")
    assert ballast.exists()
    small.fill()
    batch: list[Verdict | Gap] = [verdict(seq) for seq in range(2, 20)]
    with pytest.raises(OSError, match="No space left on device"):
        path.with_name("other").write_bytes(bytes(1))
    alarms(iter([batch]), path=str(path))
    assert not ballast.exists()
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [1, *range(2, 20)]


def test_damaged_files_are_moved_away_at_the_start(tmp_path: Path) -> None:
    """Torn or rotten, the newest are found, kept aside and told of until somebody has looked after them."""
    folder = tmp_path / "a"
    archive(iter([everything(1), everything(2)]), path=str(folder))
    torn, rotten = sorted((folder / "table=gaps").rglob("*.parquet"))
    torn.write_bytes(torn.read_bytes()[:-20])
    content = bytearray(rotten.read_bytes())
    content[100] ^= 4
    rotten.write_bytes(content)
    archiving.inspect.cache_clear()
    archive(iter([everything(2), everything(3)]), path=str(folder))
    assert aside(folder) == 2
    assert seqs(folder, "gaps") == [2, 3]
    assert [notice.text for notice in board.read()] == [
        f"archive: 2 damaged files lie in {folder / 'quarantine'}; restore them from a copy, or delete them"
    ]


def test_a_damaged_file_is_written_again_when_its_rows_come_again(tmp_path: Path) -> None:
    """A resend is not taken for a repetition only because a file of that name is there."""
    archive(iter([everything(1)]), path=str(tmp_path / "a"))
    (file,) = (tmp_path / "a" / "table=gaps").rglob("*.parquet")
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    archive(iter([everything(1)]), path=str(tmp_path / "a"))
    assert file.read_bytes() == content
