"""Real sequences that people drew boxes on, with detections: MOT15, MOT17, BDD100K; read from where they lie."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

Box = tuple[float, float, float, float]

LEAST_SCORE = 0.6  # detections below are nobody's; told with MOT17
# Frame k of the truth is frame k + offset of the detections.
OFFSETS = {"MOT17-05": 419, "MOT17-09": 263, "MOT17-11": 451}
SMALL, LARGE = (480, 640), (1080, 1920)


class Sequence(NamedTuple):
    """A sequence: per frame the true boxes with their ids and the detected ones; `size` is (height, width), px."""

    name: str
    size: tuple[int, int]
    true: list[list[tuple[int, Box]]]
    found: list[list[Box]]


def folder() -> Path:
    """Where they are kept: `$KENSA_DATA`, otherwise `shared/data` beside the project."""
    return Path(os.environ.get("KENSA_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def read(root: Path) -> Iterator[Sequence]:
    """Every sequence that is there, in order of name."""
    for path in sorted((root / "mot15_tud" / "gt_and_example").glob("*/gt.txt")):
        name = path.parent.name
        yield _mot(name, SMALL, path, root / "mot15_tud" / "sort_det" / name / "det" / "det.txt", 0)
    for name, offset in OFFSETS.items():
        if (path := root / "mot17_val" / "gt" / name / "gt.txt").exists():
            size = SMALL if name == "MOT17-05" else LARGE
            yield _mot(name, size, path, root / "mot17_val" / "det_yolox" / f"{name}.txt", offset)
    if (bdd := root / "bdd_mot_mots" / "box_track").is_dir():
        yield _bdd(bdd)


def _mot(name: str, size: tuple[int, int], truth: Path, detections: Path, offset: int) -> Sequence:
    """A sequence of the MOT Challenge: frame, id, x, y, width, height, then confidence or flags."""
    true, found = _lines(truth), [row for row in _lines(detections) if row[6] > LEAST_SCORE]
    pedestrians = [row for row in true if row[6] == 1 and (len(row) == 10 or row[7] == 1)]
    frames = range(1, int(max(row[0] for row in true)) + 1)
    there: dict[int, list[tuple[int, Box]]] = {frame: [] for frame in frames}
    seen: dict[int, list[Box]] = {frame: [] for frame in frames}
    for row in pedestrians:
        there[int(row[0])].append((int(row[1]), _box(row)))
    for row in found:
        if int(row[0]) - offset in seen:
            seen[int(row[0]) - offset].append(_box(row))
    return Sequence(name, size, [*there.values()], [*seen.values()])


def _lines(path: Path) -> list[list[float]]:
    return [[float(cell) for cell in line.split(",")] for line in path.read_text(encoding="utf-8").splitlines() if line]


def _box(row: list[float]) -> Box:
    return row[2], row[3], row[4], row[5]


def _bdd(path: Path) -> Sequence:
    """The sequence of BDD100K: boxes of all categories as of one."""
    true, told = (json.loads((path / f"track_{what}.json").read_bytes()) for what in ("sample_anns", "predictions"))
    ids: dict[str, int] = {}
    there = [[(ids.setdefault(a["id"], len(ids)), _corners(a)) for a in frame["labels"] or ()] for frame in true]
    found = [[_corners(a) for a in frame["labels"] or () if a["score"] > LEAST_SCORE] for frame in told]
    return Sequence("BDD100K b1c66a42", (720, 1280), there, found)


def _corners(label: dict[str, dict[str, float]]) -> Box:
    box = label["box2d"]
    return box["x1"], box["y1"], box["x2"] - box["x1"], box["y2"] - box["y1"]
