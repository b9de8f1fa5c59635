"""Rows of an archive become the parts of an aggregate: which group each row is in, and what is counted of it there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from pipeline.batch.statistics import KEYS, Aggregate, aggregate, schema, table
from pipeline.batch.tally import Ints, counted, packed, ranked
from pipeline.batch.windows import Window
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

EXPOSURE = ("camera", "session", "seq")
SAID = ("camera", "prompt", "label", "model", "version")


class Scope(Struct, frozen=True):
    """Where and when rows were seen.

    Attributes:
        plant: Whose archive it is; empty where nobody says.
        line: Of the plant.
        span: What the windows are.
        windows: Ascending, side by side or apart.
    """

    plant: str
    line: str
    span: str
    windows: tuple[Window, ...]

    def whole(self) -> Scope:
        """All of it as one window, the span `date`: for what has too many cells to be told hour by hour."""
        first, last = self.windows[0], self.windows[-1]
        window = Window(first.begin_ns, last.end_ns, first.date.isoformat(), first.date)
        return Scope(self.plant, self.line, "date", (window,))


class Builder:
    """Collects the pieces of an aggregate."""

    def __init__(self) -> None:
        self._groups: list[pa.Table] = [schema("groups").empty_table()]
        self._rows = 0
        self._parts: dict[str, list[pa.Table]] = defaultdict(list)

    def groups(self, scope: Scope, window: Ints, said: Mapping[str, pa.ChunkedArray]) -> Ints:
        """The group of each row.

        Args:
            scope: Where and when.
            window: (N,) place of each row's window in the scope's.
            said: Columns of `SAID`, each (N,); what is left out is empty.
        """
        code, first = packed([(window, len(scope.windows)), *map(ranked, said.values())], len(window))
        chosen = {name: column.take(arrow().array(first)) for name, column in said.items()}
        self._groups.append(_groups(scope, window[first], chosen))
        self._rows += len(first)
        return code + (self._rows - len(first))

    def add(self, part: str, *pieces: pa.Table) -> None:
        """Add pieces of a part, whose groups were given by `groups`."""
        self._parts[part].extend(pieces)

    def count(self, what: str, group: Ints, names: pa.ChunkedArray | None = None, weights: Ints | None = None) -> None:
        """Count rows per group, by name where there are names.

        Args:
            what: What is counted.
            group: (N,).
            names: (N,) strings.
            weights: (N,) how often each row counts; once where left out.
        """
        if not len(group):
            return
        coded = ranked(names)[0] if names is not None else np.zeros(len(group), np.int64)
        rows, n, code = counted({"group": group, "name": coded})
        first = np.unique(code, return_index=True)[1]
        pa = arrow()
        named = names.take(pa.array(first)).combine_chunks() if names is not None else pa.array([""] * len(first))
        total = n if weights is None else _summed(code, weights, len(n))
        told = {"group": rows["group"], "what": pa.array([what] * len(first)), "name": named, "n": total}
        self.add("counts", table("counts", told))

    def done(self) -> Aggregate:
        """Everything that was added."""
        return aggregate(arrow().concat_tables(self._groups), self._parts)


def matched(rows: pa.Table, others: pa.Table, keys: tuple[str, ...] = EXPOSURE) -> Ints:
    """The first row of `others` that says the same in some columns, for each of `rows`; -1 where none does."""
    both = arrow().concat_tables([others.select([*keys]), rows.select([*keys])])
    code, first = numbered(both, keys)
    found = first[code[len(others) :]]
    return np.where(found < len(others), found, -1)


def numbered(rows: pa.Table, keys: tuple[str, ...] = EXPOSURE) -> tuple[Ints, Ints]:
    """A number for what each row says in some columns, from 0, and the first row that has it."""
    return packed([_numbers(rows[key]) for key in keys], rows.num_rows)


def once(rows: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """The rows without those that repeat an earlier one in some columns."""
    _, first = numbered(rows, keys)
    return rows if len(first) == rows.num_rows else rows.take(arrow().array(np.sort(first)))


def taken(column: pa.ChunkedArray, at: Ints, default: str = "") -> pa.ChunkedArray:
    """The values of a column of strings at some rows; a default where the row is -1 or the value null."""
    import pyarrow.compute as pc

    found = column.take(arrow().array(at, mask=at < 0))
    return pc.fill_null(found, default)


def _numbers(column: pa.ChunkedArray) -> tuple[Ints, int]:
    """A column as whole numbers from 0 and a bound above them: as they are where they are such."""
    import pyarrow.types as kinds

    if not kinds.is_integer(column.type) or column.null_count or not len(column):
        return ranked(column)
    values = column.to_numpy().astype(np.int64)
    low, high = int(values.min()), int(values.max())
    return (values - low, high - low + 1) if high - low < 1 << 40 else ranked(column)


def _groups(scope: Scope, window: Ints, said: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    pa = arrow()
    windows = [scope.windows[number] for number in window.tolist()]
    told = {
        "span": [scope.span] * len(windows),
        "begin_ns": [each.begin_ns for each in windows],
        "end_ns": [each.end_ns for each in windows],
        "window": [each.name for each in windows],
        "plant": [scope.plant] * len(windows),
        "line": [scope.line] * len(windows),
    }
    empty = [""] * len(windows)
    return pa.table({name: told.get(name, said.get(name, empty)) for name in KEYS}, schema=schema("groups"))


def _summed(code: Ints, weights: Ints, groups: int) -> Ints:
    total = np.zeros(groups, np.int64)
    np.add.at(total, code, weights)
    return total
