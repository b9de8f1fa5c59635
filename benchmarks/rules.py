"""How many limits a core checks in a second: what a measurement may be, held against what it is."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.figure import ROUNDS, Figure, Limit
from nodes.transforms.book import open_book
from nodes.transforms.judge import Judge
from pipeline.masks import Mask
from pipeline.records import Region, Regions

SECONDS = 0.3  # of each round
LOW, HIGH = "{low: 1 px, high: 90 px}", "{low: 2 px, high: 80 px}"
LIMITS = [
    f"{{measure: {name}, fail: {LOW}, warn: {HIGH}}}"
    for name in ("box_width", "box_height", "centroid_x", "centroid_y")
] + [
    "{measure: area, fail: {low: 1 px², high: 900 px²}, warn: {low: 2 px², high: 800 px²}}",
    "{measure: extent, fail: {low: 1 %, high: 110 %}, warn: {low: 2 %, high: 105 %}}",
]
CONDITION = "{require: area < 500 px² and box_width / box_height < 2}"


def figures() -> Iterator[Figure]:
    """Frames of five regions, good ones and bad ones; a condition for itself."""
    checks = len(LIMITS) * 4 * 5
    for what, regions in (("all kept", _frame(8)), ("one region breaks each rule", _frame(8, last=1))):
        rate = median(_rate(LIMITS, regions) for _ in range(ROUNDS)) * checks
        yield Figure(f"rules: limit checks per second and core, {what}", rate, Limit("≥", 100_000))
    rate = median(_rate([CONDITION], _frame(8)) for _ in range(ROUNDS)) * 5
    yield Figure("rules: conditions of two comparisons per second and core", rate)


def _frame(side: int, last: int | None = None) -> Regions:
    sides = [side] * 4 + [side if last is None else last]
    found = tuple(_region(6 + 16 * place, each) for place, each in enumerate(sides))
    return Regions(camera="cam-1", session="s", seq=0, t_ns=0, size=(96, 96), regions=found)


def _region(x: int, side: int) -> Region:
    mask = np.zeros((96, 96), bool)
    mask[6 : 6 + side, x : x + side] = True
    return Region(
        label="part",
        area_px=side * side,
        box=(x, 6, side, side),
        centroid=(x + (side - 1) / 2, 6 + (side - 1) / 2),
        holes=0,
        hole_area_px=0,
        extent=1.0 if side > 1 else 1.2,
        whole=True,
        score=1.0,
        mask=Mask.from_dense(mask),
    )


def _rate(rules: list[str], frame: Regions) -> float:
    """Frames judged in a second."""
    named = [f"  - {{name: r{place}, reason: R, {rule[1:]}" for place, rule in enumerate(rules)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "book.yaml")
        path.write_text("rules:\n" + "\n".join(named), encoding="utf-8")
        judge = Judge(open_book(str(path)))
    frames, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < SECONDS:
        for _ in range(100):
            judge.judge(frame)
        frames += 100
    return frames / taken
