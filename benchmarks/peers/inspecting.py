"""A frame's way from scores to measured regions, composed of libraries in three ways; and frames to try them on.

Each gives, per piece, what `measure` does: area, box, centroid, perimeter, oriented box, eccentricity, solidity,
diameter, holes and their area, mean score and run lengths. What one library measures as another would is measured
where it costs least.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

Scores = NDArray[np.int8]
Piece = tuple[Any, ...]

DISC = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
PROPERTIES = (
    "label", "area", "bbox", "centroid", "perimeter", "axis_major_length", "axis_minor_length", "orientation",
    "eccentricity", "solidity", "equivalent_diameter_area", "euler_number", "area_filled", "intensity_mean",
)  # fmt: skip


def best(scores: Scores) -> list[Piece]:
    """OpenCV for pixels and outlines, rlemasklib for components, moments and run lengths; nothing is found twice."""
    from rlemasklib import RLEMask

    mask = _smooth(scores)
    pieces, stats = RLEMask.from_array(mask).connected_components_with_stats(connectivity=8)
    if not pieces or stats is None:
        return []
    areas, boxes, centroids = (each.tolist() for each in stats)
    borders, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = tree[0][:, 3].tolist()
    # Which outline is of which piece: both know the box around it.
    outer = {cv2.boundingRect(border): i for i, border in enumerate(borders) if parents[i] < 0}
    inner: dict[int, list[float]] = {}
    for border, parent in zip(borders, parents, strict=True):
        if parent >= 0:
            inner.setdefault(parent, []).append(cv2.contourArea(border))
    found = []
    for n, piece in enumerate(pieces):
        x, y, width, height = map(int, boxes[n])
        own = outer[x, y, width, height]
        holes = inner.get(own, [])
        inside = piece.crop([x, y, width, height]).to_array()
        mean = cv2.mean(scores[y : y + height, x : x + width], inside)[0]
        outline = _outline(borders[own], areas[n], piece.moments())
        found.append((areas[n], boxes[n], centroids[n], len(holes), sum(holes), mean, *outline, piece.to_dict()))
    return found


def usual(scores: Scores) -> list[Piece]:
    """OpenCV as its examples use it: a mask of the whole frame for each piece."""
    mask = _smooth(scores)
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = []
    for number in range(1, count):
        own = (labels == number).astype(np.uint8)
        borders, _ = cv2.findContours(own, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        outline = _outline(max(borders, key=len), int(stats[number, 4]), cv2.moments(own, binaryImage=True))
        holes, mean = sum(map(cv2.contourArea, borders[1:])), cv2.mean(scores, own)[0]
        runs = coco.encode(np.asfortranarray(own))
        found.append((stats[number], centroids[number], len(borders) - 1, holes, mean, *outline, runs))
    return found


def naive(scores: Scores) -> list[Piece]:
    """scikit-image, which has it all."""
    import skimage.measure as measure  # noqa: PLR0402 - it does not say that it exports it
    import skimage.morphology as morphology  # noqa: PLR0402

    disc = morphology.disk(1)
    mask = morphology.closing(morphology.opening(scores > 0, disc), disc)
    labels = measure.label(mask, connectivity=2)
    table = measure.regionprops_table(labels, scores, properties=PROPERTIES)
    runs = [coco.encode(np.asfortranarray(labels == number, dtype=np.uint8)) for number in table["label"]]
    return [*zip(*table.values(), runs, strict=True)]


def drawn(size: tuple[int, int], count: int, seed: int = 1) -> Scores:
    """(H, W) int8: scores of so many pieces with rough edges that do not touch."""
    random = np.random.default_rng(seed)
    height, width = size
    rows = max(1, round(math.sqrt(count * height / width)))
    columns = max(1, -(-count // rows))
    y, x = np.mgrid[:height, :width]
    scores = np.full(size, -40.0)
    for number in range(count):
        middle = (number // columns + 0.5) * height / rows, (number % columns + 0.5) * width / columns
        across, down = (random.random(2) * 0.25 + 0.5) * (width / columns / 2 - 2, height / rows / 2 - 2)
        away = 1 - np.hypot((x - middle[1]) / across, (y - middle[0]) / down)
        scores = np.maximum(scores, np.clip(away * min(across, down) * 20, -40, 100))
    noise = cv2.GaussianBlur(random.normal(0, 40, size), (0, 0), 1.0)
    return np.clip(scores + noise, -128, 127).astype(np.int8)


def _smooth(scores: Scores) -> NDArray[np.uint8]:
    mask = (scores > 0).view(np.uint8)
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, DISC)
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, DISC), np.uint8)


def _outline(border: Any, area: float, moments: Mapping[str, float]) -> Piece:
    """Perimeter, oriented box, eccentricity, solidity and diameter."""
    hull = cv2.contourArea(cv2.convexHull(border))
    middle = (moments["mu20"] + moments["mu02"]) / 2
    spread = math.hypot((moments["mu20"] - moments["mu02"]) / 2, moments["mu11"])
    eccentricity = math.sqrt(2 * spread / (middle + spread)) if middle + spread else 0.0
    solidity = area / hull if hull else 1.0
    return cv2.arcLength(border, True), cv2.minAreaRect(border), eccentricity, solidity, math.sqrt(4 * area / math.pi)
