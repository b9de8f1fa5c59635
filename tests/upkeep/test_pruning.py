"""Pruning: what is to go goes, what is to stay stays, and nobody takes the one for the other."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nodes.sinks.archive import archive
from nodes.upkeep.pruning import Pruned, Rule, prune
from nodes.upkeep.rewriting import Left
from pipeline import table
from pipeline.archive import Erased, read
from pipeline.gauges import Gauge
from pipeline.pieces import pieces, set_aside
from pipeline.records import Frame, Image, Layer, Part, Region, Scores
from tests.nodes.test_archive import DAY, MASK, NOON, REGION, everything, gap, named, part, seqs

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

TODAY = date(2026, 11, 30)  # the records are of the 22nd


def shelve(folder: Path, *batches: list[Any]) -> Path:
    """An archive with a file per batch and table."""
    archive(iter(batches), path=str(folder))
    return folder


def pruned(folder: Path, *, today: date = TODAY, **rule: Any) -> list[Pruned]:
    """Prune, and leave nothing behind that should have been."""
    left: list[Left] = []
    found = [*prune(folder, Rule(**rule), today, left)]
    assert left == []
    return found


def test_masks_go_and_what_was_measured_stays(tmp_path: Path) -> None:
    """Every column of every row is as it was but for pixels, wherever these are."""
    scores, gauge = Scores((8, 8), bytes(64), 0.1), Gauge(tool="rim", kind="zone", missing=MASK)
    frame = Frame(**named(3), size=(8, 8), layers=(Layer("part", MASK, 0.5, scores),))
    image = Image(**named(4), size=(8, 8), format="png", data=b"pixels")
    told = msgspec.structs.replace(REGION, gauges=(gauge,))
    tooled = msgspec.structs.replace(part(5), best=told)
    folder = shelve(tmp_path, everything(1), [frame, image, tooled])
    before = {name: read(folder, name) for name in ("frames", "regions", "parts", "images", "verdicts")}
    found = pruned(folder, masks=7)
    assert {each.table: (each.bare, each.rows) for each in found} == {
        "frames": (2, 0), "regions": (1, 0), "parts": (2, 0), "images": (1, 0),
    }  # fmt: skip
    assert all(each.freed != 0 for each in found)
    for name, rows in before.items():
        now = read(folder, name).sort_by("seq")
        plain = [each for each in rows.column_names if each not in {"counts", "box_counts", "data", "layers", "gauges"}]
        assert now.select(plain).equals(rows.sort_by("seq").select(plain))
    assert read(folder, "parts")["box_counts"].null_count == 2
    assert read(folder, "images")["data"].to_pylist() == [None]
    (layer,) = next(row["layers"] for row in read(folder, "frames").to_pylist() if row["seq"] == 3)
    assert (layer["counts"], layer["scores"], layer["area_px"]) == (None, None, 8)
    assert '"counts"' not in str(read(folder, "parts")["gauges"].to_pylist())
    assert table.verdicts(read(folder, "verdicts")) == table.verdicts(before["verdicts"])


def test_it_is_done_once_and_only_to_days_that_are_old_enough(tmp_path: Path) -> None:
    """The day that is so many days back stays whole; a second run has nothing to do."""
    late = Part(**named(2) | {"t_ns": NOON + DAY}, id=2, first_seq=2, views=1, hidden=0, best=REGION, best_seq=2)
    folder = shelve(tmp_path, [part(1), late])
    assert [each.day for each in pruned(folder, masks=7)] == ["2026-11-22"]
    assert pruned(folder, masks=7) == []
    assert read(folder, "parts").sort_by("seq")["box_counts"].is_null().to_pylist() == [True, False]
    assert [each.day for each in pruned(folder, masks=6)] == ["2026-11-23"]


def test_rows_go_and_leave_a_trace(tmp_path: Path) -> None:
    """What is gone is written down: whose it was, and from which frame to which."""
    folder = shelve(tmp_path, everything(1), everything(2), [*everything(3), gap(4)])
    found = pruned(folder, masks=None, rows=7)
    assert {each.table: each.rows for each in found} == {
        "frames": 3, "regions": 3, "parts": 3, "verdicts": 3, "gaps": 4,
    }  # fmt: skip
    assert [read(folder, name).num_rows for name in ("frames", "regions", "parts", "verdicts", "gaps")] == [0] * 5
    lines = [msgspec.json.decode(line, type=Erased) for line in (folder / "erased.jsonl").read_bytes().splitlines()]
    assert Erased("frames", "2026-11-22", "cam-1", "s", 1, 1, 1) in lines
    assert {(each.first, each.last) for each in lines if each.table == "gaps"} == {(1, 1), (2, 2), (3, 4)}
    assert pruned(folder, masks=None, rows=7) == []


def test_one_camera_can_be_erased(tmp_path: Path) -> None:
    """What others saw in the same files is as it was, with its masks."""
    other = Part(**named(9, "cam-2"), id=9, first_seq=9, views=1, hidden=0, best=REGION, best_seq=9)
    folder = shelve(tmp_path, [part(1), other], [other])
    assert [each.rows for each in pruned(folder, masks=None, rows=0, cameras=("cam-1",), tables=("parts",))] == [1]
    assert table.parts(read(folder, "parts")) == [other]
    assert [each.bare for each in pruned(folder, masks=0, cameras=("cam-2",))] == [1]  # two files had become alike
    assert read(folder, "parts")["box_counts"].null_count == 1


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    """It says what would go."""
    folder, left = shelve(tmp_path, everything(1), [gap(2), part(2)]), list[Left]()
    torn = pieces(folder, "parts")[1]
    torn.write_bytes(torn.read_bytes()[:-1])
    before = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    found = [*prune(folder, Rule(masks=0, rows=None), TODAY, left, dry=True)]
    assert {each.table: each.bare for each in found} == {"frames": 1, "regions": 1, "parts": 1}
    assert [each.path for each in left] == [torn]
    assert {path: path.read_bytes() for path in folder.rglob("*.parquet")} == before


def test_what_cannot_be_pruned_is_told(tmp_path: Path) -> None:
    """A damaged file may still hold masks that were to go: people have to delete it."""
    folder = shelve(tmp_path, everything(1))
    path = pieces(folder, "parts")[0]
    aside = set_aside(folder, path, "torn").path
    left: list[Left] = []
    assert [each.table for each in prune(folder, Rule(masks=7), TODAY, left)] == ["frames", "regions"]
    assert [(each.path, each.reason) for each in left] == [
        (aside, "it may still hold what was to go, and cannot be rewritten: delete it, or restore it")
    ]


def test_a_mask_that_comes_late_goes_with_the_next_run(tmp_path: Path) -> None:
    """A batch that was sent again after its masks had gone: its rows are there once, and bare again."""
    folder = shelve(tmp_path, everything(1))
    pruned(folder, masks=7)
    shelve(folder, everything(1))
    assert read(folder, "parts")["box_counts"].null_count == 0
    pruned(folder, masks=7)
    assert (seqs(folder, "parts"), read(folder, "parts")["box_counts"].null_count) == ([1], 1)
    assert len(pieces(folder, "parts")) == 1


def test_a_region_without_a_box_loses_its_mask_too(tmp_path: Path) -> None:
    """One whose mask is told of the whole view."""
    odd = Region("part", 8, (0, 0, 1, 1), (3.5, 3.5), 0, 0, 0.125, True, 1.0, MASK)
    folder = shelve(tmp_path, [msgspec.structs.replace(part(1), best=odd)])
    assert read(folder, "parts")["counts"].null_count == 0
    pruned(folder, masks=7)
    assert read(folder, "parts")["counts"].null_count == 1


def test_a_folder_that_is_no_day_is_left_alone(tmp_path: Path) -> None:
    """Other tools make such; nobody knows how old it is."""
    folder = shelve(tmp_path, [part(1)])
    (folder / "table=parts" / "date=2026-11-22").rename(folder / "table=parts" / "date=unknown")
    assert pruned(folder, masks=0, rows=0) == []
    assert seqs(folder, "parts") == [1]
