"""When a level changed: A. N. Pettitt, Applied Statistics 28 (1979) 126-135, again in each part of a series.

The test is one of ranks: it asks nothing of the values' distribution, but that they do not hang on each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import exp

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LEAST = 8  # points on which a part is still looked at


class Change(Struct, frozen=True, order=True):
    """A change of level.

    Attributes:
        at: Number of the first point after it.
        before: Median of the points since the change before.
        after: Median of the points until the next.
        p: Probability that a series without a change looks like that; approximate, too large rather than too small.
    """

    at: int
    before: float
    after: float
    p: float


def changes(values: Numbers, level: float = 0.01) -> list[Change]:
    """The changes of level in a series, ascending.

    Args:
        values: (N,) in order of time.
        level: A part is divided where its probability is at most so much.
    """
    p = dict(sorted(_found(values, 0, level)))
    edges = [0, *p, len(values)]
    medians = [float(np.median(values[begin:end])) for begin, end in pairwise(edges) if end > begin]
    return [Change(at, *levels, p[at]) for at, levels in zip(p, pairwise(medians), strict=True)]


def pettitt(values: Numbers) -> tuple[int, float]:
    """Where a series of at least two points changes most, as the number of the first point after it, and how surely."""
    n = len(values)
    upto = 2 * np.cumsum(_ranks(values))[:-1] - np.arange(1, n) * (n + 1)
    at = int(np.argmax(np.abs(upto)))
    return at + 1, min(1.0, 2 * exp(-6 * float(upto[at]) ** 2 / (n**3 + n**2)))


def _found(values: Numbers, offset: int, level: float) -> Iterator[tuple[int, float]]:
    if len(values) < LEAST:
        return
    at, p = pettitt(values)
    if p <= level:
        yield offset + at, p
        yield from _found(values[:at], offset, level)
        yield from _found(values[at:], offset + at, level)


def _ranks(values: Numbers) -> Numbers:
    """Ranks from 1; equal values share the mean of theirs."""
    _, code, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Numbers = (last - (counts - 1) / 2)[code]
    return ranks
