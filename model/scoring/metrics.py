"""How well a mask fits what was meant, one pair at a time; and what that says about all pairs.

Two empty masks agree: every measure of them is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from model.prompt import Mask

THRESHOLDS = np.arange(10) * 0.05 + 0.5  # COCO's
TOLERANCE = 0.008  # of the diagonal: DAVIS's
RESAMPLED = 1000
COVERED = 0.95


class Fit(NamedTuple):
    """How one mask fits.

    Attributes:
        iou: Intersection over union (Jaccard).
        dice: Twice the intersection over the sum of both (F1).
        boundary: Harmonic mean of how much of each outline lies on the other (Perazzi et al., 2016).
    """

    iou: float
    dice: float
    boundary: float


class Score(Struct, frozen=True):
    """What the fits of many masks say; each interval holds the mean with 95 %.

    Attributes:
        count: Of masks.
        miou: Mean intersection over union.
        miou_interval: (low, high).
        dice: Mean Dice.
        dice_interval: (low, high).
        boundary: Mean boundary F-score.
        boundary_interval: (low, high).
        ap: Mean over thresholds from 0.5 to 0.95 of the share of masks that reach it. Not COCO's: nothing is ranked.
        ap_interval: (low, high).
    """

    count: int
    miou: float
    miou_interval: tuple[float, float]
    dice: float
    dice_interval: tuple[float, float]
    boundary: float
    boundary_interval: tuple[float, float]
    ap: float
    ap_interval: tuple[float, float]


def fit(found: Mask, meant: Mask) -> Fit:
    """How a mask fits another, (H, W) each."""
    both, each = int((found & meant).sum()), int(found.sum()) + int(meant.sum())
    if not each:
        return Fit(1.0, 1.0, 1.0)
    return Fit(both / (each - both), 2 * both / each, boundary(found, meant))


def boundary(found: Mask, meant: Mask) -> float:
    """F-score of outlines: a pixel of one counts where the other has one within 0.8 % of the diagonal, rounded up."""
    one, other = _outline(found), _outline(meant)
    if not one.any() and not other.any():
        return 1.0
    if not one.any() or not other.any():
        return 0.0
    reach = math.ceil(TOLERANCE * math.hypot(*found.shape))
    precision, recall = _near(one, other, reach), _near(other, one, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def score(fits: Sequence[Fit], seed: int = 0) -> Score:
    """Means with intervals.

    Args:
        fits: At least one.
        seed: Of the samples that the intervals come from.
    """
    values = np.array(fits, np.float64)
    reached = (values[:, :1] >= THRESHOLDS).mean(1)
    columns = np.column_stack([values, reached])
    means, (low, high) = columns.mean(0), _intervals(columns, seed)
    told = [(float(mean), (float(lo), float(hi))) for mean, lo, hi in zip(means, low, high, strict=True)]
    return Score(len(fits), *(each for pair in told for each in pair))  # type: ignore[arg-type]


def _intervals(columns: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Percentiles of means of samples drawn again (Efron, 1979): (2, columns)."""
    dice, count = np.random.default_rng(seed), len(columns)
    weights = dice.multinomial(count, np.full(count, 1 / count), RESAMPLED)
    tail = 100 * (1 - COVERED) / 2
    found: NDArray[np.float64] = np.percentile(weights @ columns / count, [tail, 100 - tail], axis=0)
    return found


def _outline(mask: Mask) -> Mask:
    """Pixels of a mask that have a neighbour outside; what lies beyond the view is outside."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def _near(one: Mask, other: Mask, reach: int) -> float:
    """Share of one outline that lies within a distance of the other."""
    away = cv2.distanceTransform((~other).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((away[one] <= reach + 1e-3).mean())
