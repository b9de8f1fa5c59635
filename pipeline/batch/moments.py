"""Mean and variance without rounding: sums of values and of squares as whole numbers, digit by digit.

A float64 is a whole number times a power of two. Each value is cut into digits of base 2²⁶, and digits are added up
as int64: such sums are exact, so they are the same in whatever order, on whatever machine, and however the rows were
cut into files. Rounding happens once, at the end. Idea of binned sums: J. Demmel, H. D. Nguyen, ARITH 21 (2013); of
exact squares: T. J. Dekker, Numer. Math. 18 (1971), 224-242. An int64 holds the sum of 2³⁷ digits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import nan, sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

WIDTH = 26  # bits of a digit: the sum of 2²⁷ of them is still exact in the float64 that numpy counts with
LARGEST = 2.0**400  # beyond it, or below its inverse, a square is no float64
SPLIT = 2.0**27 + 1
AT_ONCE = 1 << 14  # values: what is made of them then fits into caches

Numbers = NDArray[np.float64]
Ints = NDArray[np.int64]


class Moments(Struct, frozen=True):
    """What is known of a measure.

    Attributes:
        n: How many values.
        mean: Their mean, correctly rounded.
        variance: Of the sample (n - 1), correctly rounded; None of fewer than two values.
    """

    n: int
    mean: float
    variance: float | None

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the sample."""
        return None if self.variance is None else sqrt(self.variance)


def measurable(values: Numbers) -> NDArray[np.bool_]:
    """Which values can be added up: finite, and neither so large nor so small that a square is no float64."""
    size = np.abs(values)
    sound: NDArray[np.bool_] = (size == 0) | ((size > 1 / LARGEST) & (size < LARGEST))
    return sound


def digits(values: Numbers) -> Iterator[tuple[int, Numbers]]:
    """The digits of values: Σ digit · 2^(26·place) over all that is given is the value, exactly.

    Args:
        values: (N,) float64, all `measurable`, or squares of such.

    Yields:
        Place, falling, and (N,) whole numbers of the value's sign, |digit| < 2²⁶; places without one are left out.
    """
    rest = values
    while (most := float(np.abs(rest).max(initial=0.0))) > 0:
        place = (np.frexp(most)[1] - 1) // WIDTH
        unit = 2.0 ** (WIDTH * int(place))
        head = np.trunc(rest / unit)
        yield int(place), head
        rest = rest - head * unit


def squares(values: Numbers) -> tuple[Numbers, Numbers]:
    """What two float64 have as their sum the exact square: the rounded square, and what rounding took."""
    rounded, scaled = values * values, values * SPLIT
    high = scaled - (scaled - values)
    low = values - high
    return rounded, ((high * high - rounded) + 2 * high * low) + low * low


def powers(values: Numbers) -> Iterator[tuple[int, int, Numbers]]:
    """The digits of values and of their squares: (power, place, digits); a place may come twice."""
    yield from ((1, place, found) for place, found in digits(values))
    for part in squares(values):
        yield from ((2, place, found) for place, found in digits(part))


def totals(values: Numbers, starts: Ints) -> Iterator[tuple[int, int, Ints]]:
    """Sums of the digits of values and of their squares, sample by sample: (power, place, (S,) sums).

    Args:
        values: (N,) all `measurable`; samples lie one behind the other.
        starts: (S,) where each begins, ascending, the first at 0; none is empty.
    """
    found = defaultdict[tuple[int, int], Ints](lambda: np.zeros(len(starts), np.int64))
    edges = np.unique(np.append(np.searchsorted(starts, np.arange(0, len(values), AT_ONCE)), len(starts)))
    for one, two in pairwise(edges.tolist()):
        inside = starts[one:two] - starts[one]
        for power, place, digits_ in powers(values[starts[one] : starts[two] if two < len(starts) else None]):
            found[power, place][one:two] += np.add.reduceat(digits_, inside).astype(np.int64)
    yield from ((power, place, total) for (power, place), total in sorted(found.items()))


def finish(n: int, sums: Sequence[tuple[int, int]], squared: Sequence[tuple[int, int]]) -> Moments:
    """Mean and variance of n ≥ 1 values.

    Args:
        n: How many.
        sums: (place, sum of that digit) of the values.
        squared: The same of their squares.
    """
    told = [(power, *digit) for power, digits_ in ((1, sums), (2, squared)) for digit in digits_]
    (mean,), (variance,) = finished(np.array([n]), [(power, place, np.array([total])) for power, place, total in told])
    return Moments(n, mean, None if n < 2 else variance)


def finished(n: Ints, sums: Sequence[tuple[int, int, Ints]]) -> tuple[list[float], list[float]]:
    """Mean and variance, correctly rounded, of several samples; the variance of one value is NaN.

    Args:
        n: (S,) how many values each has, ≥ 1.
        sums: (power, place, (S,) sum of that digit), in any order; a place may come twice.
    """
    shift = -WIDTH * min([0, *(place for _, place, _ in sums)])
    total, square = (_whole(len(n), shift, [each[1:] for each in sums if each[0] == power]) for power in (1, 2))
    # Σ and Σ² are total / 2^shift and square / 2^shift; Python divides whole numbers with one rounding.
    mean, variance = [], []
    for count, one, two in zip(n.tolist(), total, square, strict=True):
        mean.append(one / (count << shift))
        spread = (count * two << shift) - one * one
        variance.append(spread / (count * (count - 1) << 2 * shift) if count > 1 else nan)
    return mean, variance


def _whole(samples: int, shift: int, sums: Sequence[tuple[int, Ints]]) -> list[int]:
    """Σ digit · 2^(26·place + shift), sample by sample."""
    found = [0] * samples
    for place, digits_ in _twofold(sorted(sums, key=lambda each: each[0])):
        by = WIDTH * place + shift
        found = [one + (more << by) for one, more in zip(found, digits_.tolist(), strict=True)]
    return found


def _twofold(sums: Sequence[tuple[int, Ints]]) -> Iterator[tuple[int, Ints]]:
    """The same with each two digits that lie side by side as one, where an int64 holds them: half as many to add."""
    rest = [*sums]
    while rest:
        place, low = rest.pop(0)
        if rest and rest[0][0] == place + 1 and int(np.abs(rest[0][1]).max(initial=0)) < 1 << 62 - WIDTH:
            low = low + (rest.pop(0)[1] << WIDTH)
        yield place, low
