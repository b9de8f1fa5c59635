"""Control charts of results: every series window by window, in phases, with the points that rules flag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.batch import spc
from pipeline.batch.changes import LEAST, changes
from pipeline.batch.patterns import RULES, Flags, flagged
from pipeline.batch.peers import together
from pipeline.batch.spc import Chart
from pipeline.batch.splitting import PHASE, TEXT, WINDOW, Column, Row, split
from pipeline.batch.studies import Study
from pipeline.batch.tally import ranked
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.float64]

SERIES = (*PHASE, "chart", "what", "name")
POINTS = 5  # of a chart: limits from fewer say nothing
FEW = 25  # expected in a window: of fewer, limits are by Poisson's law
COUNTED = 5  # expected in a window: of fewer, most windows lie on one side
TAIL = 0.00135  # of a normal value beyond three sigmas, on one side
GOOD = "PASS"
JUDGED = ("frame", "part")
OF_CHART = ("float64", "of what is charted; sigmas in ewma and cusum")
CHARTED: dict[str, Column] = {
    **dict.fromkeys(PHASE, TEXT),
    "chart": ("string", "p, p′, u, u′, x, mr, x̄, s, ewma, cusum up or cusum down"),
    "what": TEXT,
    "name": TEXT,
    **WINDOW,
    "n": ("int64", "count"),
    **dict.fromkeys(("value", "center", "low", "high", "sigma"), OF_CHART),
    "spread": ("float64", "how many times chance"),
    "rules": ("string", "those that flag the point: N of Nelson's, W of Western Electric's"),
}
CHANGED: dict[str, Column] = {
    **dict.fromkeys(SERIES, TEXT),
    "begin_ns": WINDOW["begin_ns"],
    "window": TEXT,
    **dict.fromkeys(("before", "after"), ("float64", "of what is charted")),
    **dict.fromkeys(("p", "p_all"), ("float64", "0…1")),
}


class Series(Struct, frozen=True):
    """What one camera shows of one thing in one phase, window by window in order of time.

    Attributes:
        who: What it speaks of: `PHASE`, `what` and `name`.
        kind: `share`, `count` or `measure`.
        windows: (N,) rows with the columns of `WINDOW`.
        n: (N,) how many it is of.
        values: (N,) how often it was so; or means.
        deviations: (N,) of a measure; empty elsewhere.
    """

    who: Row
    kind: str
    windows: pa.Table
    n: Numbers
    values: Numbers
    deviations: Numbers


def series(rates: pa.Table, measures: pa.Table) -> list[Series]:
    """Every outcome but PASS, regions per frame, and means of measures, where there are enough windows for a chart.

    A phase is what was seen by one network with one prompt and judged by one version of a book: a new one begins a new
    series, with limits of its own.
    """
    judged = arrow().compute.is_in(rates["what"], value_set=arrow().array(JUDGED))
    found = [each for who, rows in split(rates.filter(judged), (*PHASE, "what")) for each in _shares(who, rows)]
    found += _counts(rates)
    found += [_means(who, rows) for who, rows in split(measures, (*PHASE, "measure"))]
    return [each for each in found if len(each.values) >= POINTS]


def charts(found: Sequence[Series], study: Study) -> pa.Table:
    """The charts that are asked for, point by point."""
    points = [(each, chart) for each in found for chart in drawn(each, study)]
    return _told(points, study.rules) if points else arrow().schema([]).empty_table()


def drawn(one: Series, study: Study) -> Iterator[Chart]:
    """The charts of a series; those that need a spread are left out where there is none."""
    inside = np.arange(len(one.values)) < (study.baseline or len(one.values))
    made = MADE[one.kind]
    for name in study.charts:
        if name in made:
            yield from made[name](one, inside)
        elif name == "ewma":
            yield spc.ewma_chart(_plain(one, inside))
        elif name == "cusum":
            yield from spc.cusum_charts(_plain(one, inside))


def _plain(one: Series, inside: Flags) -> Chart:
    """The chart whose points others add up."""
    (chart,) = next(iter(MADE[one.kind].values()))(one, inside)
    return chart


def changed(found: Sequence[Series]) -> list[Row]:
    """When the level of a series changed: the first window after it, with the medians on either side.

    `p_all` minds all series that were tested.
    """
    told, tested = list[Row](), 0
    for one in found:
        level = one.values if one.kind == "measure" else one.values / one.n
        tested += len(level) >= LEAST
        for change in changes(level):
            (at,) = one.windows.slice(change.at, 1).to_pylist()
            kind = {"share": "p′", "count": "u′", "measure": "x"}[one.kind]
            row = {**one.who, "chart": kind, "begin_ns": at["begin_ns"], "window": at["window"]}
            told.append({**row, "before": change.before, "after": change.after, "p": change.p})
    every = together(np.array([row["p"] for row in told]), max(tested, len(told)))
    return [{**row, "p_all": p} for row, p in zip(told, every.tolist(), strict=True)]


def _shares(who: Row, rows: pa.Table) -> Iterator[Series]:
    window, _ = ranked(rows["begin_ns"])
    first = np.unique(window, return_index=True)[1]
    of, name = rows["of"].to_numpy()[first].astype(np.float64), np.array(rows["name"].to_pylist(), object)
    for outcome in sorted({*name} - {GOOD}):
        mine = name == outcome
        hits = np.bincount(window[mine], weights=rows["n"].to_numpy()[mine], minlength=len(first)).astype(np.float64)
        windows = rows.take(arrow().array(first)).select([*WINDOW])
        yield Series({**who, "name": outcome}, "share", windows, of, hits, np.empty(0))


def _counts(rates: pa.Table) -> Iterator[Series]:
    """Regions per frame, label by label; a window without any is a point at 0, one without frames is none."""
    pc, bare = arrow().compute, [name for name in PHASE if name != "label"]
    regions = [*split(rates.filter(pc.equal(rates["what"], "regions")), PHASE)]
    frames = {tuple(who.values()): rows for who, rows in split(rates.filter(pc.equal(rates["what"], "frames")), bare)}
    for who, rows in regions:
        windows = frames.get(tuple(who[name] for name in bare))
        if windows is not None:
            ordered = windows.sort_by("begin_ns")
            counts = dict(zip(rows["begin_ns"].to_pylist(), rows["n"].to_pylist(), strict=True))
            n = np.array([counts.get(begin, 0) for begin in ordered["begin_ns"].to_pylist()], np.float64)
            of, told = ordered["n"].to_numpy().astype(np.float64), ordered.select([*WINDOW])
            yield Series({**who, "what": "regions", "name": ""}, "count", told, of, n, np.empty(0))


def _means(who: Row, rows: pa.Table) -> Series:
    ordered = rows.sort_by("begin_ns")
    said = {**{name: who[name] for name in PHASE}, "what": "measures", "name": who["measure"]}
    n, mean, deviation = (ordered[name].to_numpy().astype(np.float64) for name in ("n", "mean", "deviation"))
    return Series(said, "measure", ordered.select([*WINDOW]), n, mean, deviation)


def _rare(chart: Chart, of: Numbers, most: float = np.inf) -> Chart:
    """A chart whose upper limit, where few are expected, is as unlikely to be passed as three sigmas are.

    There the normal law alarms too often: of 0.1 expected, two are beyond three sigmas, and seen every 200 windows.
    """
    expected = chart.center * of
    few = (expected > 0) & (expected < FEW)
    if not few.any():
        return chart
    high = np.zeros(len(of))
    high[few] = _unlikely(expected[few]) / of[few]
    return msgspec.structs.replace(chart, high=np.clip(np.maximum(chart.high, high), None, most))


def _unlikely(expected: Numbers) -> Numbers:
    """The least count that by Poisson's law is passed no more often than three sigmas are; (N,) of fewer than `FEW`."""
    counts = np.arange(3 * FEW)
    chances = counts * np.log(expected)[:, None] - expected[:, None] - np.cumsum(np.log(np.maximum(counts, 1)))
    least: Numbers = (np.cumsum(np.exp(chances), axis=1) < 1 - TAIL).sum(axis=1).astype(np.float64)
    return least


