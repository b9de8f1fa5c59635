"""Which camera sees otherwise than its peers: a funnel with room for what cameras differ by; many tests are minded."""

from __future__ import annotations

from math import cos, erfc, log1p, sin, sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

WINSOR = 0.2  # of the scores on either side: a camera that is off must not widen the funnel for itself
CLIPPED = 0.41208  # mean square of a normal score that is clipped so
STEPS = 60  # of a bisection: as many as a float64 has bits


class Funnel(Struct, frozen=True):
    """Shares of several cameras held against each other; arrays are float64 (N,), by camera.

    Attributes:
        rate: Share of all cameras together.
        spread: Standard deviation by which cameras differ beyond chance; 0 where chance explains all.
        scores: How far each camera is from the others' common share, in standard deviations of chance and spread.
        p: Two-sided probability of such a score for a camera like the others.
        q: The same after Benjamini and Hochberg: of all cameras with q ≤ 0.05, 5 % at the most are expected to be
            like the others.
    """

    rate: float
    spread: float
    scores: Numbers
    p: Numbers
    q: Numbers


def funnel(hits: Numbers, of: Numbers) -> Funnel:
    """Hold shares against each other: D. J. Spiegelhalter, Statistics in Medicine 24 (2005) 1185-1202, section 5.2.

    Shares are compared on the arcsine scale, where chance is as wide everywhere; what cameras differ by beyond it is
    estimated from winsorised scores and added.

    Args:
        hits: (N,) how often it was so at each camera.
        of: (N,) out of how many, > 0.
    """
    found = level(np.arcsin(np.sqrt(hits / of)), 1 / (4 * of))
    share, slope = sin(found.rate) ** 2, 2 * sin(found.rate) * cos(found.rate)
    return Funnel(share, found.spread * slope, found.scores, found.p, found.q)


def level(values: Numbers, chance: Numbers) -> Funnel:
    """Hold any values against each other; `rate` is their common level, in their units.

    Args:
        values: (N,) one per camera.
        chance: (N,) variance that each has by chance, > 0.
    """
    tau2 = _beyond(values, chance)
    middle = _middle(values, chance + tau2)
    scores = (values - middle) / np.sqrt(chance + tau2)
    # A spread that was estimated from few cameras is not known well.
    freedom = (1 - 2 * WINSOR) * len(values) - 1 if tau2 else np.inf
    p = np.array([_two_sided(score, freedom) for score in scores.tolist()])
    return Funnel(middle, sqrt(tau2), scores, p, adjusted(p))


def adjusted(p: Numbers) -> Numbers:
    """Probabilities with many tests minded: Y. Benjamini, Y. Hochberg, J. R. Stat. Soc. B 57 (1995) 289-300.

    Args:
        p: (N,) of tests that are independent or positively dependent.

    Returns:
        (N,) the smallest share of false alarms at which each test is an alarm.

    >>> adjusted(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    found = np.empty(len(p))
    found[order] = np.minimum.accumulate(steps[::-1])[::-1].clip(max=1)
    return found


def together(p: Numbers, tests: int | None = None) -> Numbers:
    """Probabilities with all tests minded: that any test at all is so sure without a cause.

    S. Holm, Scand. J. Statist. 6 (1979) 65-70: whatever else is wrong, and however tests depend on each other.

    Args:
        p: (N,) of tests.
        tests: How many there were, where not all are given; then the N surest.

    >>> together(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.09, 0.09, 0.5]
    """
    order = np.argsort(p, kind="stable")
    steps = p[order] * ((len(p) if tests is None else tests) - np.arange(len(p)))
    found = np.empty(len(p))
    found[order] = np.maximum.accumulate(steps).clip(max=1)
    return found


def _beyond(scale: Numbers, chance: Numbers) -> float:
    """Variance by which cameras differ beyond chance: with it, clipped scores are as far apart as clipped normal ones.

    After R. C. Paule, J. Mandel, J. Res. NBS 87 (1982) 377-385.
    """
    low, high = 0.0, float(np.ptp(scale)) ** 2
    if len(scale) < 3 or _excess(scale, chance) <= 0:
        return 0.0
    for _ in range(STEPS):
        half = (low + high) / 2
        low, high = (half, high) if _excess(scale, chance + half) > 0 else (low, half)
    return (low + high) / 2


def _excess(scale: Numbers, variance: Numbers) -> float:
    scores = _clipped((scale - _middle(scale, variance)) / np.sqrt(variance))
    return float(np.mean(scores**2)) / CLIPPED - (len(scale) - 1) / len(scale)


def _middle(scale: Numbers, variance: Numbers) -> float:
    weights = 1 / variance
    return float((_clipped(scale) * weights).sum() / weights.sum())


def _clipped(values: Numbers) -> Numbers:
    ascending = np.sort(values)
    low, high = (_between(ascending, share) for share in (WINSOR, 1 - WINSOR))
    return np.minimum(np.maximum(values, low), high)


def _between(ascending: Numbers, share: float) -> float:
    """A quantile between the two values that are nearest, as `np.quantile` has it; this is called very often."""
    place = (len(ascending) - 1) * share
    below = int(place)
    low, high = float(ascending[below]), float(ascending[min(below + 1, len(ascending) - 1)])
    part = place - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def _two_sided(score: float, freedom: float) -> float:
    """Probability of a score at least as far from 0; Student's t by D. L. Wallace, Ann. Math. Stat. 30 (1959) 1124."""
    if np.isfinite(freedom):
        score = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log1p(score**2 / freedom))
    return erfc(abs(score) / sqrt(2))
