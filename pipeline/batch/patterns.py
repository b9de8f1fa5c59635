"""Rules for control charts: which patterns of points are too unlikely to be chance.

L. S. Nelson, J. Quality Technology 16 (1984) 237-239; Western Electric, Statistical Quality Control Handbook (1956).
A rule flags the point at which its pattern is complete. All eight of Nelson's together flag 2.5 % of the points of a
process that is left alone, the first alone 0.27 %: choose few. Those about zones are not for shares and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
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


class Rule(Struct, frozen=True):
    """A rule.

    Attributes:
        words: What a point that it flags is, for people.
        flags: Takes (N,) distances from the centre in sigmas, in order of time; gives bool (N,).
        shares: Whether it holds for shares and counts as well.
    """

    words: str
    flags: Callable[[Numbers], Flags]
    shares: bool = False


# N1…N8 are Nelson's, W1…W4 those of Western Electric.
RULES: dict[str, Rule] = {
    "N1": Rule("beyond the limits", beyond, shares=True),
    "N2": Rule(
        "the ninth or later in a row on one side of the centre", lambda scores: same_side(scores, 9), shares=True
    ),
    "N3": Rule("the sixth or later in a row that only rise or only fall", trend, shares=True),
    "N4": Rule("the fourteenth or later in a row that go up and down by turns", alternating, shares=True),
    "N5": Rule("two of three beyond two sigmas on one side", lambda scores: zone(scores, 2, 2, 3)),
    "N6": Rule("four of five beyond one sigma on one side", lambda scores: zone(scores, 1, 4, 5)),
    "N7": Rule("the fifteenth or later in a row within one sigma of the centre", hugging),
    "N8": Rule("the eighth or later in a row, none of them within one sigma", avoiding),
    "W1": Rule("beyond the limits", beyond, shares=True),
    "W2": Rule("two of three beyond two sigmas on one side", lambda scores: zone(scores, 2, 2, 3)),
    "W3": Rule("four of five beyond one sigma on one side", lambda scores: zone(scores, 1, 4, 5)),
    "W4": Rule(
        "the eighth or later in a row on one side of the centre", lambda scores: same_side(scores, 8), shares=True
    ),
}


def flagged(scores: Numbers, names: Sequence[str] = ("N1", "N2")) -> dict[str, Flags]:
    """Which points each rule flags, bool (N,) by name.

    Args:
        scores: (N,) distances from the centre in sigmas, in order of time; NaN is no point of any pattern.
        names: Of `RULES`.

    Raises:
        KeyError: If there is no such rule.
    """
    return {name: RULES[name].flags(scores) for name in names}


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
