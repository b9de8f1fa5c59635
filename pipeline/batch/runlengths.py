"""Run lengths of many masks at once: COCO's compressed text to pixels that are counted, without a loop over masks.

A text tells a whole view, or one box of it; `placed` carries the runs of boxes to where they are in their views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST = 6  # groups of five bits in a number; a longer one is no sum of runs that any mask has
AT_ONCE = 1 << 13  # masks: what is made of their characters then fits into caches

Ints = NDArray[np.int64]


class Runs(Struct, frozen=True):
    """The runs of pixels that are set, of many masks.

    Attributes:
        row: (R,) which mask; ascending.
        begin: (R,) first pixel, numbered down the columns.
        end: (R,) first pixel behind it.
        sound: (N,) bool, which masks are text that describes exactly their number of pixels; only these have runs.
    """

    row: Ints
    begin: Ints
    end: Ints
    sound: NDArray[np.bool_]


class Boxes(Struct, frozen=True):
    """Where the boxes of many masks lie in their views, px: left and upper edge, width and height, (N,) each."""

    x: Ints
    y: Ints
    width: Ints
    height: Ints


def runs(counts: pa.ChunkedArray, pixels: Ints) -> Runs:
    """The runs of masks.

    Args:
        counts: (N,) binary, COCO compressed run lengths, column-major; null has no runs and is not sound.
        pixels: (N,) height × width of each.
    """
    some = [
        _runs(counts.slice(at, AT_ONCE), pixels[at : at + AT_ONCE]) for at in range(0, max(1, len(pixels)), AT_ONCE)
    ]
    row = np.concatenate([each.row + number * AT_ONCE for number, each in enumerate(some)])
    begin, end, sound = (np.concatenate([getattr(each, n) for each in some]) for n in ("begin", "end", "sound"))
    return Runs(row, begin, end, sound)


def _runs(counts: pa.ChunkedArray, pixels: Ints) -> Runs:
    text, bounds, there = _text(counts)
    low, more = (text - 48) & 0x1F, ((text - 48) & 0x20) != 0
    spelled = there & (np.diff(bounds) > 0) & ~_any(more, bounds, last=True) & ~_any((text < 48) | (text > 111), bounds)
    numbers, row = _numbers(low, more, np.repeat(np.arange(len(there)), np.diff(bounds)), spelled)
    lengths = _undone(numbers, row, len(there))
    after, total = _within(lengths, row, len(there))
    sound = spelled & (total == pixels) & ~_hit(row[lengths < 0], len(there))
    odd = (_position(row, len(there)) % 2 == 1) & sound[row] & (lengths > 0)
    return Runs(row[odd], (after - lengths)[odd], after[odd], sound)


def placed(found: Runs, boxes: Boxes, height: Ints, width: Ints) -> Runs:
    """The runs of boxes where they are in their views; a box that is no part of its view is not sound.

    Args:
        found: Numbered down the columns of the boxes.
        boxes: (N,) where these are.
        height: (N,) of the views, px.
        width: (N,) of the views, px.
    """
    sound = found.sound & (boxes.x + boxes.width <= width) & (boxes.y + boxes.height <= height)
    kept = sound[found.row]
    row, begin, end = found.row[kept], found.begin[kept], found.end[kept]
    tall = boxes.height[row]
    # A run that goes on in the next column of its box does not do so in the view: it becomes one run per column.
    first, pieces = begin // tall, (end - 1) // tall - begin // tall + 1
    piece = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    row, tall, column = np.repeat(row, pieces), np.repeat(tall, pieces), np.repeat(first, pieces) + piece
    top = np.maximum(np.repeat(begin, pieces), column * tall) - column * tall
    bottom = np.minimum(np.repeat(end, pieces), (column + 1) * tall) - column * tall
    at = (boxes.x[row] + column) * height[row] + boxes.y[row]
    return Runs(row, at + top, at + bottom, sound)


def merged(one: Runs, two: Runs) -> Runs:
    """The runs of the same masks, each of which is sound in one of both at most."""
    row = np.concatenate([one.row, two.row])
    order = np.argsort(row, kind="stable")
    begin, end = (np.concatenate([getattr(one, name), getattr(two, name)])[order] for name in ("begin", "end"))
    return Runs(row[order], begin, end, one.sound | two.sound)


def painted(begin: Ints, end: Ints, pixels: int) -> Ints:
    """How often each pixel is set, int64 (pixels,), from runs of masks of one size."""
    return np.cumsum(np.bincount(begin, minlength=pixels + 1) - np.bincount(end, minlength=pixels + 1))[:pixels]


def _text(counts: pa.ChunkedArray) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """All characters one behind the other, where each text begins (and the last ends), and which are not null."""
    import pyarrow.compute as pc

    there = pc.is_valid(counts).to_numpy().astype(bool)
    whole = pc.fill_null(counts, b"").combine_chunks().cast("large_binary")
    bounds = np.frombuffer(whole.buffers()[1], np.int64)[whole.offset : whole.offset + len(whole) + 1]
    data = whole.buffers()[2]
    text = (
        np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
        if data is not None and len(whole)
        else np.empty(0, np.uint8)
    )
    return text.astype(np.int64), bounds - bounds[0], there


def _any(flags: NDArray[np.bool_], bounds: Ints, *, last: bool = False) -> NDArray[np.bool_]:
    """Whether any character of each text has a flag, or its last one has."""
    if last:
        return np.concatenate([flags, [False]])[np.maximum(bounds[1:] - 1, 0)] & (np.diff(bounds) > 0)
    upto = np.concatenate([[0], np.cumsum(flags)])
    return np.diff(upto[bounds]) > 0


def _numbers(low: Ints, more: NDArray[np.bool_], row: Ints, spelled: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The signed numbers that characters of five bits spell, least bits first, and whose they are."""
    kept = spelled[row]
    low, more, row = low[kept], more[kept], row[kept]
    ends = np.flatnonzero(~more)
    first = np.concatenate([[0], ends + 1])[: len(ends)]
    place = 5 * np.minimum(np.arange(len(low)) - np.repeat(first, ends - first + 1), LONGEST)
    value = np.add.reduceat(low << place, first) if len(first) else low
    negative = (low[ends] & 0x10) != 0
    return value - np.where(negative, np.int64(32) << place[ends], 0), row[ends]


def _undone(numbers: Ints, row: Ints, masks: int) -> Ints:
    """Run lengths: from the fourth on, each was written as its difference to the one two before."""
    place, lengths = _position(row, masks), numbers.copy()
    for parity in (0, 1):
        chain = (place % 2 == parity) & (place > 0)
        lengths[chain] = _within(numbers[chain], row[chain], masks)[0]
    return lengths


def _within(numbers: Ints, row: Ints, masks: int) -> tuple[Ints, Ints]:
    """Running sums within each mask, and the sum of each."""
    upto = np.cumsum(numbers)
    bounds = np.searchsorted(row, np.arange(masks + 1))
    sums = np.concatenate([[0], upto])[bounds]
    return upto - sums[row], np.diff(sums)


def _position(row: Ints, masks: int) -> Ints:
    return np.arange(len(row)) - np.searchsorted(row, np.arange(masks))[row]


def _hit(rows: Ints, masks: int) -> NDArray[np.bool_]:
    found = np.zeros(masks, bool)
    found[rows] = True
    return found
