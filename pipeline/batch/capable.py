"""Capability of every measure that has a tolerance, camera by camera and phase by phase."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.batch import quantiles
from pipeline.batch.capability import Index, by_quantiles, centred, spread
from pipeline.batch.charting import POINTS
from pipeline.batch.spc import individuals
from pipeline.batch.splitting import PHASE, TEXT, Column, Row, split
from pipeline.batch.studies import Study, Tolerance
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.float64]

OF_MEASURE: Column = ("float64", "of the measure")
INDEX: Column = ("float64", "1")
INDICES = ("cp", "cpk", "pp", "ppk")
FINE = 40  # half bins of a histogram that tails must lie apart, for indices by quantiles
TAILS = ("0.00135", "0.5", "0.99865")
CAPABLE: dict[str, Column] = {
    **dict.fromkeys((*PHASE, "measure"), TEXT),
    **dict.fromkeys(("least", "greatest"), ("float64", "of the measure; what is allowed")),
    "n": ("int64", "count"),
    **dict.fromkeys(("mean", "within", "overall"), OF_MEASURE),
    "stable": ("bool", "whether no more means lie beyond the limits of their chart than chance explains; null of few"),
    **{f"{name}{part}": INDEX for name in INDICES for part in ("", "_low", "_high")},
    **dict.fromkeys(("pp_quantiles", "ppk_quantiles"), ("float64", "1; null where the histogram is too coarse")),
}


def capabilities(measures: pa.Table, histograms: pa.Table, study: Study) -> list[Row]:
    """Cp, Cpk, Pp and Ppk with 95 % intervals; Cp and Cpk only of what is stable."""
    return [row for tolerance in study.tolerances for row in _capable(measures, histograms, tolerance)]


def _capable(measures: pa.Table, histograms: pa.Table, tolerance: Tolerance) -> Iterator[Row]:
    tails = {tuple(who.values()): _tails(rows) for who, rows in split(_of(histograms, tolerance), PHASE)}
    for who, rows in split(_of(measures, tolerance), PHASE):
        told = _told(rows.sort_by("begin_ns"), tolerance, tails[tuple(who.values())])
        if told:
            yield {**who, "measure": tolerance.measure, **told}


def _told(rows: pa.Table, tolerance: Tolerance, tails: tuple[float, float, float]) -> Row | None:
    known = _spreads(rows)
    if known is None:
        return None
    count, middle, within, overall = known
    means, limits = rows["mean"].to_numpy(), (tolerance.low, tolerance.high)
    stable = _stable(means)
    found = {"cp": Index(), "cpk": Index()}
    if stable:
        found = {"cp": spread(*limits, within, count), "cpk": centred(*limits, middle, within, count)}
    found |= {"pp": spread(*limits, overall, count), "ppk": centred(*limits, middle, overall, count)}
    fine = tails[2] - tails[0] >= FINE * quantiles.ERROR * abs(tails[1])
    pp, ppk = by_quantiles(*limits, tails) if fine else (Index(), Index())
    said: Row = {"least": tolerance.low, "greatest": tolerance.high, "n": count, "mean": middle}
    said |= {"within": within, "overall": overall, "stable": stable}
    said |= {f"{name}{part}": value for name, index in found.items() for part, value in _parts(index)}
    return said | {"pp_quantiles": pp.value, "ppk_quantiles": ppk.value}


def _stable(means: Numbers) -> bool | None:
    """Whether means of windows are those of a process that is left alone, at 95 %: one in 370 is beyond its limits."""
    from scipy.special import pdtrc

    if len(means) < POINTS:
        return None
    beyond = int(individuals(means)[0].outside().sum())
    return beyond == 0 or bool(pdtrc(beyond - 1, len(means) / 370) > 0.05)


def _spreads(rows: pa.Table) -> tuple[int, float, float, float] | None:
    """How many values, their mean, and their deviations within windows and over all; None of too few."""
    n, mean, variance = (rows[name].to_numpy().astype(np.float64) for name in ("n", "mean", "variance"))
    count, free = int(n.sum()), float(np.maximum(n - 1, 0).sum())
    if count < 2 or not free:
        return None
    middle = float((n * mean).sum() / count)
    inner = float(((n - 1) * np.nan_to_num(variance)).sum())
    outer = float((n * (mean - middle) ** 2).sum())
    return count, middle, sqrt(inner / free), sqrt((inner + outer) / (count - 1))


def _parts(index: Index) -> Iterator[tuple[str, float | None]]:
    yield from (("", index.value), ("_low", index.low), ("_high", index.high))


def _of(table: pa.Table, tolerance: Tolerance) -> pa.Table:
    pc = arrow().compute
    return table.filter(
        pc.and_(pc.equal(table["label"], tolerance.label), pc.equal(table["measure"], tolerance.measure))
    )


def _tails(rows: pa.Table) -> tuple[float, float, float]:
    told = rows.group_by("bin", use_threads=False).aggregate([("n", "sum")]).sort_by("bin")
    bins, n = told["bin"].to_numpy(), told["n_sum"].to_numpy()
    low, half, high = (float(quantiles.quantiles(bins, n, np.array([0]), share)[0]) for share in TAILS)
    return low, half, high
