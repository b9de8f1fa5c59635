"""What the results of all days say together: reasons by frequency, cameras against each other, drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.batch import peers
from pipeline.batch.charting import GOOD, JUDGED, POINTS
from pipeline.batch.drift import LEAST, choices, distances, drift, together
from pipeline.batch.peers import Funnel, funnel, level
from pipeline.batch.splitting import PLACE, TEXT, Column, Row, split
from pipeline.batch.tally import Ints, encoded, ranked
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

CAMERAS = 3  # of a funnel

COMPARED: dict[str, Column] = {
    **dict.fromkeys((*PLACE, "label"), TEXT),
    "what": TEXT,
    "name": TEXT,
    **dict.fromkeys(("n", "of"), ("int64", "count; of is null for measures")),
    **dict.fromkeys(("rate", "peers", "spread"), ("float64", "0…1; for measures their mean, of the measure")),
    "score": ("float64", "standard deviations"),
    **dict.fromkeys(("p", "q", "p_all"), ("float64", "0…1")),
}
RANKED: dict[str, Column] = {
    **dict.fromkeys(("plant", "line", "what", "name"), TEXT),
    "n": ("int64", "count"),
    **dict.fromkeys(("share", "cumulative"), ("float64", "0…1")),
}
DRIFTED: dict[str, Column] = {
    **dict.fromkeys((*PLACE, "label", "model", "measure"), TEXT),
    **dict.fromkeys(("days_before", "days_since", "before", "since"), ("int64", "count")),
    **dict.fromkeys(("distance", "psi"), ("float64", "1")),
    "shift": ("float64", "of the measure"),
    **dict.fromkeys(("mean_before", "mean_since"), ("float64", "of the measure, within 1 %")),
    **dict.fromkeys(("p", "p_all"), ("float64", "0…1")),
}

Numbers = NDArray[np.float64]


def pareto(rates: pa.Table) -> list[Row]:
    """The reasons of a line, most frequent first, with the share of each and of all up to it."""
    found = list[Row]()
    reasons = _among(rates["what"], [f"{subject} reasons" for subject in JUDGED])
    for who, rows in split(rates.filter(reasons), ("plant", "line", "what")):
        told = rows.group_by("name", use_threads=False).aggregate([("n", "sum")])
        ordered = sorted(told.to_pylist(), key=lambda row: (-row["n_sum"], row["name"]))
        n = np.array([row["n_sum"] for row in ordered])
        share, upto = n / n.sum(), np.cumsum(n) / n.sum()
        for number, row in enumerate(ordered):
            shares = {"share": float(share[number]), "cumulative": float(upto[number])}
            found.append({**who, "name": row["name"], "n": row["n_sum"], **shares})
    return found


def comparison(rates: pa.Table, measures: pa.Table) -> list[Row]:
    """Cameras with the same prompt against each other.

    Compared are their shares of every outcome but PASS, of reasons, and of frames that show a label, and the means of
    measures. `q` minds all cameras of one comparison, `p_all` all comparisons.
    """
    found = [*_outcomes(rates), *_shown(rates), *_measured(measures)]
    every = peers.together(np.array([row["p"] for row in found]))
    told = ({**row, "p_all": each} for row, each in zip(found, every.tolist(), strict=True))
    return sorted(told, key=lambda row: [row[key] for key in ("what", "name", "label", *PLACE)])


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
    for who, rows in split(histograms, (*PLACE, "label", "model", "measure")):
        counts, values = _daily(rows, dates)
        there = counts.any(axis=1)
        if min(int((there & late).sum()), int((there & ~late).sum())) >= LEAST:
            apart.append(distances(counts, chosen))
            told = drift(counts, values, chosen, apart[-1])
            days = {"days_before": int((~late).sum()), "days_since": int(late.sum())}
            named = {name: getattr(told, name) for name in ("before", "since", "distance", "psi", "shift", "p")}
            means = {
                f"mean_{name}": _middle(counts[mine], values) for name, mine in (("before", ~late), ("since", late))
            }
            found.append({**who, **days, **named, **means})
    for row, p in zip(found, together(np.array(apart)).tolist() if apart else (), strict=True):
        row["p_all"] = p
    return found


def _middle(counts: Ints, values: Numbers) -> float:
    return float((counts.sum(axis=0) * values).sum() / counts.sum())


def _outcomes(rates: pa.Table) -> Iterator[Row]:
    pc = arrow().compute
    for who, rows in split(rates.filter(_among(rates["what"], JUDGED)), ("prompt", "what")):
        of = _totals(rows)
        reasons = f"{who['what']} reasons"
        told = rates.filter(pc.and_(pc.equal(rates["what"], reasons), pc.equal(rates["prompt"], who["prompt"])))
        for what, some in ((who["what"], rows), (reasons, told)):
            for name in sorted({*some["name"].to_pylist()} - {GOOD}):
                hits = _totals(some.filter(pc.equal(some["name"], name)))
                yield from _held({"label": "", "what": what, "name": name}, hits, of)


def _shown(rates: pa.Table) -> Iterator[Row]:
    """Shares of the frames that show a label."""
    pc = arrow().compute
    frames = {
        who["prompt"]: _totals(rows)
        for who, rows in split(rates.filter(_among(rates["what"], ["frames"])), ("prompt",))
    }
    shown = rates.filter(pc.equal(rates["what"], "frames with"))
    for who, rows in split(shown, ("prompt", "label")):
        said = {"label": who["label"], "what": "frames with", "name": ""}
        yield from _held(said, _totals(rows), frames.get(who["prompt"], {}))


def _measured(measures: pa.Table) -> Iterator[Row]:
    """Means of measures; how well each is known is told by how its windows differ."""
    for who, rows in split(measures, ("prompt", "label", "measure")):
        known = [(place, *_mean(some)) for place, some in split(rows, PLACE) if len(some) >= POINTS]
        known = [each for each in known if each[3] > 0]
        if len(known) >= CAMERAS:
            n, means, chance = (
                np.array(column, np.float64) for column in zip(*(each[1:] for each in known), strict=True)
            )
            said = {"label": who["label"], "what": "measures", "name": who["measure"], "of": None}
            yield from _rows(
                said, [place for place, *_ in known], {"n": n.astype(np.int64), "rate": means}, level(means, chance)
            )


def _mean(rows: pa.Table) -> tuple[float, float, float]:
    """How many values, their mean, and the variance of that, by how the means of windows differ."""
    n, means = (rows[name].to_numpy().astype(np.float64) for name in ("n", "mean"))
    weight = n / n.sum()
    mean = float((weight * means).sum())
    return float(n.sum()), mean, float((weight**2 * (means - mean) ** 2).sum()) * len(n) / (len(n) - 1)


def _totals(rows: pa.Table) -> dict[tuple[str, ...], int]:
    """Counts per place."""
    told = rows.group_by([*PLACE], use_threads=False).aggregate([("n", "sum")])
    return {tuple(row[key] for key in PLACE): row["n_sum"] for row in told.to_pylist()}


def _held(who: Row, hits: dict[tuple[str, ...], int], of: dict[tuple[str, ...], int]) -> Iterator[Row]:
    places = sorted(of)
    if len(places) < CAMERAS:
        return
    n, total = (np.array([told.get(place, 0) for place in places]) for told in (hits, of))
    found = funnel(n.astype(np.float64), total.astype(np.float64))
    named = [dict(zip(PLACE, place, strict=True)) for place in places]
    yield from _rows(who, named, {"n": n, "of": total, "rate": n / total}, found)


def _rows(who: Row, places: Sequence[Row], told: dict[str, NDArray[Any]], found: Funnel) -> Iterator[Row]:
    columns = told | {"score": found.scores, "p": found.p, "q": found.q}
    for number, place in enumerate(places):
        own = {name: values[number].item() for name, values in columns.items()}
        yield {**who, **place, **own, "peers": found.rate, "spread": found.spread}


def _among(column: pa.ChunkedArray, words: Sequence[str]) -> pa.ChunkedArray:
    return arrow().compute.is_in(column, value_set=arrow().array([*words]))


def _daily(rows: pa.Table, dates: Sequence[str]) -> tuple[Ints, Numbers]:
    """Counts per day and bin, and what stands for each bin."""
    coded = encoded(rows["date"])
    day = np.array([dates.index(date) for date in coded.dictionary.to_pylist()], np.int64)[coded.indices.to_numpy()]
    code, bins = ranked(rows["bin"])
    counts = np.zeros((len(dates), bins), np.int64)
    np.add.at(counts, (day, code), rows["n"].to_numpy())
    first = np.unique(code, return_index=True)[1]
    return counts, rows["value"].to_numpy()[first]
