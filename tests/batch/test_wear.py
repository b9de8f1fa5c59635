"""Wear: pits that grow on real ball screws, image by image for weeks, are told as a trend and a change of level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.batch.aggregating import Request, aggregate
from pipeline.batch.observing import Asked
from pipeline.batch.studies import Study
from pipeline.batch.windows import Calendar
from pipeline.masks import Mask
from pipeline.records import Record, Region, Regions
from pipeline.report.reporting import report
from tests.batch.plants import SECOND, shelve

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[batch]'")
cv2: Any = pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wear(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """Results of every sequence hour by hour, and the names of those in which pits were ever marked."""
    folder = shared_data / "bsdata"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    out, records = tmp_path_factory.mktemp("wear"), [*_seen(folder)]
    shelve(out / "archive", records, batch=10**6)
    study = Study(14, rules=("N1", "N2", "N3"))
    request = Request(out / "archive", out / "out", Calendar(), asked=Asked(pixels=False), study=study)
    aggregate(request)
    return out / "out", {each.camera for each in records if isinstance(each, Regions) and each.regions}


def rows(out: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a conclusion."""
    found: list[dict[str, Any]] = pq.read_table(out / f"{table}.parquet").to_pylist()
    return found


def test_pits_begin(wear: tuple[Path, set[str]]) -> None:
    """In every sequence the level of pits per frame changes, upwards: none before, about one in each image after."""
    out, cameras = wear
    assert len(cameras) >= 8
    found = [row for row in rows(out, "changes") if row["what"] == "regions" and row["p_all"] <= 0.05]
    assert {row["camera"] for row in found} == cameras
    assert all(row["after"] > row["before"] for row in found)


def test_pits_grow(wear: tuple[Path, set[str]]) -> None:
    """In every sequence their area rises from image to image, by hundreds of px² a day; their charts are flagged."""
    out, cameras = wear
    found = {row["camera"]: row for row in rows(out, "trends") if row["name"] == "area_px"}
    assert found.keys() == cameras
    assert all(row["tau"] > 0.5 and row["p_all"] < 0.01 for row in found.values())
    assert all(500 < row["slope"] < 4000 for row in found.values())
    points = [row for row in rows(out, "charts") if row["chart"] == "x" and row["name"] == "area_px"]
    assert {row["camera"] for row in points if row["rules"]} == cameras


def test_the_report_shows_it(wear: tuple[Path, set[str]]) -> None:
    """Every worn screw stands out, as one that has changed."""
    out, cameras = wear
    page = report(out).page
    assert all(f"<h3>{camera} " in page for camera in cameras)
    assert page.count("Area of pit: up by ") >= 6


def _seen(folder: Path) -> Iterator[Record]:
    """A record per image in order of time; the place on the screw and its angle stand for a camera."""
    seqs: dict[str, int] = defaultdict(int)
    for path in sorted((folder / "data").glob("*.jpg")):
        _, when, place, angle, *_ = path.stem.split("_")
        camera, size = f"{place}-{angle}", (460, 1130)
        taken = datetime.strptime(when, "%y%m%d%H%M%S").replace(tzinfo=UTC)
        marked = folder / "masks_png" / f"{path.stem}.png"
        pits = [*_pits(marked)] if marked.exists() else []
        seqs[camera] += 1
        who: dict[str, Any] = {
            "camera": camera,
            "session": "s",
            "seq": seqs[camera],
            "t_ns": int(taken.timestamp()) * SECOND,
        }
        told: dict[str, Any] = {
            "size": pits[0].mask.size if pits else size,
            "prompt": "screw",
            "model": "marked by people",
        }
        yield Regions(**who, regions=tuple(pits), **told)


def _pits(path: Path) -> Iterator[Region]:
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    count, labels, stats, middles = cv2.connectedComponentsWithStats((pixels > 0).astype(np.uint8))
    for number in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[number])
        mask, middle = Mask.from_dense(labels == number), (float(middles[number][0]), float(middles[number][1]))
        yield Region("pit", area, (x, y, width, height), middle, 0, 0, area / (width * height), True, 1.0, mask)
