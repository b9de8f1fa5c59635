"""Finish: an aggregate becomes the tables that people read. All rounding is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.batch import moments, quantiles
from pipeline.batch.intervals import wilson
from pipeline.batch.measures import MEASURES, SPACES, Box, on_sensor
from pipeline.batch.observing import SUBJECTS
from pipeline.batch.statistics import KEYS, Aggregate
from pipeline.batch.stretches import LONG, added, laid, painted, unfolded
from pipeline.batch.tally import Ints, encoded, grouped, numbers, packed, parted, says, starts
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

# Names, types and units of every result's columns behind those of its group.
KEY_UNITS = {"begin_ns": "ns since 1970, UTC", "end_ns": "ns since 1970, UTC", "window": "plant time, or a batch"}
Column = tuple[str, str]
SHARE: dict[str, Column] = {"of": ("int64", "count"), **dict.fromkeys(("rate", "low", "high"), ("float64", "0…1"))}
COUNT: dict[str, Column] = {"n": ("int64", "count")}
TEXT: Column = ("string", "")
OWN: dict[str, dict[str, Column]] = {
    "rates": {"what": TEXT, "name": TEXT, **COUNT, **SHARE},
    "measures": {
        "measure": TEXT,
        **COUNT,
        **dict.fromkeys(("mean", "variance", "deviation", "low", "high"), ("float64", "of the measure")),
        **dict.fromkeys(("p01", "p05", "p25", "p50", "p75", "p95", "p99"), ("float64", "of the measure, within 1 %")),
    },
    "histograms": {"measure": TEXT, "bin": ("int32", ""), "value": ("float64", "of the measure, within 1 %"), **COUNT},
    "heat": {"space": TEXT, "x": ("int32", "cells"), "y": ("int32", "cells"), **COUNT},
    "pixels": {
        **dict.fromkeys(("height", "width"), ("int32", "px")),
        **dict.fromkeys(("roi_x", "roi_y", "roi_width", "roi_height"), ("int32", "sensor px")),
        **dict.fromkeys(("x", "y"), ("int32", "px")),
        **dict.fromkeys(("sensor_x", "sensor_y"), ("float64", "sensor px")),
        **COUNT,
    },
    "pairs": {"first": TEXT, "second": TEXT, **COUNT},
    "runs": {"subject": TEXT, "frames": ("int64", "exposures between"), **COUNT},
}
COLUMNS = {
    name: {**{key: (kind, KEY_UNITS.get(key, "")) for key, kind in KEYS.items()}, **own} for name, own in OWN.items()
}
CROP = ("height", "width", "roi_x", "roi_y", "roi_width", "roi_height")
WINDOW = ("span", "begin_ns", "end_ns", "window")
SEEN_BY = ("span", "begin_ns", "end_ns", "plant", "line", "camera")


def finish(aggregate: Aggregate) -> dict[str, pa.Table]:
    """Every result by name, its rows sorted; a pure function of the aggregate, to the last bit."""
    return {name: make(aggregate) for name, make in RESULTS.items()}


def rates(aggregate: Aggregate) -> pa.Table:
    """What was counted, out of how many, and between which limits the true share lies (Wilson, 95 %).

    Outcomes and reasons are shares of the verdicts on the same subject, `frames with` of the frames that its group
    without the label has, `missing` of all exposures of a camera. Where nothing is a share, `of` is null.
    """
    counts, groups = aggregate.parts["counts"], aggregate.groups
    group, n = counts["group"].to_numpy(), counts["n"].to_numpy()
    what = np.array(counts["what"].to_pylist(), dtype=object)
    of = np.full(len(n), -1, np.int64)
    for subject in SUBJECTS:
        total = _per(group, n * (what == subject), len(groups))
        mine = (what == subject) | (what == f"{subject} reasons")
        of[mine] = total[group[mine]]
    frames = n * (what == "frames")
    bare, camera = (_code(groups, names)[group] for names in ([k for k in KEYS if k != "label"], SEEN_BY))
    mine = what == "frames with"
    of[mine] = _per(bare, frames, len(groups))[bare[mine]]
    mine = what == "missing"
    of[mine] = _per(camera, frames + n * mine, len(groups))[camera[mine]]
    known = of >= 0
    low, high = wilson(n, np.where(known, of, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = n / of
    numbers = {"of": of, "rate": share, "low": low, "high": high}
    shares = {name: arrow().array(values, mask=~known | (of == 0)) for name, values in numbers.items()}
    return _told(aggregate, "counts", {name: counts[name] for name in ("what", "name", "n")} | shares)


def measures(aggregate: Aggregate) -> pa.Table:
    """Each measure's count, mean, deviation, limits and quantiles."""
    limits, bins = aggregate.parts["limits"], aggregate.parts["bins"]
    held = _histograms(bins)
    n = held.n
    assert len(n) == len(limits)
    mean, variance = (np.array(each, np.float64) for each in moments.finished(n, [*_sums(aggregate)]))
    told = {
        "measure": _names(limits),
        "n": n,
        "mean": mean,
        "variance": arrow().array(variance, mask=n < 2),
        "deviation": arrow().array(np.sqrt(variance), mask=n < 2),
        "low": limits["low"],
        "high": limits["high"],
    }
    low, high = limits["low"].to_numpy(), limits["high"].to_numpy()
    quantile = {
        f"p{round(100 * float(share)):02d}": np.clip(held.quantile(share), low, high) for share in quantiles.QUANTILES
    }
    return _grouped(_told(aggregate, "limits", told | quantile), limits)


