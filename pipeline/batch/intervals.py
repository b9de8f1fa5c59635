"""Shares with intervals: what was counted, out of how many, and between which limits the true share lies."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95

Numbers = NDArray[np.float64]


def wilson(hits: NDArray[np.int64], of: NDArray[np.int64], confidence: float = CONFIDENCE) -> tuple[Numbers, Numbers]:
    """The score interval of a share: E. B. Wilson, JASA 22 (1927), 209-212; without correction for continuity.

    Args:
        hits: (N,) how often it was so, 0 ≤ hits ≤ of.
        of: (N,) out of how many; where it is 0, both limits are NaN: nothing is known.
        confidence: Two-sided, 0 < confidence < 1.

    Returns:
        Lower and upper limit, float64 (N,) in 0…1; exactly 0 where nothing hit, exactly 1 where all did.

    >>> [limit.round(4).tolist() for limit in wilson(np.array([0, 5, 10]), np.array([10, 10, 10]))]
    [[0.0, 0.2366, 0.7225], [0.2775, 0.7634, 1.0]]
    """
    k, n, z = np.asarray(hits, np.float64), np.asarray(of, np.float64), _quantile(confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (k + z * z / 2) / (n + z * z)
        half = z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
    low = np.where(k == 0, 0.0, middle - half)
    high = np.where(k == n, 1.0, middle + half)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


@cache
def _quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
