"""Magnetic tiles: real defects of four kinds, archived, aggregated and reported as people counted them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, TypeGuard

import pytest

from nodes.sources.recording import recording
from nodes.transforms.measure import measured
from pipeline.batch.aggregating import Request, aggregate
from pipeline.batch.windows import Calendar
from pipeline.clock import FakeClock
from pipeline.records import Finding, Frame, Record, Regions, Verdict
from pipeline.report.reporting import report
from tests.batch.plants import NOON, SECOND, shelve

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[batch]'")
pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KINDS = {"MT_Blowhole": 69, "MT_Break": 51, "MT_Crack": 34}  # images that people marked as such
FREE = 333


@pytest.fixture(scope="module")
def tiles(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Regions]]:
    """Results of all tiles, one a minute, and what was measured in them."""
    folder = shared_data / "magnetic_tile"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    out = tmp_path_factory.mktemp("tiles")
    seen = [measured(frame) for frame in recording("tiles", "s", FakeClock(), path=str(folder)) if _framed(frame)]
    timed = [_at(frame, number) for number, frame in enumerate(seen)]
    shelve(out / "archive", [record for frame in timed for record in (frame, _judged(frame))], batch=100)
    aggregate(Request(out / "archive", out / "out", Calendar(span="day")))
    return out / "out", timed


def shares(out: Path, **wanted: str) -> Counter[tuple[str, str]]:
    """Counts by label and name, over the days of the tiles."""
    found = Counter[tuple[str, str]]()
    for path in out.glob("table=rates/**/*.parquet"):
        for row in pq.ParquetFile(path).read().to_pylist():
            if row["span"] == "day" and all(row[name] == value for name, value in wanted.items()):
                found[row["label"], row["name"]] += row["n"]
    return found


def test_tiles_are_counted(tiles: tuple[Path, list[Regions]]) -> None:
    """Every image is a frame; each kind of defect shows in as many as people marked, and those fail."""
    out, _ = tiles
    assert shares(out, what="frames") == {("", ""): FREE + sum(KINDS.values())}
    assert shares(out, what="frames with") == {(label, ""): count for label, count in KINDS.items()}
    assert shares(out, what="frame") == {("", "PASS"): FREE, ("", "FAIL"): sum(KINDS.values())}


def test_defects_are_measured(tiles: tuple[Path, list[Regions]]) -> None:
    """Regions and the area of each kind, to the pixel."""
    out, seen = tiles
    regions = [region for frame in seen for region in frame.regions]
    assert shares(out, what="regions") == Counter((region.label, "") for region in regions)
    found: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    for path in out.glob("table=measures/**/*.parquet"):
        for row in pq.ParquetFile(path).read().to_pylist():
            if row["measure"] == "area_px":
                found[row["label"]] += row["n"] * row["mean"]
    assert found == pytest.approx({k: sum(r.area_px for r in regions if r.label == k) for k in KINDS})


def test_the_report_ranks_them(tiles: tuple[Path, list[Regions]]) -> None:
    """Reasons by frequency, as in the Pareto chart of the page."""
    out, _ = tiles
    told = pq.read_table(out / "pareto.parquet").to_pylist()
    assert [(row["name"], row["n"]) for row in told] == [*KINDS.items()]
    page = report(out).page
    assert all(page.index(one) < page.index(two) for one, two in zip(KINDS, [*KINDS][1:], strict=False))


def _framed(record: Record) -> TypeGuard[Frame]:
    assert isinstance(record, Frame)
    return True


def _at(frame: Any, number: int) -> Regions:
    told = {name: getattr(frame, name) for name in ("camera", "session", "size", "regions", "prompt", "model")}
    return Regions(**told, seq=number, t_ns=NOON + 60 * SECOND * number)


def _judged(frame: Regions) -> Verdict:
    labels = sorted({region.label for region in frame.regions})
    findings = tuple(Finding(f"no {label}", label, "count", 1, high=0) for label in labels)
    who: dict[str, Any] = {name: getattr(frame, name) for name in ("camera", "session", "seq", "t_ns")}
    told: dict[str, Any] = {"subject": "frame", "first_seq": frame.seq, "book": "b", "version": "v1"}
    return Verdict(**who, **told, outcome="FAIL" if findings else "PASS", findings=findings)