def histograms(aggregate: Aggregate) -> pa.Table:
    """How many values of a day lie around each value, within 1 %: counts add up over any groups."""
    bins, day = aggregate.parts["bins"], _days(aggregate.groups)[aggregate.parts["bins"]["group"].to_numpy()]
    whole = (numbers(bins[name]) for name in ("measure", "stretch"))
    code, first = packed([(day, int(day.max(initial=0)) + 1), *whole], len(bins))
    order = np.argsort(code, kind="stable")
    summed = added(unfolded(bins["counts"]), order, starts(code[order]))
    row, number, n = laid(_stretch(bins)[first], summed)
    told = {"measure": _names(bins.take(arrow().array(first[row]))), "bin": number, "n": n}
    return _told(aggregate, day[first[row]], told | {"value": quantiles.middles(number.astype(np.int32))})


def heat(aggregate: Aggregate) -> pa.Table:
    """How many centroids (and pixels, on parts) lie in each cell of a space."""
    cells = aggregate.parts["heat"]
    row, y, n = laid(_stretch(cells), unfolded(cells["counts"]))
    space, x = _named(SPACES, _spread(cells["space"].to_numpy(), row)), _spread(cells["x"].to_numpy(), row)
    return _told(aggregate, "heat", {"space": space, "x": x, "y": y, "n": n}, row)


def pixels(aggregate: Aggregate) -> pa.Table:
    """How often each pixel of a crop is set, where it is set at all, and where on the sensor its centre lies."""
    parts = aggregate.parts["pixels"]
    row, pixel, n = painted(_stretch(parts), unfolded(parts["steps"]))
    at = {name: _spread(parts[name].to_numpy(), row) for name in CROP[:2]}
    x, y = _places(pixel, at["height"])
    told, names = at | {"x": x, "y": y, "n": n}, (*CROP[2:], "sensor_x", "sensor_y")
    if (parts["roi_width"].to_numpy() < 0).all():
        nothing = {kind: arrow().nulls(len(n), kind) for kind in ("int32", "float64")}
        return _told(aggregate, "pixels", told | {name: nothing[OWN["pixels"][name][0]] for name in names}, row)
    at |= {name: _spread(parts[name].to_numpy(), row) for name in CROP[2:]}
    size, unknown = (at["height"].astype(np.float64), at["width"].astype(np.float64)), at["roi_width"] < 0
    roi: Box = tuple(at[f"roi_{name}"].astype(np.float64) for name in ("x", "y", "width", "height"))  # type: ignore[assignment]
    sensor = zip(names[4:], on_sensor(x.astype(np.float64), y.astype(np.float64), size, roi), strict=True)
    there = {name: at[name] for name in CROP[2:]} | dict(sensor)
    return _told(aggregate, "pixels", told | {n: arrow().array(v, mask=unknown) for n, v in there.items()}, row)


