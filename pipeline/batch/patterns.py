"""Rules for control charts: which patterns of points are too unlikely to be chance.

L. S. Nelson, J. Quality Technology 16 (1984) 237-239; Western Electric, Statistical Quality Control Handbook (1956).
A rule flags the point at which its pattern is complete. All eight of Nelson's together flag 2.5 % of the points of a
process that is left alone, the first alone 0.27 %: choose few. Those about zones are not for shares and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def beyond(scores: Numbers) -> Flags:
    """One point more than three sigmas from the centre."""
    return np.abs(scores) > 3


def same_side(scores: Numbers, run: int) -> Flags:
    """So many points in a row on one side of the centre."""
    return _either(scores, lambda side: _all(side > 0, run))


def trend(scores: Numbers, run: int = 6) -> Flags:
    """So many points in a row, each above the one before, or each below it."""
    return _either(scores, lambda side: _late(_all(np.diff(side) > 0, run - 1), 1, len(side)))


def alternating(scores: Numbers, run: int = 14) -> Flags:
    """So many points in a row that go up and down by turns."""
    steps = np.sign(np.diff(scores))
    turns = steps[1:] * steps[:-1] < 0
    return _late(_all(turns, run - 2), 2, len(scores))


def zone(scores: Numbers, sigmas: float, most: int, of: int) -> Flags:
    """So many of so many points more than so many sigmas from the centre, on one side, the last among them."""
    return _either(scores, lambda side: (side > sigmas) & (_recent(side > sigmas, of) >= most))


def hugging(scores: Numbers, run: int = 15) -> Flags:
    """So many points in a row within one sigma of the centre."""
    return _all(np.abs(scores) < 1, run)


def avoiding(scores: Numbers, run: int = 8) -> Flags:
    """So many points in a row, none of them within one sigma of the centre."""
    return _all(np.abs(scores) > 1, run)


NELSON: dict[int, Callable[[Numbers], Flags]] = {
    1: beyond,
    2: lambda scores: same_side(scores, 9),
    3: trend,
    4: alternating,
    5: lambda scores: zone(scores, 2, 2, 3),
    6: lambda scores: zone(scores, 1, 4, 5),
    7: hugging,
    8: avoiding,
}
WESTERN_ELECTRIC: dict[int, Callable[[Numbers], Flags]] = {
    1: beyond,
    2: lambda scores: zone(scores, 2, 2, 3),
    3: lambda scores: zone(scores, 1, 4, 5),
    4: lambda scores: same_side(scores, 8),
}


def flagged(
    scores: Numbers, numbers: Sequence[int] = (1, 2), rules: dict[int, Callable[[Numbers], Flags]] = NELSON
) -> dict[int, Flags]:
    """Which points each rule flags, bool (N,) by number.

    Args:
        scores: (N,) distances from the centre in sigmas, in order of time; NaN is no point of any pattern.
        numbers: Of the rules to apply.
        rules: `NELSON` or `WESTERN_ELECTRIC`.

    Raises:
        KeyError: If there is no such rule.
    """
    return {number: rules[number](scores) for number in numbers}


def _either(scores: Numbers, one_side: Callable[[Numbers], Flags]) -> Flags:
    return one_side(scores) | one_side(-scores)


def _recent(flags: Flags, of: int) -> NDArray[np.int64]:
    """How many of the last `of` flags are up, at each point."""
    upto = np.concatenate([np.zeros(of, np.int64), np.cumsum(flags, dtype=np.int64)])
    counts: NDArray[np.int64] = upto[of:] - upto[: len(flags)]
    return counts


def _all(flags: Flags, run: int) -> Flags:
    full: Flags = _recent(flags, run) == run
    return full


def _late(flags: Flags, points: int, of: int) -> Flags:
    return np.concatenate([np.zeros(points, bool), flags])[:of]
