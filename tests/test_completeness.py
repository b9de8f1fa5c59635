"""Completeness: every frame is there, or told missing, or erased; else somebody hears of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sinks.archive import archive
from nodes.upkeep.compaction import compact
from nodes.upkeep.pruning import Rule, prune
from pipeline.completeness import Session, completeness, holes, length, stretches, union, without
from pipeline.errors import TableError
from pipeline.pieces import pieces
from pipeline.records import Frame, Gap, Regions
from tests.conftest import GOLDEN
from tests.nodes.test_archive import REGION, everything, named

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[archive]'")

numbers = st.sets(st.integers(0, 60))


def spans(known: set[int]) -> np.ndarray:
    """Numbers as stretches."""
    return stretches(np.array(sorted(known), np.int64))


def listed(found: np.ndarray) -> set[int]:
    """Stretches as numbers."""
    return {number for first, last in found.tolist() for number in range(first, last + 1)}


@given(numbers, numbers)
def test_stretches_are_sets_of_numbers(one: set[int], two: set[int]) -> None:
    """Union, difference, holes and length are those of the sets."""
    assert listed(spans(one)) == one
    assert length(spans(one)) == len(one)
    assert union(spans(one), spans(two)).tolist() == spans(one | two).tolist()
    assert listed(without(spans(one), spans(two))) == one - two
    assert listed(holes(spans(one))) == {*range(max(one, default=-1) + 1)} - one


def frames(folder: Path, *seqs: int) -> Path:
    """An archive of these frames."""
    archive(iter([[Regions(**named(seq), size=(8, 8), regions=(REGION,)) for seq in seqs]]), path=str(folder))
    return folder


def gaps(folder: Path, first: int, last: int, reason: str) -> None:
    """Frames that are told missing."""
    archive(iter([[Gap(**named(first), last=last, reason=reason, where="a→b")]]), path=str(folder))


def test_every_frame_is_accounted_for(tmp_path: Path) -> None:
    """Those that are there, those told missing and why, and a hole with its first and last frame."""
    folder = frames(tmp_path, 0, 1, 2, 5, 9)
    gaps(folder, 3, 4, "overflow")
    gaps(folder, 4, 5, "restart")  # one of them came after all
    found = completeness(folder)
    reasons = {"overflow": 2, "restart": 1}
    assert found.sessions == (Session("cam-1", "s", 5, 2, reasons, 0, ((6, 8),), 9),)
    assert not found.complete
    gaps(folder, 6, 8, "sensor")
    assert completeness(folder).complete
    assert completeness(folder, quick=True).sessions == completeness(folder).sessions


def test_a_settling_frame_is_there(tmp_path: Path) -> None:
    """It is kept apart, and nothing is missing."""
    folder = frames(tmp_path, 0, 2)
    archive(iter([[Frame(**named(1), size=(8, 8), epoch="settling")]]), path=str(folder))
    assert completeness(folder).complete


def test_what_was_pruned_is_no_hole(tmp_path: Path) -> None:
    """The line goes on after a day whose rows went."""
    folder = frames(tmp_path, 0, 1, 2)
    assert [*prune(folder, Rule(None, rows=1), date(2026, 12, 1), [])]
    frames(folder, 3, 4)
    (session,) = completeness(folder).sessions
    assert (session.frames, session.erased, session.holes) == (2, 3, ())


def test_a_frame_without_its_regions_is_told(tmp_path: Path) -> None:
    """A file of regions that somebody deleted is missed, though no frame is."""
    folder = frames(tmp_path, 0, 1)
    assert completeness(folder).complete
    for path in pieces(folder, "regions"):
        path.unlink()
    assert completeness(folder).without == 2
    assert not completeness(folder).complete


def test_damaged_files_are_told(tmp_path: Path) -> None:
    """A flipped bit, and a file with other types; the rest is read."""
    folder = frames(tmp_path, 0, 1)
    frames(folder, 2)
    path = pieces(folder, "regions")[0]
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    wrong = path.with_name("wrong.parquet")
    pq.write_table(pa.table({"seq": ["one"], "camera": [1.5]}), wrong)
    found = completeness(folder)
    assert {damage.path for damage in found.damaged} == {path, wrong}
    assert sum(session.frames for session in found.sessions) == 3
    assert not found.complete


def test_compaction_keeps_it_complete(tmp_path: Path) -> None:
    """And a resend adds nothing."""
    archive(iter([everything(0), everything(1), everything(1)]), path=str(tmp_path))
    before = completeness(tmp_path).sessions
    assert [*compact(tmp_path, [])]
    assert completeness(tmp_path).sessions == before
    assert completeness(tmp_path).complete


def test_an_archive_that_is_none_and_one_that_is_empty(tmp_path: Path) -> None:
    """The one is refused in words, the other has nothing that could be missing."""
    with pytest.raises(TableError, match=r"^expected an archive, found no folder .*none$"):
        completeness(tmp_path / "none")
    assert completeness(tmp_path).complete
    assert completeness(tmp_path).sessions == ()


@pytest.mark.parametrize("version", sorted(folder.name for folder in (GOLDEN / "archive").iterdir()))
def test_every_version_can_be_verified(tmp_path: Path, version: str) -> None:
    """The golden archives hold frame 7, and a gap over 8 and 9."""
    for path in (GOLDEN / "archive" / version).glob("*.parquet"):
        there = tmp_path / f"table={path.stem}" / "date=2026-11-22" / path.name
        there.parent.mkdir(parents=True)
        there.write_bytes(path.read_bytes())
    found = completeness(tmp_path)
    assert found.sessions == (Session("cam-1", "5d1c", 1, 2, {"overflow": 2}, 0, ((0, 6),), 9),)
    assert found.damaged == ()
    assert completeness(tmp_path, quick=True).sessions == found.sessions
