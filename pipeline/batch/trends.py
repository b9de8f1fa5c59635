"""Trends: what rises or falls from window to window, and by how much a day.

By ranks: H. B. Mann, Econometrica 13 (1945) 245-259, with ties as M. G. Kendall's tau-b minds them; the slope is the
median of all pairs' (P. K. Sen, JASA 63 (1968) 1379-1389), which a few wild points do not turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from math import erfc, sqrt

import numpy as np
from msgspec import Struct

from pipeline.batch.charting import SERIES, Numbers, Series
from pipeline.batch.peers import together
from pipeline.batch.splitting import TEXT, WINDOW, Column, Row

LEAST = 10  # points: of fewer, nearly any order happens
AT_ONCE = 16  # series
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
    (found,) = _trends(times[None], values[None])
    return found


def _trends(times: Numbers, values: Numbers) -> Iterator[Trend]:
    """The trends of S series with as many points each; both are (S, N)."""
    points = values.shape[1]
    chosen = np.unique(np.linspace(0, points - 1, min(MOST, points)).round().astype(int))
    one, two = np.triu_indices(len(chosen), 1)
    rise, run = (each[:, chosen[two]] - each[:, chosen[one]] for each in (values, times))
    more, slope = np.sign(rise).sum(axis=1), np.median(rise / run, axis=1)
    untied = np.sqrt(np.count_nonzero(rise, axis=1) * rise.shape[1])
    for number, row in enumerate(values[:, chosen]):
        yield _trend(row, float(more[number]), float(untied[number]), float(slope[number]))


def _trend(values: Numbers, more: float, untied: float, slope: float) -> Trend:
    n, (_, ties) = len(values), np.unique(values, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if variance <= 0 or len(ties) == 1:
        return Trend(0.0, 0.0, 1.0)
    p = erfc(max(0.0, abs(more) - 1) / sqrt(2 * variance))  # less 1: it goes in steps of 2
    return Trend(more / untied, slope, p)


def _batched(found: Iterable[Series], most: int) -> Iterator[list[Series]]:
    rest = iter(found)
    while some := [*islice(rest, most)]:
        yield some


def trends(found: Sequence[Series]) -> list[Row]:
    """The trend of every series that is long enough, in its phase; `p_all` minds all of them."""
    told = list[Row]()
    for _, alike in groupby((one for one in found if len(one.values) >= LEAST), key=lambda one: len(one.values)):
        for some in _batched(alike, AT_ONCE):
            begins, ends = (np.array([one.windows[name] for one in some]) for name in ("begin_ns", "end_ns"))
            levels = np.array([one.values if one.kind == "measure" else one.values / one.n for one in some])
            for nth, seen in enumerate(_trends((begins - begins[:, :1]) / DAY, levels)):
                said = {"n": levels.shape[1], "begin_ns": int(begins[nth, 0]), "end_ns": int(ends[nth, -1])}
                told.append({**some[nth].who, **said, "tau": seen.tau, "slope": seen.slope, "p": seen.p})
    every = together(np.array([row["p"] for row in told]))
    return [{**row, "p_all": p} for row, p in zip(told, every.tolist(), strict=True)]
