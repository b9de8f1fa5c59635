"""Counting in columns: rows become codes of their group, and sums are taken group by group; no loop over rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

DENSE = 1 << 16  # codes that are counted in an array however few rows there are

Ints = NDArray[np.int64]


def ranked(column: pa.ChunkedArray) -> tuple[Ints, int]:
    """The place of each value among the sorted values of a column, from 0, and how many there are; null is the last."""
    import pyarrow.compute as pc

    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    order = pc.array_sort_indices(coded.dictionary).to_numpy()
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place[coded.indices.to_numpy(zero_copy_only=False)], max(1, len(order))


def packed(columns: Iterable[tuple[Ints, int]], rows: int) -> tuple[Ints, Ints]:
    """One code for what several columns say, from 0 without holes, in the order of the first column, then the next.

    Args:
        columns: (N,) whole numbers ≥ 0 and a bound above them, column by column.
        rows: N.

    Returns:
        The code of each row, and for each code a row that has it.
    """
    code, most = np.zeros(rows, np.int64), 1
    for values, bound in columns:
        if most * bound >= 1 << 62:
            code, first = _close(code, most)
            most = len(first)
        code, most = code * bound + values, most * bound
    return _close(code, most)


def grouped(table: pa.Table, keys: Sequence[str]) -> tuple[Ints, pa.Table]:
    """The group of each row, and the groups: the sorted combinations of what some columns say."""
    code, first = packed((ranked(table[key]) for key in keys), table.num_rows)
    return code, table.select([*keys]).take(arrow().array(first))


def counted(columns: Mapping[str, NDArray[np.signedinteger]]) -> tuple[dict[str, Ints], Ints, Ints]:
    """Combinations of whole numbers: the columns of the sorted ones, how often each is there, the code of each row."""
    rows = len(next(iter(columns.values())))
    code, first = packed([shifted(values) for values in columns.values()], rows)
    return {name: values[first] for name, values in columns.items()}, np.bincount(code, minlength=len(first)), code


def stepped(up: Ints, down: Ints, most: int) -> tuple[Ints, Ints]:
    """How many more keys go up than down, key by key, where that is not 0.

    Args:
        up: Keys, 0 ≤ key < most.
        down: The same.
        most: Bound of the keys.

    Returns:
        Ascending keys, and how many more go up there.
    """
    if most <= max(DENSE, 4 * len(up)):
        step = np.bincount(up, minlength=most) - np.bincount(down, minlength=most)
        keys = np.flatnonzero(step)
        return keys, step[keys]
    keys, code = np.unique(np.concatenate([up, down]), return_inverse=True)
    step = np.bincount(code[: len(up)], minlength=len(keys)) - np.bincount(code[len(up) :], minlength=len(keys))
    return keys[step != 0], step[step != 0]


def shifted(values: NDArray[np.signedinteger]) -> tuple[Ints, int]:
    """Whole numbers of any sign as ones from 0, and a bound above them; the order stays."""
    wide = values.astype(np.int64)
    low = int(wide.min(initial=0))
    return wide - low, int(wide.max(initial=0)) - low + 1


def _close(code: Ints, most: int) -> tuple[Ints, Ints]:
    """Take the holes out of codes; the order stays."""
    if most > max(DENSE, 4 * len(code)):
        _, first, dense = np.unique(code, return_index=True, return_inverse=True)
        return dense.astype(np.int64), first.astype(np.int64)
    row = np.full(most, -1, np.int64)
    row[code[::-1]] = np.arange(len(code) - 1, -1, -1)
    there = row >= 0
    return (np.cumsum(there) - 1)[code], row[there]
