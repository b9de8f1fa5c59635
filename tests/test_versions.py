"""What every version of the archive wrote is read, and says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import table
from pipeline.columns import COLUMNS, TABLES, VERSION, schema
from pipeline.masks import Mask
from pipeline.pieces import load
from pipeline.records import Finding, Frame, Gap, Layer, Part, Reading, Region, Regions, Roi, Track, Tracks, Verdict
from pipeline.shapes import Metric, Shape
from tests.conftest import GOLDEN

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[archive]'")

ARCHIVES = GOLDEN / "archive"
VERSIONS = sorted(folder.name for folder in ARCHIVES.iterdir())
NOON = 1_795_348_800_000_000_000  # 2026-11-22, 12:00 UTC
WHO: dict[str, Any] = {"camera": "cam-1", "session": "5d1c", "seq": 7, "t_ns": NOON}


def mask() -> Mask:
    """Eleven pixels of a box of 4 × 3."""
    pixels = np.zeros((8, 10), bool)
    pixels[2:5, 3:7] = True
    pixels[2, 3] = False
    return Mask.from_dense(pixels)


ROI = Roi(100, 200, 80, 64)
SHAPE = Shape(10.0, 4.0, 3.0, 0.0, 4.5, 0.25, 0.95)
METRIC = Metric(2.75, 0.0, (2.5, 1.5), 5.0, 2.0, 1.5, 0.0, 2.25, 0.5, "cal-1")
REGION = Region("part", 11, (3, 2, 4, 3), (4.5, 3.0), 0, 0, 11 / 12, True, 0.75, mask(), SHAPE, METRIC, 1.5)
SEEN: dict[str, Any] = {**WHO, "size": (8, 10), "prompt": "top", "model": "ab12", "roi": ROI}
READING = Reading(8000, 1.5, 41.25, 14_350, 1_200, 387.5, 97.0)
FINDING = Finding(rule="r", reason="WIDE", measure="box_width", value=4.0, high=3.0, unit="px")
VERDICT = Verdict(
    **WHO, outcome="FAIL", subject="part", part=3, first_seq=2, findings=(FINDING,), book="b", version="0123456789ab"
)
GAP = Gap(**WHO | {"seq": 8, "t_ns": NOON + 10**8}, last=9, reason="overflow", where="a→b")
PART = Part(
    **WHO,
    id=3,
    first_seq=2,
    views=4,
    hidden=1,
    best=REGION,
    best_seq=5,
    mark=1.5,
    piece=9,
    prompt="top",
    roi=SEEN["roi"],
)
RECORDS = [
    Frame(**SEEN, layers=(Layer("part", mask(), 0.5),), encoder=12, reading=READING),
    Regions(**SEEN, regions=(REGION,), encoder=12, reading=Reading(lux=387.5), calibration="cal-1"),
    Tracks(**SEEN, tracks=(Track(3, REGION),)),
    PART,
    VERDICT,
    GAP,
]


def test_this_version_has_its_golden_files(request: pytest.FixtureRequest) -> None:
    """They are written anew under `--golden` alone: what a version wrote once, no later one may change."""
    for name, rows in table.rows(RECORDS).items():
        path = ARCHIVES / VERSION / f"{name}.parquet"
        if request.config.getoption("--golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, path, compression="zstd", write_page_checksum=True)
        assert path.exists(), f"expected {path}, found no such file; write it: make golden"
        found = pq.read_table(path)
        assert found.schema.equals(schema(name), check_metadata=True), "another schema is another version"
        assert found.equals(rows)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_table_of_a_version_is_read_in_the_columns_of_today(version: str) -> None:
    """What it did not know is null or empty; every other value is what stands in the file."""
    for path in sorted((ARCHIVES / version).glob("*.parquet")):
        told, written = load(path, path.stem), pq.read_table(path)
        assert told.schema.equals(schema(path.stem), check_metadata=True)
        for name in told.column_names:
            if name not in written.column_names:
                assert {*told[name].to_pylist()} <= {None, ""} if not pa.types.is_nested(told[name].type) else True
            elif not pa.types.is_nested(told[name].type):
                assert told[name].to_pylist() == written[name].to_pylist()
        assert {*written.column_names} <= {*told.column_names}, "a column is never taken away"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_the_records_it_was(version: str) -> None:
    """The mask of a part pixel for pixel, a verdict, a gap; of fields that came later, what stands for nothing."""
    told = {path.stem: load(path, path.stem) for path in _files(version)}
    assert table.gaps(told["gaps"]) == [GAP]
    (verdict,) = table.verdicts(told["verdicts"])
    assert (verdict.outcome, verdict.findings[0].reason, verdict.part) == ("FAIL", "WIDE", 3)
    (part,) = table.parts(told["parts"])
    assert (part.best.mask, part.best.box, part.best.area_px) == (mask(), (3, 2, 4, 3), 11)
    (regions,) = table.regions(told["frames"], told["regions"])
    assert (regions.regions[0].mask, regions.regions[0].score, regions.seq) == (mask(), 0.75, 7)
    if version == VERSION:
        assert (verdict, part, regions) == (VERDICT, PART, RECORDS[1])


@pytest.mark.parametrize("version", VERSIONS)
def test_columns_are_added_and_never_changed(version: str) -> None:
    """The rule of evolution: what is added may be null, or is said to have been something all along."""
    for path in _files(version):
        wanted, written = schema(path.stem), pq.read_schema(path)
        added = [(name, kind) for name, kind, _ in COLUMNS[path.stem] if name not in written.names]
        assert all("?" in kind or "=" in kind for _, kind in added)
        assert all(wanted.field(field.name).type == field.type or pa.types.is_nested(field.type) for field in written)


def _files(version: str) -> list[Path]:
    return [path for path in sorted((ARCHIVES / version).glob("*.parquet")) if path.stem in TABLES]
