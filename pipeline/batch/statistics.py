"""What a statistic is, once for the stream and the batch: add rows, merge in any order, finish.

An aggregate is a table of groups and, per kind of statistic, a table of whole numbers that are summed (or of limits,
of which the least and greatest are kept). So a merge is associative and commutative to the last bit, and what comes
out does not depend on runners, workers, files or their order. All rounding is in `finish`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.batch import moments, quantiles
from pipeline.batch.stretches import Numbers, added, folded, stretched, unfolded
from pipeline.batch.tally import Ints, grouped, joined, lowest, numbers, parted, shifted, starts
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
    "bins": ({"measure": "int16", "stretch": "int32"}, {"counts": ("large_binary", "sum")}),
    "heat": ({"space": "int8", "x": "int32", "stretch": "int32"}, {"counts": ("large_binary", "sum")}),
    "pixels": (
        dict.fromkeys(("height", "width", "roi_x", "roi_y", "roi_width", "roi_height", "stretch"), "int32"),
        {"steps": ("large_binary", "sum")},
    ),
    "pairs": ({"first": "string", "second": "string"}, {"n": ("int64", "sum")}),
    "marks": ({"session": "string", "seq": "int64", "last": "int64", "what": "string"}, {"n": ("int64", "max")}),
}


HOW = {"sum": np.add, "min": np.minimum, "max": np.maximum}
LIMITS = {"low": np.minimum, "high": np.maximum}


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


def table(part: str, columns: Mapping[str, NDArray[np.generic] | pa.Array | int | str]) -> pa.Table:
    """A piece of a part, of columns in any order and of any width; a single value is that of every row."""
    pa = arrow()
    rows = max(len(each) for each in columns.values() if not isinstance(each, int | str))
    told = {n: pa.repeat(each, rows) if isinstance(each, int | str) else each for n, each in columns.items()}
    return pa.table({name: told[name] for name in schema(part).names}).cast(schema(part))


class Arranged(Struct, frozen=True):
    """Rows group by group.

    Attributes:
        rows: (N,) their numbers, in the order of their groups.
        starts: (G,) where each group begins in it; none is empty.
        groups: (G,) which these are, ascending.
    """

    rows: Ints
    starts: Ints
    groups: Ints

    @classmethod
    def of(cls, group: Ints) -> Arranged:
        """Rows of which each one's group is known, (N,)."""
        near, most = shifted(group)
        near = near.astype(np.uint16) if most <= 1 << 16 else near  # which numpy sorts by its digits
        rows = np.argsort(near, kind="stable")
        begins = starts(near[rows])
        return cls(rows, begins, group[rows[begins]])

    def only(self, those: NDArray[np.bool_], group: Ints) -> Arranged:
        """Some of the rows; `group` is that of every row."""
        rows = self.rows[those[self.rows]]
        begins = starts(group[rows])
        return Arranged(rows, begins, group[rows[begins]])


def measured(arranged: Arranged, measure: int, values: NDArray[np.float64]) -> dict[str, list[pa.Table]]:
    """Pieces of `moments`, `limits` and `bins` for the values of one measure.

    Args:
        arranged: The rows that have a value.
        measure: Number of the measure.
        values: Of every row; those that are arranged are all `moments.measurable`.
    """
    if not len(arranged.rows):
        return {}
    held, groups = values[arranged.rows], arranged.groups
    limits = {name: how.reduceat(held, arranged.starts) + 0.0 for name, how in LIMITS.items()}
    return {
        "bins": [_bins(arranged, measure, held)],
        "moments": [
            table("moments", {"group": groups, "measure": measure, "power": power, "place": place, "total": total})
            for power, place, total in moments.totals(held, arranged.starts)
        ],
        "limits": [table("limits", {"group": groups, "measure": measure, **limits})],
    }


def _bins(arranged: Arranged, measure: int, held: NDArray[np.float64]) -> pa.Table:
    """How many values of each group lie in each bin; they are given group by group."""
    nth = np.repeat(np.arange(len(arranged.starts)), np.diff(np.append(arranged.starts, len(held))))
    which, stretch, counts = stretched(nth, quantiles.bins(held).astype(np.int64))
    told = {"group": arranged.groups[which], "measure": measure, "stretch": stretch, "counts": folded(counts)}
    return table("bins", told)


def celled(group: Ints, space: int, x: Ints, y: Ints) -> pa.Table:
    """A piece of `heat`: how many rows of each group lie in each cell of a space."""
    column, across = shifted(x)
    lead, stretch, counts = stretched(group * across + column, y)
    which, rest = parted(lead, across)
    told = {"group": which, "space": space, "x": rest + lowest(x), "stretch": stretch, "counts": folded(counts)}
    return table("heat", told)


def _moved(part: pa.Table, code: Ints) -> pa.Table:
    """A part whose groups are renumbered."""
    group = arrow().array(code[part["group"].to_numpy()].astype(np.int32))
    return part.set_column(0, "group", group)


def _merged(part: str, rows: pa.Table) -> pa.Table:
    """Each row once, sorted; sums of nothing left out."""
    if not len(rows):
        return schema(part).empty_table()
    same, merging = PARTS[part]
    keys = sorted(["group", *same], key="measure".__ne__)  # what is measured first: so it comes, measure by measure
    code, _ = joined([numbers(rows[key]) for key in keys], rows.num_rows)
    told = {name: unfolded(rows[name]) for name in merging}
    rows = rows.select(["group", *same])
    if not (code[1:] > code[:-1]).all():
        order = np.argsort(code, kind="stable")  # most is sorted already, stretch by stretch
        begins = starts(code[order])
        rows = rows.take(arrow().array(order[begins]))
        told = {name: _reduced(values, merging[name][1], order, begins) for name, values in told.items()}
    if all(how == "sum" for _, how in merging.values()):
        something = next(iter(told.values())).any(axis=1)
        if not something.all():
            rows, told = rows.filter(arrow().array(something)), {n: values[something] for n, values in told.items()}
    return arrow().table({**_columns(rows), **{n: folded(values) for n, values in told.items()}}).cast(schema(part))


def _reduced(values: Numbers, how: str, order: Ints, begins: Ints) -> Numbers:
    """Those of the same code as one; of stretches there are sums alone."""
    if values.shape[1] > 1:
        return added(values, order, begins)
    reduced: Numbers = HOW[how].reduceat(values[order], begins)
    return reduced


def _columns(rows: pa.Table) -> dict[str, pa.Array]:
    return {name: rows[name].combine_chunks() for name in rows.column_names}