def _within(one: Series, inside: Flags) -> tuple[Chart, ...]:
    """Means of windows and deviations within them; none where a window has no deviation."""
    if not (one.n >= 2).all():
        return ()
    return spc.xbar_s(one.values, one.deviations, one.n.astype(np.int64), inside)


MADE: dict[str, dict[str, Callable[[Series, Flags], Sequence[Chart]]]] = {
    "share": {
        "laney-p": lambda one, inside: [_rare(spc.p_prime(one.values, one.n, inside), one.n, most=1.0)],
        "p": lambda one, inside: [_rare(spc.p(one.values, one.n, inside), one.n, most=1.0)],
    },
    "count": {
        "laney-u": lambda one, inside: [_rare(spc.u_prime(one.values, one.n, inside), one.n)],
        "u": lambda one, inside: [_rare(spc.u(one.values, one.n, inside), one.n)],
    },
    "measure": {
        "individuals": lambda one, inside: spc.individuals(one.values, inside)[:1],
        "moving-range": lambda one, inside: spc.individuals(one.values, inside)[1:],
        "xbar": lambda one, inside: _within(one, inside)[:1],
        "s": lambda one, inside: _within(one, inside)[1:],
    },
}


def _told(points: Sequence[tuple[Series, Chart]], rules: Sequence[str]) -> pa.Table:
    """Charts point by point, one behind the other."""
    pa, row = arrow(), arrow().array(np.repeat(np.arange(len(points)), [len(chart.values) for _, chart in points]))
    same: dict[str, list[Any]] = {name: [one.who[name] for one, _ in points] for name in (*PHASE, "what", "name")}
    same["chart"] = [chart.kind for _, chart in points]
    columns = {name: pa.array(values, "string").take(row) for name, values in same.items()}
    windows = pa.concat_tables([one.windows.select([*WINDOW]) for one, _ in points])
    columns |= {name: windows[name] for name in WINDOW}
    columns["n"] = np.concatenate([one.n for one, _ in points]).astype(np.int64)
    for name, held in (("value", "values"), *((name, name) for name in ("center", "low", "high", "sigma"))):
        numbers = np.concatenate([getattr(chart, held) for _, chart in points])
        columns[name] = pa.array(numbers, from_pandas=name == "value")
    columns["spread"] = pa.array([chart.spread for _, chart in points], "float64").take(row)
    flags = np.concatenate([_flags(one, chart, rules) for one, chart in points], axis=1)
    return pa.table(columns | {"rules": _said(flags, rules)})


def _flags(one: Series, chart: Chart, rules: Sequence[str]) -> Flags:
    """Which rule flags which point, (rules, N); those about zones are for means alone."""
    held = chart.kind in {"x", "x̄"}
    able = [rule for rule in rules if rule in {"N1", "W1"} or (not chart.summed and (held or RULES[rule].shares))]
    flags = flagged(chart.scores(), able)
    if one.kind != "measure" and not chart.summed:
        # Beyond the limits is beyond those that are drawn; patterns say something where windows lie on either side.
        enough = chart.center * one.n >= COUNTED
        flags = {r: chart.outside() if r in {"N1", "W1"} else found & enough for r, found in flags.items()}
    none = np.zeros(len(chart.values), bool)
    return np.array([flags.get(rule, none) for rule in rules], bool).reshape(len(rules), len(none))


def _said(flags: Flags, rules: Sequence[str]) -> pa.Array:
    """The rules that flag each point, as text."""
    code = (flags.astype(np.int64) << np.arange(len(rules))[:, None]).sum(axis=0)
    there, place = np.unique(code, return_inverse=True)
    words = [" ".join(rule for nth, rule in enumerate(rules) if each >> nth & 1) for each in there.tolist()]
    return arrow().array(words, "string").take(arrow().array(place))
