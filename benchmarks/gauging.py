"""What each tool of `gauge` costs a frame of 96×96 px, CPU time: the median of a round, of the quickest of five."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from benchmarks.figure import ROUNDS, Figure
from nodes.sources.folder import image
from nodes.transforms.bench import gauges
from nodes.transforms.layout import open_layout
from nodes.transforms.vantage import Vantage
from nodes.transforms.views import View
from pipeline.calibration import open_calibration

FRAMES = 50  # of each round
FOLDER = Path(__file__).resolve().parent.parent / "topologies" / "brackets"


def figures() -> Iterator[Figure]:
    """Each tool alone, and all of them, in mm as well."""
    whole = open_layout(str(FOLDER / "layout.yaml")).views["*"]
    bare = replace(whole, zones={}, edges={}, gaps={}, patterns={})
    still = replace(whole, golden=None, align="none")
    views = {
        "golden mask, as it was seen": replace(bare, align="none"),
        "golden mask, aligned by centroid": replace(bare, align="centroid"),
        "golden mask, aligned by ECC within 10°": bare,
        "golden mask, aligned by ECC at any angle": replace(bare, max_turn=180),
        "one zone": replace(still, edges={}, gaps={}, patterns={}),
        "one gap between two edges": replace(still, zones={}, patterns={}),
        "a pattern of four holes": replace(still, zones={}, edges={}, gaps={}),
        "all of them, aligned by ECC within 10°": whole,
    }
    for what, view in views.items():
        shot = "02-moved" if view.golden else "01-good"
        yield Figure(f"gauge: {what}, 96×96, µs of CPU per frame", min(_cost(view, shot) for _ in range(ROUNDS)))


def _cost(view: View, shot: str) -> float:
    """µs for a mask."""
    known = open_calibration(str(FOLDER / "plane.yaml"))
    _, (layer,) = image(FOLDER / f"bracket-{shot}.png", "part", 127)
    mask = layer.mask
    vantage = Vantage(view, mask.size, None, known)
    assert not any(gauge.fault for gauge in gauges(vantage, mask))
    taken = []
    for _ in range(FRAMES):
        start = time.thread_time()
        gauges(vantage, mask)
        taken.append(time.thread_time() - start)
    return median(taken) * 1e6
