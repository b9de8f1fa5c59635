"""What the results of all days say together: charts over time, cameras against each other, drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.batch.changes import changes
from pipeline.batch.drift import LEAST, choices, distances, drift, together
from pipeline.batch.patterns import flagged
from pipeline.batch.peers import funnel
from pipeline.batch.spc import Chart, individuals, p_prime
from pipeline.batch.tally import Ints, grouped, ranked
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

PLACE = ("plant", "line", "camera", "prompt")
PHASE = (*PLACE, "label", "model", "version")
SERIES = (*PHASE, "chart", "what", "name")
POINTS = 5  # of a chart: limits from fewer say nothing
CAMERAS = 3  # of a funnel
RULES = (1, 2)  # Nelson's that hold for shares as well
GOOD = "PASS"
JUDGED = ("frame", "part")

Column = tuple[str, str]
TEXT: Column = ("string", "")
CHARTED: dict[str, Column] = {
    **dict.fromkeys(PHASE, TEXT),
    "chart": ("string", "p′, or x of the windows' means"),
    "what": TEXT,
    "name": TEXT,
    **dict.fromkeys(("begin_ns", "end_ns"), ("int64", "ns since 1970, UTC")),
    "window": TEXT,
    "n": ("int64", "count"),
    **dict.fromkeys(("value", "center", "low", "high", "sigma"), ("float64", "of what is charted")),
    "spread": ("float64", "how many times chance"),
    "rules": ("string", "numbers of Nelson's rules that flag the point"),
}
COMPARED: dict[str, Column] = {
    **dict.fromkeys(PLACE, TEXT),
    "what": TEXT,
    "name": TEXT,
    **dict.fromkeys(("n", "of"), ("int64", "count")),
    **dict.fromkeys(("rate", "peers", "spread"), ("float64", "0…1")),
    "score": ("float64", "standard deviations"),
    **dict.fromkeys(("p", "q"), ("float64", "0…1")),
}
RANKED: dict[str, Column] = {
    **dict.fromkeys(("plant", "line", "what", "name"), TEXT),
    "n": ("int64", "count"),
    **dict.fromkeys(("share", "cumulative"), ("float64", "0…1")),
}
CHANGED: dict[str, Column] = {
    **dict.fromkeys((*PHASE, "chart", "what", "name"), TEXT),
    "begin_ns": ("int64", "ns since 1970, UTC"),
    "window": TEXT,
    **dict.fromkeys(("before", "after"), ("float64", "of what is charted")),
    "p": ("float64", "0…1"),
}
DRIFTED: dict[str, Column] = {
    **dict.fromkeys((*PLACE, "label", "model", "measure"), TEXT),
    **dict.fromkeys(("days_before", "days_since", "before", "since"), ("int64", "count")),
    **dict.fromkeys(("distance", "psi"), ("float64", "1")),
    "shift": ("float64", "of the measure"),
    **dict.fromkeys(("p", "p_all"), ("float64", "0…1")),
}

Row = dict[str, Any]
Numbers = NDArray[np.float64]


def charts(rates: pa.Table, measures: pa.Table) -> list[Row]:
    """Control charts, window by window: p′ of every outcome but PASS, individuals of the means of measures.

    A phase is what was seen by one network and judged by one version of a book; each has limits of its own.
    """
    judged = arrow().compute.is_in(rates["what"], value_set=arrow().array(JUDGED))
    found: list[Row] = []
    for who, rows in _split(rates.filter(judged), (*PHASE, "what")):
        found += _shares(who, rows)
    for who, rows in _split(measures, (*PHASE, "measure")):
        found += _means(who, rows)
    return found


def changed(points: Sequence[Row]) -> list[Row]:
    """When the level of a chart changed within a phase: the first window after it, with the medians on either side."""
    found: list[Row] = []
    for _, some in groupby(points, key=lambda row: [row[name] for name in SERIES]):
        series = [*some]
        for change in changes(np.array([row["value"] for row in series])):
            at = series[change.at]
            told = {"before": change.before, "after": change.after, "p": change.p}
            found.append({name: at[name] for name in (*SERIES, "begin_ns", "window")} | told)
    return found


def pareto(rates: pa.Table) -> list[Row]:
    """The reasons of a line, most frequent first, with the share of each and of all up to it."""
    pc, found = arrow().compute, list[Row]()
    reasons = pc.is_in(rates["what"], value_set=arrow().array([f"{subject} reasons" for subject in JUDGED]))
    for who, rows in _split(rates.filter(reasons), ("plant", "line", "what")):
        told = rows.group_by("name", use_threads=False).aggregate([("n", "sum")])
        ordered = sorted(told.to_pylist(), key=lambda row: (-row["n_sum"], row["name"]))
        n = np.array([row["n_sum"] for row in ordered])
        share, upto = n / n.sum(), np.cumsum(n) / n.sum()
        for number, row in enumerate(ordered):
            shares = {"share": float(share[number]), "cumulative": float(upto[number])}
            found.append({**who, "name": row["name"], "n": row["n_sum"], **shares})
    return found


def comparison(rates: pa.Table) -> list[Row]:
    """Cameras with the same prompt against each other: their shares of every outcome but PASS, and of reasons."""
    pc = arrow().compute
    reasons = pc.is_in(rates["what"], value_set=arrow().array([f"{subject} reasons" for subject in JUDGED]))
    judged = pc.is_in(rates["what"], value_set=arrow().array(JUDGED))
    found: list[Row] = []
    for who, rows in _split(rates.filter(judged), ("prompt", "what")):
        of = _totals(rows, {GOOD, *rows["name"].to_pylist()})
        told = rates.filter(pc.and_(reasons, pc.equal(rates["what"], f"{who['what']} reasons")))
        for what, some in (
            (who["what"], rows),
            (f"{who['what']} reasons", told.filter(pc.equal(told["prompt"], who["prompt"]))),
        ):
            for name in sorted({*some["name"].to_pylist()} - {GOOD}):
                found += _held({**who, "what": what, "name": name}, _totals(some, {name}), of)
    return sorted(found, key=lambda row: [row[key] for key in ("what", "name", *PLACE)])


def drifts(histograms: pa.Table, dates: Sequence[str], recent: int) -> list[Row]:
    """Measures of the last days against those before, day by day.

    Args:
        histograms: With a column `date`.
        dates: Of all results, ascending.
        recent: How many of them are the days since.
    """
    late = np.arange(len(dates)) >= len(dates) - recent
    if min(int(late.sum()), int((~late).sum())) < LEAST:
        return []
    chosen, found, apart = choices(late), list[Row](), list[Numbers]()
    for who, rows in _split(histograms, (*PLACE, "label", "model", "measure")):
        counts, values = _daily(rows, dates)
        if counts[late].sum() and counts[~late].sum():
            told = drift(counts, values, chosen)
            apart.append(distances(counts, chosen))
            days = {"days_before": int((~late).sum()), "days_since": int(late.sum())}
            named = {name: getattr(told, name) for name in ("before", "since", "distance", "psi", "shift", "p")}
            found.append({**who, **days, **named})
    for row, p in zip(found, together(np.array(apart)).tolist() if apart else (), strict=True):
        row["p_all"] = p
    return found


def _shares(who: Row, rows: pa.Table) -> Iterator[Row]:
    window, _ = ranked(rows["begin_ns"])
    first = np.unique(window, return_index=True)[1]
    if len(first) < POINTS:
        return
    of, name = rows["of"].to_numpy()[first].astype(np.float64), np.array(rows["name"].to_pylist(), object)
    for outcome in sorted({*name} - {GOOD}):
        mine = name == outcome
        hits = np.bincount(window[mine], weights=rows["n"].to_numpy()[mine], minlength=len(first)).astype(np.float64)
        said = {**who, "name": outcome}
        yield from _points(said, rows.take(arrow().array(first)), p_prime(hits, of), of)


def _means(who: Row, rows: pa.Table) -> Iterator[Row]:
    if len(rows) < POINTS:
        return
    ordered = rows.sort_by("begin_ns")
    chart, _ = individuals(ordered["mean"].to_numpy())
    said = {**who, "what": "measures", "name": who["measure"]}
    yield from _points(said, ordered, chart, ordered["n"].to_numpy().astype(np.float64))


def _points(who: Row, windows: pa.Table, chart: Chart, n: Numbers) -> Iterator[Row]:
    flags = flagged(chart.scores(), RULES)
    for number, window in enumerate(windows.select(["begin_ns", "end_ns", "window"]).to_pylist()):
        rules = " ".join(str(rule) for rule in RULES if flags[rule][number])
        names = ("values", "center", "low", "high", "sigma")
        values = dict(zip(("value", *names[1:]), (float(getattr(chart, each)[number]) for each in names), strict=True))
        yield {
            **who,
            "chart": chart.kind,
            **window,
            "n": int(n[number]),
            **values,
            "spread": chart.spread,
            "rules": rules,
        }


def _totals(rows: pa.Table, names: set[str]) -> dict[tuple[str, ...], int]:
    """Counts of some names per place."""
    mine = rows.filter(arrow().compute.is_in(rows["name"], value_set=arrow().array(sorted(names))))
    told = mine.group_by([*PLACE], use_threads=False).aggregate([("n", "sum")])
    return {tuple(row[key] for key in PLACE): row["n_sum"] for row in told.to_pylist()}


def _held(who: Row, hits: dict[tuple[str, ...], int], of: dict[tuple[str, ...], int]) -> Iterator[Row]:
    places = sorted(of)
    if len(places) < CAMERAS:
        return
    n, total = (np.array([told.get(place, 0) for place in places], np.float64) for told in (hits, of))
    found = funnel(n, total)
    for number, place in enumerate(places):
        counts = {"n": int(n[number]), "of": int(total[number]), "rate": float(n[number] / total[number])}
        peers = {"peers": found.rate, "spread": found.spread}
        told = {
            name: float(values[number]) for name, values in (("score", found.scores), ("p", found.p), ("q", found.q))
        }
        yield {**who, **dict(zip(PLACE, place, strict=True)), **counts, **peers, **told}


def _daily(rows: pa.Table, dates: Sequence[str]) -> tuple[Ints, Numbers]:
    """Counts per day and bin, and what stands for each bin."""
    day = np.searchsorted(np.array(dates, object), np.array(rows["date"].to_pylist(), object))
    code, bins = ranked(rows["bin"])
    counts = np.zeros((len(dates), bins), np.int64)
    np.add.at(counts, (day, code), rows["n"].to_numpy())
    first = np.unique(code, return_index=True)[1]
    return counts, rows["value"].to_numpy()[first]


def _split(table: pa.Table, keys: Sequence[str]) -> Iterator[tuple[Row, pa.Table]]:
    """The rows of each group, in the order of what the keys say."""
    code, groups = grouped(table, keys)
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=len(groups)))
    ordered, begin = table.take(arrow().array(order)), 0
    for who, end in zip(groups.to_pylist(), ends.tolist(), strict=True):
        yield who, ordered.slice(begin, end - begin)
        begin = end
