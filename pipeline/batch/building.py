"""Rows of an archive become the parts of an aggregate: which group each row is in, and what is counted of it there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from pipeline.batch.statistics import KEYS, Aggregate, aggregate, schema, table
from pipeline.batch.tally import (
    DENSE,
    FLAGGED,
    Ints,
    close,
    different,
    encoded,
    joined,
    numbers,
    packed,
    ranked,
    shifted,
)
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


class Told(Struct, frozen=True):
    """What rows say in some columns.

    Attributes:
        code: (N,) one number for what each row says, from 0 without holes.
        said: For each code what that is, column by column of `SAID`.
    """

    code: Ints
    said: Mapping[str, pa.Array]

    @classmethod
    def of(cls, said: Mapping[str, pa.ChunkedArray], rows: int) -> Told:
        """What N rows say in columns of `SAID`."""
        code, first = packed(map(ranked, said.values()), rows)
        return cls(code, {name: encoded(column).take(arrow().array(first)) for name, column in said.items()})

    def labelled(self, at: Ints, label: pa.ChunkedArray) -> Told:
        """What N rows say that speak of some of these, at (N,), each with a label of its own."""
        who, (word, bound) = self.code[at], ranked(label)
        code, first = close(*joined([(who, self.codes), (word, bound)], len(at)))
        told = {name: words.take(arrow().array(who[first])) for name, words in self.said.items()}
        return Told(code, {**told, "label": encoded(label).take(arrow().array(first))})

    @property
    def codes(self) -> int:
        """How many different things rows say."""
        return len(next(iter(self.said.values())))

    def without(self, name: str) -> Told:
        """What is said without one of the columns."""
        left = {key: arrow().chunked_array([column]) for key, column in self.said.items() if key != name}
        few = Told.of(left, len(self.said[name]))
        return Told(few.code[self.code], few.said)


class Builder:
    """Collects the pieces of an aggregate."""

    def __init__(self) -> None:
        self._groups: list[pa.Table] = [schema("groups").empty_table()]
        self._rows = 0
        self._parts: dict[str, list[pa.Table]] = defaultdict(list)

    def groups(self, scope: Scope, window: Ints | None, told: Told) -> Ints:
        """The group of each row.

        Args:
            scope: Where and when.
            window: (N,) place of each row's window in the scope's; None where that is the first for all.
            told: What N rows say; a column that is left out is empty.
        """
        if window is None:
            code, which, mine = told.code, np.arange(told.codes), np.zeros(told.codes, np.int64)
        else:
            code, first = packed([(window, len(scope.windows)), (told.code, told.codes)], len(window))
            which, mine = told.code[first], window[first]
        said = {name: words.take(arrow().array(which)) for name, words in told.said.items()}
        self._groups.append(_groups(scope, mine, said))
        self._rows += len(which)
        return code + (self._rows - len(which))

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
        columns = [shifted(group)] if names is None else [shifted(group), ranked(names)]
        code, first = packed(columns, len(group))
        named = "" if names is None else encoded(names).take(arrow().array(first)).cast("string")
        total = np.bincount(code) if weights is None else _summed(code, weights, len(first))
        self.add("counts", table("counts", {"group": group[first], "what": what, "name": named, "n": total}))

    def done(self) -> Aggregate:
        """Everything that was added."""
        return aggregate(arrow().concat_tables(self._groups), self._parts)


def matched(rows: pa.Table, others: pa.Table, keys: tuple[str, ...] = EXPOSURE) -> Ints:
    """The first row of `others` that says the same in some columns, for each of `rows`; -1 where none does."""
    return met(rows, others, keys)[0]


def met(rows: pa.Table, others: pa.Table, keys: tuple[str, ...] = EXPOSURE) -> tuple[Ints, Ints]:
    """The same, and a number ≥ 0 for what each of `rows` says there: rows that say the same have the same one."""
    if not len(others):
        return np.full(len(rows), -1), numbered(rows, keys)[0]
    both = arrow().concat_tables([others.select([*keys]), rows.select([*keys])])
    code, most = joined([numbers(both[key]) for key in keys], len(both))
    if most > max(DENSE, FLAGGED * len(code)):
        code, first = close(code, most)
        most = len(first)
    theirs, mine = code[: len(others)], code[len(others) :]
    found = np.full(most, -1)
    found[theirs[::-1]] = np.arange(len(theirs) - 1, -1, -1)  # of what is written to one place, the last stays
    return found[mine], mine


def numbered(rows: pa.Table, keys: tuple[str, ...] = EXPOSURE) -> tuple[Ints, Ints]:
    """A number for what each row says in some columns, from 0, and the first row that has it."""
    return packed([numbers(rows[key]) for key in keys], rows.num_rows)


def once(rows: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """The rows without those that repeat an earlier one in some columns."""
    code, most = np.zeros(len(rows), np.int64), 1
    for key in keys:
        before, (code, most) = most, joined([(code, most), numbers(rows[key])], len(rows))
        if most >= len(rows) and most > before and different(code, most):
            return rows  # whatever the other columns say
    return rows.take(arrow().array(np.sort(close(code, most)[1])))


def taken(column: pa.ChunkedArray, at: Ints, default: str = "") -> pa.ChunkedArray:
    """The values of a column of strings at some rows; a default where the row is -1 or the value null."""
    pa, coded = arrow(), encoded(column)
    words = pa.concat_arrays([coded.dictionary, pa.array([default], coded.dictionary.type)])
    last = len(words) - 1
    known = np.append(pa.compute.fill_null(coded.indices, last).to_numpy(zero_copy_only=False), last)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(known[at].astype(np.int32), words)])


def _groups(scope: Scope, window: Ints, said: Mapping[str, pa.Array]) -> pa.Table:
    pa, row = arrow(), arrow().array(window)
    windows = {"begin_ns": "begin_ns", "end_ns": "end_ns", "window": "name"}
    told = {key: pa.array([getattr(each, name) for each in scope.windows]).take(row) for key, name in windows.items()}
    same = {"span": scope.span, "plant": scope.plant, "line": scope.line}
    told |= {name: pa.repeat(same.get(name, ""), len(window)) for name in KEYS if name not in told | {**said}}
    return pa.table({name: said.get(name, told.get(name)) for name in KEYS}).cast(schema("groups"))


def _summed(code: Ints, weights: Ints, groups: int) -> Ints:
    total = np.zeros(groups, np.int64)
    np.add.at(total, code, weights)
    return total
