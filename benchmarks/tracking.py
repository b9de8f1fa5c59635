"""Identities: made-up belts and real sequences, beside ByteTrack of `supervision` and of `trackers`."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from benchmarks.belts import SCENES, SIZE, Box, Scene, show
from benchmarks.figure import Figure, Limit
from nodes.transforms.track import track
from pipeline.masks import Mask
from pipeline.records import Part, Region, Regions, Tracks

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("trackers", "supervision")
SEEDS = (1, 2, 3)

Rows = list[list[float]]
Frames = list[Rows]


class Score(NamedTuple):
    """How well identities were kept: sums over the seeds, IDF1 their mean."""

    idf1: float
    switches: int
    once: int
    parts: int
    ghosts: int


def regions(boxes: Iterable[Iterable[float]], size: tuple[int, int], seq: int, **fields: Any) -> Regions:
    """A frame in which these boxes (x, y, width, height) were found, in whole px and clipped by the view."""
    found = [region for box in boxes if (region := _region(*box, size))]
    return Regions(camera="c", session="s", seq=seq, t_ns=seq, size=size, regions=tuple(found), **fields)


def _region(x: float, y: float, width: float, height: float, size: tuple[int, int]) -> Region | None:
    left, top = max(0, round(x)), max(0, round(y))
    right, low = min(size[1], round(x + width)), min(size[0], round(y + height))
    if right <= left or low <= top:
        return None
    whole = left > 0 and top > 0 and right < size[1] and low < size[0]
    box, centroid = (left, top, right - left, low - top), ((left + right - 1) / 2, (top + low - 1) / 2)
    return Region("part", box[2] * box[3], box, centroid, 0, 0, 1.0, whole, 1.0, Mask.empty(size))


def ours(frames: Iterable[Regions], **params: Any) -> tuple[Frames, list[int]]:
    """What `track` tells: (id, x, y, width, height) of every part in each frame, and the ids that it counted."""
    told: Frames = []
    counted = []
    for record in track(iter(frames), **params):
        if isinstance(record, Part):
            counted.append(record.id)
        elif isinstance(record, Tracks):
            seen = [[t.id, *t.region.box] for t in record.tracks]
            told.append(seen + [[c.id, *c.box] for c in record.coasted])
    return told, counted


def ask(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The peers' answers, from their own environment."""
    command = [ROOT / ".venv-bench" / "bin" / "python", "-m", "benchmarks.peers.identities"]
    run = subprocess.run(command, input=json.dumps(tasks), stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    return json.loads(run.stdout)


def counts(pairs: Rows, counted: Iterable[int], true: Frames) -> tuple[int, int, int]:
    """Parts counted exactly once, parts, and ids that were counted without one: each id is of whom it follows most."""
    best: dict[int, tuple[float, int]] = {}
    for part, told, frames in pairs:
        best[int(told)] = max(best.get(int(told), (0.0, -1)), (frames, int(part)))
    times = Counter(best[told][1] for told in counted if told in best)
    parts = {int(row[0]) for frame in true for row in frame}
    return sum(times[part] == 1 for part in parts), len(parts), sum(told not in best for told in counted)
