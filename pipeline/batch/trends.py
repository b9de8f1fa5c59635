"""Trends: what rises or falls from window to window, and by how much a day.

By ranks: H. B. Mann, Econometrica 13 (1945) 245-259, with ties as M. G. Kendall's tau-b minds them; the slope is the
median of all pairs' (P. K. Sen, JASA 63 (1968) 1379-1389), which a few wild points do not turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import erfc, sqrt

import numpy as np
from msgspec import Struct

from pipeline.batch.charting import SERIES, Numbers, Series
from pipeline.batch.peers import together
from pipeline.batch.splitting import TEXT, WINDOW, Column, Row
from pipeline.batch.tally import Ints

LEAST = 10  # points: of fewer, nearly any order happens
MOST = 300  # points that slopes are taken between, evenly chosen: pairs grow as the square
DAY = 24 * 3600 * 10**9
TRENDED: dict[str, Column] = {
    **{name: TEXT for name in SERIES if name != "chart"},
    "n": ("int64", "windows"),
    **dict.fromkeys(("begin_ns", "end_ns"), WINDOW["begin_ns"]),
    "tau": ("float64", "-1…1"),
    "slope": ("float64", "of what is charted, per day"),
    **dict.fromkeys(("p", "p_all"), ("float64", "0…1")),
}


class Trend(Struct, frozen=True):
    """Whether a series rises or falls.

    Attributes:
        tau: How many more pairs rise than fall, as a share of all that could: 1 where each point is above the last.
        slope: Median of all pairs' slopes, per unit of time.
        p: Probability that a series without a trend looks like that, on either side.
    """

    tau: float
    slope: float
    p: float


def trend(times: Numbers, values: Numbers) -> Trend:
    """The trend of a series; of a long one, that of points chosen evenly.

    Args:
        times: (N,) ascending.
        values: (N,), N ≥ 2.
    """
    chosen = np.unique(np.linspace(0, len(values) - 1, min(MOST, len(values))).round().astype(int))
    n, one = len(chosen), _pairs(len(chosen))
    rise, run = (each[chosen][one[1]] - each[chosen][one[0]] for each in (values, times))
    _, ties = np.unique(values[chosen], return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if variance <= 0 or len(ties) == 1:
        return Trend(0.0, 0.0, 1.0)
    more = float(np.sign(rise).sum())
    untied = sqrt(np.count_nonzero(rise) * len(rise))
    p = erfc(max(0.0, abs(more) - 1) / sqrt(2 * variance))  # less 1: it goes in steps of 2
    return Trend(more / untied, float(np.median(rise / run)), p)


@lru_cache(8)
def _pairs(points: int) -> tuple[Ints, Ints]:
    one, two = np.triu_indices(points, 1)
    return one, two


def trends(found: Sequence[Series]) -> list[Row]:
    """The trend of every series that is long enough, in its phase; `p_all` minds all of them."""
    told = list[Row]()
    for one in found:
        if len(one.values) >= LEAST:
            level = one.values if one.kind == "measure" else one.values / one.n
            begins, ends = (one.windows[name].to_numpy() for name in ("begin_ns", "end_ns"))
            seen = trend((begins - begins[0]) / DAY, level)
            said = {"n": len(level), "begin_ns": int(begins[0]), "end_ns": int(ends[-1])}
            told.append({**one.who, **said, "tau": seen.tau, "slope": seen.slope, "p": seen.p})
    every = together(np.array([row["p"] for row in told]))
    return [{**row, "p_all": p} for row, p in zip(told, every.tolist(), strict=True)]
