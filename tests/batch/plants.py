"""A small plant: what its cameras saw, as records; everything is drawn from one seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nodes.sinks.archive import archive
from pipeline.masks import Mask
from pipeline.records import Finding, Gap, Reading, Record, Region, Regions, Roi, Verdict
from pipeline.shapes import Metric, Shape

SECOND = 10**9
NOON = 1_795_348_800 * SECOND  # 2026-11-22, 12:00 UTC
SIZE = (24, 32)
SHAPE = Shape(10.0, 5.0, 2.5, 0.0, 3.0, 0.5, 0.9)


def region(label: str, box: tuple[int, int, int, int], score: float = 0.75, mm: bool = False) -> Region:
    """A rectangle without its top left pixel."""
    x, y, width, height = box
    dense = np.zeros(SIZE, bool)
    dense[y : y + height, x : x + width] = True
    dense[y, x] = width * height == 1
    rows, columns = np.nonzero(dense)
    area, middle = int(dense.sum()), (float(columns.mean()), float(rows.mean()))
    metric = Metric(area / 4, 0.0, (middle[0] / 2, middle[1] / 2), 5, 2, 1, 0, 1, 0.5, "cal-1") if mm else None
    mask = Mask.from_dense(dense)
    return Region(label, area, box, middle, 0, 0, area / (width * height), True, score, mask, SHAPE, metric)


def plant(seed: int, frames: int, *, every: int = 100 * SECOND, start: int = NOON) -> list[Record]:
    """What two cameras saw: parts with pits and scratches, judged frame by frame, and gaps."""
    dice, records = np.random.default_rng(seed), list[Record]()
    for camera in ("cam-1", "cam-2"):
        seq = 0
        for number in range(frames):
            who = {"camera": camera, "session": f"s{number * 3 // frames}", "seq": seq, "t_ns": start + number * every}
            records += _gap(who) if dice.random() < 0.1 else _frame(dice, who)
            seq = records[-1].seq + 1
    return records


def shelve(folder: Path, records: list[Any], batch: int = 50) -> Path:
    """Archive records by the sink itself, so many at a time."""
    archive(iter([records[at : at + batch] for at in range(0, len(records), batch)]), path=str(folder))
    return folder


def _frame(dice: np.random.Generator, who: dict[str, Any]) -> list[Record]:
    found = [region("part", (4, 4, 20, 16), 0.9, mm=True)] if dice.random() < 0.9 else []
    for label in ("pit", "scratch"):
        for _ in range(int(dice.integers(0, 3)) if found else 0):
            x, y = int(dice.integers(0, 24)), int(dice.integers(0, 16))
            found.append(
                region(label, (x, y, int(dice.integers(1, 8)), int(dice.integers(1, 8))), float(dice.random()))
            )
    said: dict[str, Any] = {"prompt": "top", "model": "net-1", "roi": Roi(100, 200, 64, 48), "reading": _read(who)}
    pits = sum(each.label == "pit" for each in found)
    outcome: Any = "FAIL" if pits > 1 else "PASS" if found else "NO_READ"
    reasons = [Finding("no pits", "PIT", "count", pits, high=1), Finding("small", "SIZE", "area", 1.0, high=0)]
    findings = tuple(reasons[: max(0, pits - 1) + (pits > 1)][:2]) if pits > 1 else ()
    verdict = Verdict(
        **who, outcome=outcome, subject="frame", first_seq=who["seq"], findings=findings, book="b", version="v1"
    )
    return [Regions(**who, size=SIZE, regions=tuple(found), **said), verdict]


def _read(who: dict[str, Any]) -> Reading | None:
    """One camera tells nothing of itself; the other how warm it is and how light, and by every fourth how bright."""
    seq = who["seq"]
    if who["camera"] == "cam-1":
        return None
    bright = None if seq % 4 else 90 + seq % 7 / 8
    return Reading(exposure_us=8000, temperature_c=40 + seq / 64, lux=400 - seq % 5, brightness=bright)


def _gap(who: dict[str, Any]) -> list[Record]:
    """Three frames that are missing, and the verdict on them."""
    last = who["seq"] + 2
    told = Verdict(
        **{**who, "seq": last}, outcome="NO_READ", subject="gap", first_seq=who["seq"], book="b", version="v1"
    )
    return [Gap(**who, last=last, reason="overflow", where="camera"), told]
