"""Capability: how much room a process leaves between its limits, with the interval in which that truly lies.

Cp and Cpk speak of the spread within windows: what the process can do while it is stable, and so only where it is.
Pp and Ppk speak of all the spread there is. ISO 22514-2; V. E. Kane, J. Quality Technology 18 (1986) 41-52.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from msgspec import Struct

CONFIDENCE = 0.95


class Index(Struct, frozen=True):
    """An index, with the interval in which its true value lies.

    Attributes:
        value: None where there is nothing to say.
        low: Lower limit.
        high: Upper limit.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None


def spread(low: float | None, high: float | None, sigma: float, n: int, confidence: float = CONFIDENCE) -> Index:
    """Cp, or Pp: the room between both limits over six sigmas; the interval is that of σ by χ².

    Args:
        low: Least that is allowed; nothing is said where either is None.
        high: Greatest.
        sigma: Standard deviation, > 0.
        n: Values that it is of, ≥ 2.
        confidence: Two-sided.
    """
    if low is None or high is None or not sigma:
        return Index()
    from scipy.special import gammaincinv

    value, half = (high - low) / (6 * sigma), (n - 1) / 2
    limits = (sqrt(2 * float(gammaincinv(half, part)) / (n - 1)) for part in _tails(confidence))
    return Index(value, *(value * limit for limit in limits))


def centred(
    low: float | None, high: float | None, mean: float, sigma: float, n: int, *, confidence: float = CONFIDENCE
) -> Index:
    """Cpk, or Ppk: the room between the mean and the nearer limit, over three sigmas.

    The interval is that of A. F. Bissell, Applied Statistics 39 (1990) 331-340. Arguments as of `spread`.
    """
    room = [*([high - mean] if high is not None else []), *([mean - low] if low is not None else [])]
    if not room or not sigma:
        return Index()
    value, z = min(room) / (3 * sigma), NormalDist().inv_cdf(_tails(confidence)[1])
    half = z * sqrt(1 / (9 * n) + value**2 / (2 * (n - 1)))
    return Index(value, value - half, value + half)


def by_quantiles(low: float | None, high: float | None, middle: tuple[float, float, float]) -> tuple[Index, Index]:
    """Pp and Ppk of a measure that is not normal: the quantiles 0.135, 50 and 99.865 % stand for the mean ∓ 3 σ.

    No interval is told: tails are not known so well.
    """
    least, half, most = middle
    ways = [
        *([(high - half, most - half)] if high is not None else []),
        *([(half - low, half - least)] if low is not None else []),
    ]
    room = [apart / wide for apart, wide in ways if wide > 0]
    both = None if low is None or high is None or most <= least else (high - low) / (most - least)
    return Index(both), Index(min(room) if room else None)


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2
