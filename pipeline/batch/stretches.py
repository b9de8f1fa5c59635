"""Columns of counts that lie side by side: what is counted at places in a row is kept as one value per stretch of them.

A histogram or a map of cells has few empty places where it has any that are not: kept place by place, most of what is
merged, packed and sorted would be their numbers.
"""

from __future__ import annotations

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
    at = np.flatnonzero(counts)
    row, place = parted(at, LONG)
    return row, place + stretch[row] * LONG, counts.ravel()[at]


def stretched(lead: Ints, place: Ints) -> tuple[Ints, Ints, Ints]:
    """How many rows have each place, lead by lead: (leads, stretches, (S, LONG) counts), ascending.

    Args:
        lead: (N,) what is counted apart.
        place: (N,) any whole numbers.
    """
    if not len(lead):
        return lead, lead, np.empty((0, LONG), np.int64)
    near, leads = shifted(lead)
    first = int(place.min()) // LONG
    span = int(place.max()) // LONG - first + 1
    keys, counts = stepped(near * (span * LONG) + (place - first * LONG), None, leads * span * LONG)
    which, stretch = parted(keys, span)
    return which + int(lead.min()), stretch + first, counts


def stepped(up: Ints, down: Ints | None, most: int) -> tuple[Ints, Ints]:
    """How many more places go up than down, stretch by stretch, where that is not 0.

    Args:
        up: Places, 0 ≤ place < most.
        down: The same.
        most: Bound of the places, a multiple of `LONG`.

    Returns:
        Which stretches, (S,) ascending, and how many more go up at each of their places, (S, LONG).
    """
    both = up if down is None else np.concatenate([up, down])
    if most > max(DENSE, CROWDED * len(both)):  # few stretches of many
        code, first = close(both // LONG, most // LONG)
        stretches, both = both[first] // LONG, code * LONG + both % LONG
    else:
        stretches = np.arange(most // LONG)
    counts = np.bincount(both[: len(up)], minlength=len(stretches) * LONG)
    if down is not None:
        counts -= np.bincount(both[len(up) :], minlength=len(stretches) * LONG)
    counts = counts.reshape(-1, LONG)
    there = np.flatnonzero(counts.any(axis=1))
    return stretches[there], counts[there]
