"""Control charts: where a process lies when it is left alone, and which points do not belong to it.

Pure arithmetic over what `rates` and `measures` tell window by window. Limits are those of W. A. Shewhart (1931) as in
D. C. Montgomery, Introduction to Statistical Quality Control; p′ and u′ of D. B. Laney, Quality Engineering 14 (2002)
531-537, which are the ones to use at the sample sizes of cameras: a p-chart alarms on every wander of the true rate.
"""

from __future__ import annotations

from functools import cache
from math import exp, lgamma, pi, sqrt
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

SIGMAS = 3.0
# Of the range of two normal values: its mean in standard deviations, with the three decimals of every printed table
# (ISO 7870-2; Montgomery's table VI), so that limits are those that others print; and its deviation over its mean.
D2 = 1.128
RANGE = sqrt(2 - 4 / pi) / (2 / sqrt(pi))


class Chart(Struct, frozen=True):
    """Points with their limits; all arrays are float64 (N,).

    Attributes:
        kind: `p`, `u`, `p′`, `u′`, `x̄`, `s`, `x`, `mr`, `ewma`, `cusum up` or `cusum down`.
        values: What is charted.
        center: What the process gives when it is left alone.
        sigma: Standard deviation of each value around it.
        low: Lower limit; never below what a value can be.
        high: Upper limit.
        spread: σz of p′ and u′: how many times as far as by chance alone the rate wanders; 1 elsewhere.
    """

    kind: str
    values: Numbers
    center: Numbers
    sigma: Numbers
    low: Numbers
    high: Numbers
    spread: float = 1.0

    @property
    def summed(self) -> bool:
        """Whether a point holds those before it: then only the limits say anything of it."""
        return self.kind.startswith(("ewma", "cusum"))

    def outside(self) -> Flags:
        """Which points are beyond the limits, bool (N,)."""
        return (self.values < self.low) | (self.values > self.high)

    def scores(self) -> Numbers:
        """How many sigmas each point lies from the centre; 0 where there is no spread and no distance."""
        apart = self.values - self.center
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(apart == 0, 0.0, apart / self.sigma)


def p(hits: Numbers, of: Numbers, phase: Flags | None = None) -> Chart:
    """Shares: how many of so many.

    Args:
        hits: (N,).
        of: (N,), > 0.
        phase: (N,) the points that limits are made of; all where left out.
    """
    center = _total(hits, of, phase)
    return _chart("p", hits / of, center, np.sqrt(center * (1 - center) / of), most=1.0)


def u(counts: Numbers, of: Numbers, phase: Flags | None = None) -> Chart:
    """Counts per unit, as defects per frame; arguments as of `p`."""
    center = _total(counts, of, phase)
    return _chart("u", counts / of, center, np.sqrt(center / of))


def p_prime(hits: Numbers, of: Numbers, phase: Flags | None = None) -> Chart:
    """Shares whose true rate wanders: as `p`, with limits as wide as it wanders from one point to the next."""
    return _laney(p(hits, of, phase), "p′", phase, most=1.0)


def u_prime(counts: Numbers, of: Numbers, phase: Flags | None = None) -> Chart:
    """Counts per unit whose true rate wanders; arguments as of `p`."""
    return _laney(u(counts, of, phase), "u′", phase)


def xbar_s(
    means: Numbers, deviations: Numbers, n: NDArray[np.int64], phase: Flags | None = None
) -> tuple[Chart, Chart]:
    """Means and standard deviations of subgroups.

    Args:
        means: (N,).
        deviations: (N,) of the sample.
        n: (N,) values in each subgroup, ≥ 2.
        phase: (N,) the points that limits are made of; all where left out.

    Returns:
        The chart of the means and that of the deviations.
    """
    inside, unbiased = _phase(means, phase), c4(n)
    sigma = float(np.mean((deviations / unbiased)[inside]))
    center = float(np.average(means[inside], weights=n[inside]))
    spread = _chart("s", deviations, unbiased * sigma, sigma * np.sqrt(1 - unbiased**2))
    return _chart("x̄", means, center, sigma / np.sqrt(n), least=-np.inf), spread


def xbar_r(groups: Numbers, phase: Flags | None = None) -> Chart:
    """Means of subgroups, limits by their ranges.

    Args:
        groups: (N, n) values, n ≥ 2 in each subgroup.
        phase: (N,) the points that limits are made of; all where left out.
    """
    means, inside = groups.mean(axis=1), _phase(groups[:, 0], phase)
    sigma = float(np.ptp(groups[inside], axis=1).mean()) / d2(groups.shape[1])
    return _chart(
        "x̄", means, float(means[inside].mean()), np.full(len(means), sigma / sqrt(groups.shape[1])), least=-np.inf
    )


