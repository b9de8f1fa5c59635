"""Columns of counts that lie side by side: what is counted at places in a row is kept as one value per stretch of them.

A histogram or a map of cells has few empty places where it has any that are not: kept place by place, most of what is
merged, packed and sorted would be their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.batch.tally import Ints, close, parted, shifted
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[Any]

LONG = 64  # places of a stretch
KINDS = [np.dtype(kind) for kind in ("<i1", "<i2", "<i4", "<i8")]  # of what is kept of each: all of a column the same
DENSE, CROWDED = 1 << 16, 4  # places that are counted in an array however few rows there are; more than rows, else


def unfolded(column: pa.ChunkedArray) -> Numbers:
    """The numbers of a column: (N, 1), or (N, LONG) where each value is a stretch."""
    if not arrow().types.is_large_binary(column.type):
        values: Numbers = column.to_numpy()[:, None]
        return values
    return np.concatenate([np.empty((0, LONG), KINDS[0]), *(_numbers(chunk) for chunk in column.chunks if len(chunk))])


def folded(values: Numbers) -> pa.Array:
    """A column of what `unfolded` gives."""
    pa = arrow()
    if values.shape[1] == 1:
        return pa.array(values[:, 0])
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    kind = next(each for each in KINDS if np.iinfo(each).min <= low and high <= np.iinfo(each).max)
    held = np.ascontiguousarray(values, kind)
    bounds = np.arange(len(held) + 1, dtype=np.int64) * (LONG * kind.itemsize)
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(held)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(held), buffers)


def _numbers(column: pa.Array) -> Numbers:
    begin, end = np.frombuffer(column.buffers()[1], np.int64)[[column.offset, column.offset + len(column)]]
    kind = np.dtype(f"<i{(end - begin) // (len(column) * LONG)}")
    return np.frombuffer(column.buffers()[2], kind)[begin // kind.itemsize : end // kind.itemsize].reshape(-1, LONG)


def added(counts: Numbers, order: Ints, begins: Ints) -> NDArray[np.int64]:
    """Sums of stretches, (T, LONG).

    Args:
        counts: (S, LONG).
        order: (S,) rows of these, those that are added up one behind the other.
        begins: (T,) where in `order` those of each sum begin.
    """
    total, many = counts[order[begins]].astype(np.int64), np.diff(np.append(begins, len(order)))
    for nth in range(1, int(many.max(initial=0))):
        some = np.flatnonzero(many > nth)
        total[some] += counts[order[begins[some] + nth]]
    return total


def laid(stretch: Ints, counts: Numbers) -> tuple[Ints, Ints, Ints]:
    """What is not 0 in stretches, in their order: (row of the stretch, place, number).

    Args:
        stretch: (S,) which it is: its places begin at LONG times as much.
        counts: (S, LONG).
    """
    at = np.flatnonzero(counts != 0)  # of flags it is several times as fast
    row, place = parted(at, LONG)
    return row, place + stretch[row] * LONG, counts.ravel()[at]


def painted(stretch: Ints, steps: Numbers) -> tuple[Ints, Ints, Ints]:
    """The places that are ever set, by how many more or fewer are there than at the one before.

    Args:
        stretch: (S,) as with `laid`, map by map; the steps of a map sum to nothing.
        steps: (S, LONG).

    Returns:
        For each place, in their order: the row of the stretch, or of the one before it in its map where nothing
        changes in its own; the place; and how often it is set.
    """
    # Where one map ends and the next begins, the level is 0.
    level = np.cumsum(steps.sum(axis=1, dtype=np.int64))
    row, more = np.arange(len(steps)), np.where(level > 0, np.diff(stretch, append=0) - 1, 0)
    if more.any():
        row, first = np.repeat(row, more + 1), np.cumsum(more + 1) - more - 1
        steps, few = np.zeros((len(row), LONG), steps.dtype), steps
        steps[first] = few
        stretch = stretch[row] + np.arange(len(row)) - first[row]
    n = np.cumsum(steps, dtype=np.int64)
    at = np.flatnonzero(n != 0)
    which, place = parted(at, LONG)
    return row[which] if more.any() else which, place + stretch[which] * LONG, n[at]


def stretched(lead: Ints, place: Ints) -> tuple[Ints, Ints, NDArray[np.int32]]:
    """How many rows have each place, lead by lead: (leads, stretches, (S, LONG) counts), ascending.

    Args:
        lead: (N,) what is counted apart.
        place: (N,) any whole numbers.
    """
    if not len(lead):
        return lead, lead, np.empty((0, LONG), np.int32)
    near, leads = shifted(lead)
    first = int(place.min()) // LONG
    span = int(place.max()) // LONG - first + 1
    keys, counts = stepped([(near * (span * LONG) + (place - first * LONG), 1)], len(lead), leads * span * LONG)
    which, stretch = parted(keys, span)
    return which + int(lead.min()), stretch + first, counts


def stepped(pieces: Iterable[tuple[Ints, int]], many: int, most: int) -> tuple[Ints, NDArray[np.int32]]:
    """What steps at places add up to, stretch by stretch, where that is not 0.

    Args:
        pieces: Places, 0 ≤ place < most, and the step at each of these.
        many: How many places there are in all pieces, < 2³¹; no step is larger than 1.
        most: Bound of the places, a multiple of `LONG`.

    Returns:
        Which stretches, (S,) ascending, and the sum at each of their places, (S, LONG).
    """
    stretches = np.arange(most // LONG)
    if most > max(DENSE, CROWDED * many):
        pieces, stretches = _closed([*pieces], most)
    sums = np.zeros(len(stretches) * LONG, np.int32)
    for place, step in pieces:
        np.add.at(sums, place, np.int32(step))  # unlike `bincount`, it needs no array of its own for each piece
    found = sums.reshape(-1, LONG)
    there = np.flatnonzero(found.any(axis=1))
    return stretches[there], found[there]


def _closed(pieces: Sequence[tuple[Ints, int]], most: int) -> tuple[list[tuple[Ints, int]], Ints]:
    """Places in few stretches of many as those in these few, and which these are."""
    stretch = np.concatenate([place // LONG for place, _ in pieces])
    code, first = close(stretch, most // LONG)
    codes = np.split(code, np.cumsum([len(place) for place, _ in pieces])[:-1])
    near = [(mine * LONG + place % LONG, step) for mine, (place, step) in zip(codes, pieces, strict=True)]
    return near, stretch[first]