def _places(pixel: Ints, height: NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Column and row of pixels that are numbered down the columns of crops, each so high."""
    if len(height) and height.min() == height.max() > 0:
        narrow = pixel.max() < 1 << 31  # twice as many at once
        return parted(pixel.astype(np.int32) if narrow else pixel, int(height[0]))
    x: Ints = pixel // np.maximum(height, 1)
    return x, pixel - x * np.maximum(height, 1)


def pairs(aggregate: Aggregate) -> pa.Table:
    """How many exposures show two labels together; a label with itself: how many show it."""
    rows = aggregate.parts["pairs"]
    return _told(aggregate, "pairs", {name: rows[name] for name in ("first", "second", "n")})


def runs(aggregate: Aggregate) -> pa.Table:
    """How many exposures lie between one FAIL and the next of the same subject, camera and session; gaps left out."""
    marks = aggregate.parts["marks"].sort_by([(name, "ascending") for name in ("group", "session", "seq")])
    gap = arrow().compute.equal(marks["what"], "gap").to_numpy()
    code = _code(marks, ("group", "session"))
    seq, last = marks["seq"].to_numpy(), marks["last"].to_numpy()
    lost = np.cumsum(np.where(gap, last - seq + 1, 0))
    pieces = []
    for subject in SUBJECTS[:2]:
        mine = np.flatnonzero(arrow().compute.equal(marks["what"], subject).to_numpy())
        mine = mine[np.append(True, (np.diff(code[mine]) != 0) | (np.diff(seq[mine]) != 0))[: len(mine)]]
        one, two = mine[:-1], mine[1:]
        next_one = code[one] == code[two]
        one, two = one[next_one], two[next_one]
        between = np.maximum(seq[two] - seq[one] - 1 - (lost[two] - lost[one]), 0)
        told = {"group": marks["group"].to_numpy()[one], "frames": between}
        pieces.append(arrow().table(told | {"subject": arrow().array([subject] * len(one), "string")}))
    rows = arrow().concat_tables(pieces)
    rows = rows.group_by(["group", "subject", "frames"], use_threads=False).aggregate([([], "count_all")])
    rows = rows.sort_by([(name, "ascending") for name in ("group", "subject", "frames")])
    told = {"subject": rows["subject"], "frames": rows["frames"], "n": rows["count_all"]}
    return _told(aggregate, rows["group"].to_numpy(), told)


RESULTS: dict[str, Callable[[Aggregate], pa.Table]] = {
    "rates": rates,
    "measures": measures,
    "histograms": histograms,
    "heat": heat,
    "pixels": pixels,
    "pairs": pairs,
    "runs": runs,
}


def _told(aggregate: Aggregate, group: str | Ints, columns: Mapping[str, object], row: Ints | None = None) -> pa.Table:
    """Columns of a result behind those of the groups they speak of; names stay indices into dictionaries.

    Args:
        aggregate: Whose groups they are.
        group: That of each row of a part; or the part.
        columns: What is told of them.
        row: The row of the part of which each row of the result is; all of them, once, where left out.
    """
    rows = aggregate.parts[group]["group"].to_numpy() if isinstance(group, str) else group
    whole = {name: aggregate.groups[name] for name in KEYS}
    keys = {name: (encoded(told) if KEYS[name] == "string" else told).take(rows) for name, told in whole.items()}
    if row is not None:
        first = arrow().array(np.zeros(len(row), np.int32))
        keys = {name: _repeated(told, row, first) for name, told in keys.items()}
    return arrow().table({**keys, **columns})


def _repeated(told: pa.Array | pa.ChunkedArray, row: Ints, first: pa.Array) -> pa.Array | NDArray[Any]:
    """What is told of each row's row; of names that are the same in all, the first of their dictionary."""
    if not arrow().types.is_dictionary(told.type):
        return _spread(told.to_numpy(), row)
    there = told.indices.unique()
    if len(there) == 1:
        return arrow().DictionaryArray.from_arrays(first, told.dictionary.take(there), safe=False)
    return arrow().DictionaryArray.from_arrays(told.indices.to_numpy()[row], told.dictionary, safe=False)


def _spread(values: NDArray[np.generic], row: Ints) -> NDArray[Any]:
    """Values at rows, which most columns have but one of."""
    if len(values) and (values[1:] == values[:-1]).all():
        return np.full(len(row), values[0])
    return values[row]


def _grouped(told: pa.Table, rows: pa.Table) -> pa.Table:
    """What is told measure by measure, group by group."""
    return told.take(arrow().array(np.argsort(rows["group"].to_numpy(), kind="stable")))


def _days(groups: pa.Table) -> Ints:
    """The group that speaks of the whole day, for each group."""
    code, whole = _code(groups, [name for name in KEYS if name not in WINDOW]), says(groups["span"], "date")
    found = np.zeros(int(code.max(initial=0)) + 1, np.int64)
    found[code[whole]] = np.flatnonzero(whole)
    return found[code]


def _histograms(bins: pa.Table) -> quantiles.Histograms:
    """The histogram of each group and measure."""
    code = bins["measure"].to_numpy().astype(np.int64) << 32 | bins["group"].to_numpy()
    begins, counts = starts(code), unfolded(bins["counts"])
    number = (_stretch(bins)[:, None] * LONG + np.arange(LONG)).astype(np.int32).ravel()
    return quantiles.Histograms.of(number, counts.ravel(), begins * LONG)


def _sums(aggregate: Aggregate) -> Iterator[tuple[int, int, Ints]]:
    """The digits of each row of `limits`: (power, place, their sums)."""
    limits, rows = aggregate.parts["limits"], aggregate.parts["moments"]
    of, mine = (each["measure"].to_numpy().astype(np.int64) << 32 | each["group"].to_numpy() for each in (limits, rows))
    row, (code, first) = (
        np.searchsorted(of, mine),
        packed([numbers(rows[name]) for name in ("power", "place")], len(rows)),
    )
    total, power, place = (rows[name].to_numpy() for name in ("total", "power", "place"))
    for number, one in enumerate(first.tolist()):
        some, found = code == number, np.zeros(len(of), np.int64)
        found[row[some]] = total[some]
        yield int(power[one]), int(place[one]), found


def _stretch(rows: pa.Table) -> Ints:
    stretch: Ints = rows["stretch"].to_numpy().astype(np.int64)
    return stretch


def _names(rows: pa.Table) -> pa.Array:
    return _named([measure.name for measure in MEASURES], rows["measure"].to_numpy())


def _named(words: Sequence[str], numbers: NDArray[np.signedinteger]) -> pa.Array:
    """Names by their numbers."""
    return arrow().DictionaryArray.from_arrays(numbers.astype(np.int32), arrow().array([*words]))


def _code(rows: pa.Table, names: object) -> Ints:
    return grouped(rows, [*names])[0]  # type: ignore[misc]


def _per(code: Ints, n: Ints, most: int) -> Ints:
    """Sums of n ≥ 0 per code; exact up to 2⁵³."""
    return np.bincount(code, weights=n, minlength=most).astype(np.int64)