def individuals(values: Numbers, phase: Flags | None = None) -> tuple[Chart, Chart]:
    """Single values, and how far each is from the one before it.

    Args:
        values: (N,), in order of time.
        phase: (N,) the points that limits are made of; all where left out.

    Returns:
        The chart of the values and that of their moving ranges, whose first point is NaN.
    """
    inside = values[_phase(values, phase)]
    around = float(np.abs(np.diff(inside)).mean())
    ranges = np.append(np.nan, np.abs(np.diff(values)))
    moving = _chart("mr", ranges, around, np.full(len(values), around * RANGE))
    return _chart("x", values, float(inside.mean()), np.full(len(values), around / D2), least=-np.inf), moving


def ewma(scores: Numbers, weight: float = 0.2, sigmas: float = SIGMAS) -> tuple[Numbers, Numbers]:
    """Exponentially weighted means of points, which see small shifts that last (S. W. Roberts, 1959).

    Args:
        scores: (N,) distances from the centre in sigmas.
        weight: Of the newest, 0…1.
        sigmas: How many of its own the limits are apart from 0.

    Returns:
        The mean at each point, and its limit on either side; both (N,), in sigmas of a point.
    """
    means = np.empty(len(scores))
    held = 0.0
    for number, score in enumerate(scores.tolist()):
        means[number] = held = weight * score + (1 - weight) * held
    steps = np.arange(1, len(scores) + 1)
    return means, sigmas * np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * steps)))


def cusum(scores: Numbers, slack: float = 0.5) -> tuple[Numbers, Numbers]:
    """What points add up to above the centre and below it (E. S. Page, 1954); 4 or 5 sigmas are an alarm.

    Args:
        scores: (N,) distances from the centre in sigmas.
        slack: Half of the shift to be found, sigmas.

    Returns:
        Sums above, ≥ 0, and below, ≤ 0; both (N,).
    """
    sums, above, below = np.zeros((2, len(scores))), 0.0, 0.0
    for number, score in enumerate(scores.tolist()):
        above, below = max(0.0, above + score - slack), min(0.0, below + score + slack)
        sums[:, number] = above, below
    return sums[0], sums[1]


def ewma_chart(plain: Chart, weight: float = 0.2) -> Chart:
    """The exponentially weighted means of a chart's points, in sigmas."""
    means, limits = ewma(plain.scores(), weight)
    none = np.zeros(len(means))
    return Chart("ewma", means, none, limits / SIGMAS, -limits, limits)


def cusum_charts(plain: Chart, decision: float = 5.0) -> tuple[Chart, Chart]:
    """What a chart's points add up to above the centre and below it, in sigmas.

    Args:
        plain: Its points.
        decision: How large a sum is an alarm; at 5, one in about 470 points of a process that is left alone.
    """
    above, below = cusum(plain.scores())
    none, wide = np.zeros(len(above)), np.full(len(above), decision)
    parts = (("up", above), ("down", below))
    up, down = (Chart(f"cusum {way}", sums, none, wide / SIGMAS, -wide, wide) for way, sums in parts)
    return up, down


def c4(n: NDArray[np.int64]) -> Numbers:
    """Mean of the sample's standard deviation of n ≥ 2 normal values, in standard deviations."""
    known = {size: sqrt(2 / (size - 1)) * exp(lgamma(size / 2) - lgamma((size - 1) / 2)) for size in {*n.tolist()}}
    return np.array([known[size] for size in n.tolist()])


@cache
def d2(n: int) -> float:
    """Mean of the range of n ≥ 2 normal values, in standard deviations: three decimals of ∫ 1 - (1 - Φ)ⁿ - Φⁿ."""
    x = np.linspace(-10, 10, 4001)
    below = np.array([NormalDist().cdf(each) for each in x.tolist()])
    return round(float(np.trapezoid(1 - (1 - below) ** n - below**n, x)), 3)


def _total(hits: Numbers, of: Numbers, phase: Flags | None) -> float:
    inside = _phase(hits, phase)
    return float(hits[inside].sum() / of[inside].sum())


def _laney(plain: Chart, kind: str, phase: Flags | None, most: float = np.inf) -> Chart:
    scores = plain.scores()[_phase(plain.values, phase)]
    spread = float(np.abs(np.diff(scores)).mean()) / D2
    chart = _chart(kind, plain.values, float(plain.center[0]), plain.sigma * spread, most=most)
    return Chart(chart.kind, chart.values, chart.center, chart.sigma, chart.low, chart.high, spread)


def _chart(
    kind: str, values: Numbers, center: float | Numbers, sigma: Numbers, *, least: float = 0.0, most: float = np.inf
) -> Chart:
    middle = np.broadcast_to(np.asarray(center, np.float64), values.shape).copy()
    low, high = (np.clip(middle + way * SIGMAS * sigma, least, most) for way in (-1, 1))
    return Chart(kind, values, middle, sigma, low, high)


def _phase(like: Numbers, phase: Flags | None) -> Flags:
    return np.ones(len(like), bool) if phase is None else phase
