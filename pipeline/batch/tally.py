"""Counting in columns: rows become codes of their group, and sums are taken group by group; no loop over rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

DENSE = 1 << 16  # codes that are counted in an array however few rows there are
CROWDED = 2  # times as many codes as rows that still are: beyond it, sorting is cheaper
FLAGGED = 16  # the same where a flag per code is enough

Ints = NDArray[np.int64]


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column as indices into a dictionary, which may tell values that no row has."""
    whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # which would copy it
    return whole if arrow().types.is_dictionary(whole.type) else whole.dictionary_encode()


def ranked(column: pa.ChunkedArray) -> tuple[Ints, int]:
    """The place of each value among the sorted values of a column, from 0, and a bound above; null is the last.

    Of a column that comes with a dictionary, only that is sorted; what it tells that no row has leaves holes.
    """
    pc, coded = arrow().compute, encoded(column)
    if len(coded.dictionary) == 1 and not coded.null_count and not coded.dictionary.null_count:
        return np.zeros(len(coded), np.int64), 1
    words = coded.dictionary.dictionary_encode()  # a word that a dictionary tells twice has one place
    order = pc.array_sort_indices(words.dictionary).to_numpy()
    place = np.empty(len(order) + 1, np.int64)
    place[order], place[-1] = np.arange(len(order)), len(order)
    row = pc.fill_null(coded.indices, len(words)).to_numpy(zero_copy_only=False) if coded.null_count else coded.indices
    code = np.append(place[pc.fill_null(words.indices, len(order)).to_numpy()], len(order))[np.asarray(row)]
    return code, max(1, len(order) + bool(coded.null_count))


def spelled(column: pa.ChunkedArray) -> pa.Array:
    """The sorted values of a column, those at the places that `ranked` tells; null is not among them."""
    words = encoded(column).dictionary.unique()
    return words.take(arrow().compute.array_sort_indices(words))


def says(column: pa.ChunkedArray, *words: str) -> NDArray[np.bool_]:
    """Which rows of a column of strings say one of some words; null says none."""
    pc, coded = arrow().compute, encoded(column)
    hit = pc.fill_null(pc.is_in(coded.dictionary, value_set=arrow().array(words)), False)
    known = np.append(hit.to_numpy(zero_copy_only=False), False)
    found: NDArray[np.bool_] = known[pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)]
    return found


def numbers(column: pa.ChunkedArray) -> tuple[Ints, int]:
    """A column as whole numbers from 0 in the order of its values, and a bound above them."""
    if not arrow().types.is_integer(column.type) or column.null_count or not len(column):
        return ranked(column)
    values = column.to_numpy()
    low, high = int(values.min()), int(values.max())
    return (values.astype(np.int64) - low, high - low + 1) if high - low < 1 << 40 else ranked(column)


def packed(columns: Iterable[tuple[Ints, int]], rows: int) -> tuple[Ints, Ints]:
    """One code for what several columns say, from 0 without holes, in the order of the first column, then the next.

    Args:
        columns: (N,) whole numbers ≥ 0 and a bound above them, column by column.
        rows: N.

    Returns:
        The code of each row, and for each code the first row that has it.
    """
    return close(*joined(columns, rows))


def joined(columns: Iterable[tuple[Ints, int]], rows: int) -> tuple[Ints, int]:
    """The same with holes, and a bound above all codes: cheaper where it is enough that equal rows have equal codes."""
    code, most = np.zeros(rows, np.int64), 1
    for values, bound in columns:
        if most * bound >= 1 << 62:
            code, first = close(code, most)
            most = len(first)
        if bound > 1:
            code, most = code * bound + values if most > 1 else values, most * bound
    return code, most


def close(code: Ints, most: int) -> tuple[Ints, Ints]:
    """Take the holes out of codes: what is left keeps its order; and the first row that has each."""
    if most > max(DENSE, CROWDED * len(code)):
        order = np.argsort(code)
        begins = starts(code[order])
        dense = np.empty(len(code), np.int64)
        dense[order] = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(code))))
        return dense, np.minimum.reduceat(order, begins) if len(begins) else order
    dense, keys = pressed(code, most)
    first = np.empty(len(keys), np.int64)
    first[dense[::-1]] = np.arange(len(code) - 1, -1, -1)  # of what is written to one place, the last stays
    return dense, first


def pressed(code: Ints, most: int) -> tuple[Ints, Ints]:
    """Take the holes out of codes that are not many more than rows: what is left keeps its order; and what each was."""
    there = np.zeros(most, bool)
    there[code] = True
    keys = np.flatnonzero(there)
    place = np.empty(most, np.int64)
    place[keys] = np.arange(len(keys))
    return place[code], keys


def different(code: Ints, most: int) -> bool:
    """Whether no two codes are the same."""
    if most > max(DENSE, FLAGGED * len(code)):
        ascending = np.sort(code)
        return bool((ascending[1:] != ascending[:-1]).all())
    there = np.zeros(most, bool)
    there[code] = True
    return int(np.count_nonzero(there)) == len(code)


def grouped(table: pa.Table, keys: Sequence[str]) -> tuple[Ints, pa.Table]:
    """The group of each row, and the groups: the sorted combinations of what some columns say."""
    code, first = packed((ranked(table[key]) for key in keys), table.num_rows)
    return code, table.select([*keys]).take(arrow().array(first))


def counted(columns: Mapping[str, NDArray[np.signedinteger]]) -> tuple[dict[str, Ints], Ints]:
    """Combinations of whole numbers: the columns of the sorted ones, and how often each is there."""
    rows, spans = len(next(iter(columns.values()))), {name: shifted(values) for name, values in columns.items()}
    if prod(bound for _, bound in spans.values()) >= 1 << 62:
        code, first = packed(spans.values(), rows)
        return {name: values[first] for name, values in columns.items()}, np.bincount(code, minlength=len(first))
    keys, count = tallies(*joined(spans.values(), rows))
    found: dict[str, Ints] = {}
    for name, (_, bound) in reversed(spans.items()):
        keys, rest = parted(keys, bound)
        found[name] = rest + lowest(columns[name])
    return dict(reversed(found.items())), count


def parted(keys: Ints, bound: int) -> tuple[Ints, Ints]:
    """Numbers ≥ 0 by a divisor > 0: quotients and what is left."""
    if bound & (bound - 1) == 0:
        return keys >> (bound.bit_length() - 1), keys & (bound - 1)
    whole = keys // bound  # by one number: several times as fast as `divmod`
    return whole, keys - whole * bound


def tallies(code: Ints, most: int) -> tuple[Ints, Ints]:
    """The codes that are there, ascending, and how often each is.

    Args:
        code: (N,), 0 ≤ code < most.
        most: Bound of the codes.
    """
    if most > max(DENSE, CROWDED * len(code)):
        ascending = np.sort(code)
        begins = starts(ascending)
        return ascending[begins], np.diff(np.append(begins, len(code)))
    count = np.bincount(code, minlength=most)
    keys = np.flatnonzero(count)
    return keys, count[keys]


def starts(ascending: Ints) -> Ints:
    """Where each value of ascending ones begins."""
    return np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]])[: len(ascending)])


def shifted(values: NDArray[np.signedinteger]) -> tuple[Ints, int]:
    """Whole numbers of any sign as ones from 0, and a bound above them; the order stays."""
    wide = values.astype(np.int64, copy=False)
    low, high = lowest(wide), int(wide.max()) if len(wide) else 0
    return wide - low if low else wide, high - low + 1


def lowest(values: NDArray[np.signedinteger]) -> int:
    """The least of some whole numbers; 0 of none."""
    return int(values.min()) if len(values) else 0
