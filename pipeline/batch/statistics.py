"""What a statistic is, once for the stream and the batch: add rows, merge in any order, finish.

An aggregate is a table of groups and, per kind of statistic, a table of whole numbers that are summed (or of limits,
of which the least and greatest are kept). So a merge is associative and commutative to the last bit, and what comes
out does not depend on runners, workers, files or their order. All rounding is in `finish`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.batch import moments, quantiles
from pipeline.batch.tally import Ints, counted, grouped, joined, numbers
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

# What rows are grouped by: a window of time, who saw it, what was looked at, by which network and rule book.
KEYS: dict[str, str] = {
    "span": "string",
    "begin_ns": "int64",
    "end_ns": "int64",
    "window": "string",
    "plant": "string",
    "line": "string",
    "camera": "string",
    "prompt": "string",
    "label": "string",
    "model": "string",
    "version": "string",
}
# The parts of an aggregate: columns that make a row the same row, and how the others merge.
Columns = dict[str, str]
PARTS: dict[str, tuple[Columns, dict[str, tuple[str, str]]]] = {
    "counts": ({"what": "string", "name": "string"}, {"n": ("int64", "sum")}),
    "moments": ({"measure": "int16", "power": "int8", "place": "int16"}, {"total": ("int64", "sum")}),
    "limits": ({"measure": "int16"}, {"low": ("float64", "min"), "high": ("float64", "max")}),
    "bins": ({"measure": "int16", "bin": "int32"}, {"n": ("int64", "sum")}),
    "heat": ({"space": "int8", "x": "int32", "y": "int32"}, {"n": ("int64", "sum")}),
    "pixels": (
        dict.fromkeys(("height", "width", "roi_x", "roi_y", "roi_width", "roi_height", "position"), "int32"),
        {"step": ("int64", "sum")},
    ),
    "pairs": ({"first": "string", "second": "string"}, {"n": ("int64", "sum")}),
    "marks": ({"session": "string", "seq": "int64", "last": "int64", "what": "string"}, {"n": ("int64", "max")}),
}


HOW = {"sum": np.add, "min": np.minimum, "max": np.maximum}


class Aggregate(Struct, frozen=True):
    """What is known of some rows; `merge` of two is what is known of both.

    Attributes:
        groups: The groups, sorted, each once; columns `KEYS`.
        parts: Tables of `PARTS` by name, sorted, by measure first; `group` is a row of `groups`.
    """

    groups: pa.Table
    parts: Mapping[str, pa.Table]


@cache
def schema(part: str) -> pa.Schema:
    """The Arrow schema of a part of an aggregate, or of its `groups`."""
    pa = arrow()
    if part == "groups":
        return pa.schema([*KEYS.items()])
    same, merged = PARTS[part]
    return pa.schema([("group", "int32"), *same.items(), *((name, kind) for name, (kind, _) in merged.items())])


def empty() -> Aggregate:
    """What is known of nothing: merging it changes nothing."""
    return Aggregate(schema("groups").empty_table(), {part: schema(part).empty_table() for part in PARTS})


def aggregate(groups: pa.Table, parts: Mapping[str, Sequence[pa.Table]]) -> Aggregate:
    """An aggregate of pieces that repeat themselves, whose `group` is a row of `groups`, each once or not."""
    pa = arrow()
    code, sorted_groups = grouped(groups, [*KEYS])
    whole = {part: pa.concat_tables([schema(part).empty_table(), *parts.get(part, ())]) for part in PARTS}
    return Aggregate(sorted_groups.cast(schema("groups")), {p: _merged(p, _moved(t, code)) for p, t in whole.items()})


def merge(aggregates: Iterable[Aggregate]) -> Aggregate:
    """What is known of all of them."""
    pa = arrow()
    held = [empty(), *sorted(aggregates, key=_begin)]  # in the order of time most of it is sorted
    starts = np.cumsum([0, *(each.groups.num_rows for each in held)])
    shifted = {
        part: [
            _moved(each.parts[part], np.arange(start, start + each.groups.num_rows))
            for start, each in zip(starts, held, strict=False)
        ]
        for part in PARTS
    }
    return aggregate(pa.concat_tables([each.groups for each in held]), shifted)


def _begin(aggregate: Aggregate) -> int:
    return arrow().compute.min(aggregate.groups["begin_ns"]).as_py() or 0


def table(part: str, columns: Mapping[str, NDArray[np.generic] | pa.Array]) -> pa.Table:
    """A piece of a part, of columns in any order and of any width."""
    return arrow().table({name: columns[name] for name in schema(part).names}).cast(schema(part))


def measured(group: Ints, measure: int, values: NDArray[np.float64]) -> dict[str, list[pa.Table]]:
    """Pieces of `moments`, `limits` and `bins` for the values of one measure.

    Args:
        group: (N,) group of each value.
        measure: Number of the measure.
        values: (N,) all `moments.measurable`.
    """
    if not len(values):
        return {}
    rows, count = counted({"group": group, "bin": quantiles.bins(values)})
    code, low = group - group.min(), int(group.min())
    there = np.flatnonzero(np.bincount(code))
    limits = _limits(code, values)
    return {
        "bins": [table("bins", rows | {"measure": _same(measure, count), "n": count})],
        "moments": [*_sums(code, there, low, measure, values)],
        "limits": [
            table(
                "limits",
                {"group": there + low, "measure": _same(measure, there)}
                | {name: each[there] + 0.0 for name, each in limits.items()},
            )
        ],
    }


def tallied(part: str, columns: Mapping[str, NDArray[np.signedinteger]]) -> pa.Table:
    """A piece of a part that counts how often combinations of whole numbers are there."""
    rows, count = counted(columns)
    return table(part, rows | {"n": count})


def _same(value: int, like: Ints) -> Ints:
    return np.full(len(like), value)


def _sums(code: Ints, there: Ints, low: int, measure: int, values: NDArray[np.float64]) -> Iterator[pa.Table]:
    """Sums of the digits of values and of their squares, group by group."""
    for power, place, total in moments.totals(code, values):
        told = {"group": there + low, "measure": _same(measure, there), "total": total[there]}
        yield table("moments", told | {"power": _same(power, there), "place": _same(place, there)})


def _limits(code: Ints, values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    low, high = np.full(int(code.max()) + 1, np.inf), np.full(int(code.max()) + 1, -np.inf)
    np.minimum.at(low, code, values)
    np.maximum.at(high, code, values)
    return {"low": low, "high": high}


def _moved(part: pa.Table, code: Ints) -> pa.Table:
    """A part whose groups are renumbered."""
    group = arrow().array(code[part["group"].to_numpy()].astype(np.int32))
    return part.set_column(0, "group", group)


def _merged(part: str, rows: pa.Table) -> pa.Table:
    """Each row once, sorted; sums of nothing left out."""
    same, merging = PARTS[part]
    keys = sorted(["group", *same], key="measure".__ne__)  # what is measured first: so it comes, measure by measure
    code, _ = joined([numbers(rows[key]) for key in keys], rows.num_rows)
    if not (code[1:] > code[:-1]).all():
        rows = _reduced(rows, code, merging)
    if all(how == "sum" for _, how in merging.values()):
        sums = rows[next(iter(merging))].to_numpy()
        rows = rows if sums.all() else rows.filter(arrow().array(sums != 0))
    return rows.combine_chunks()


def _reduced(rows: pa.Table, code: Ints, merging: Mapping[str, tuple[str, str]]) -> pa.Table:
    """Rows whose codes are ascending, those with the same code as one."""
    order = np.argsort(code, kind="stable")  # most is sorted already, stretch by stretch
    ascending = code[order]
    starts = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
    found = rows.take(arrow().array(order[starts]))
    for name, (_, how) in merging.items():
        values = HOW[how].reduceat(rows[name].to_numpy()[order], starts)
        found = found.set_column(found.column_names.index(name), rows.schema.field(name), arrow().array(values))
    return found
