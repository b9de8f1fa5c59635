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

GROUPS = 6  # of five bits, in a number: a longer one is no sum of runs that any mask has
MORE, SIGN = 0x20, 0x10  # bits of a group: that others follow, and, of the last, that the number is negative
AT_ONCE = 1 << 12  # masks: what is made of their characters then fits into caches

Ints = NDArray[np.int64]
Groups = NDArray[np.uint8]
Flags = NDArray[np.bool_]


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
    sound: Flags


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
    groups, bounds, sound = _spelled(counts)
    values, numbers = _numbers(groups, bounds)
    pairs = (numbers + 1) // 2
    first = np.cumsum(pairs) - pairs
    gaps, lengths = _undone(_paired(values, numbers), first, numbers)
    upto = np.concatenate([[0], np.cumsum(gaps + lengths)])
    end = upto[1:] - np.repeat(upto[first], pairs)
    row = np.repeat(np.arange(len(pairs)), pairs)
    sound &= upto[first + pairs] - upto[first] == pixels
    if min(gaps.min(initial=0), lengths.min(initial=0)) < 0:
        sound[row[(gaps < 0) | (lengths < 0)]] = False
    kept = lengths > 0 if sound.all() else (lengths > 0) & sound[row]
    return Runs(row[kept], (end - lengths)[kept], end[kept], sound)


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


def _spelled(counts: pa.ChunkedArray) -> tuple[Groups, Ints, Flags]:
    """The groups of all texts that spell numbers, where those of each begin (and the last ends), and which do."""
    groups, bounds = _text(counts)
    sound = np.diff(bounds) > 0
    sound[sound] = groups[bounds[1:][sound] - 1] < MORE
    strange = groups >= 2 * MORE
    if strange.any():
        sound &= np.diff(np.concatenate([[0], np.cumsum(strange)])[bounds]) == 0
    if not sound.all():
        groups, bounds = _text(_only(counts, sound))
    ends = np.flatnonzero(groups < MORE)
    long = np.diff(ends, prepend=-1) > GROUPS
    if long.any():
        sound[np.searchsorted(bounds, ends[long], side="right") - 1] = False
        groups, bounds = _text(_only(counts, sound))
    return groups, bounds, sound


def _text(counts: pa.ChunkedArray) -> tuple[Groups, Ints]:
    """All characters one behind the other, less `0`, and where each text begins (and the last ends); null is empty."""
    whole = counts.combine_chunks()
    whole = (whole.fill_null(b"") if whole.null_count else whole).cast("large_binary")
    bounds = np.frombuffer(whole.buffers()[1], np.int64)[whole.offset : whole.offset + len(whole) + 1]
    data = whole.buffers()[2]
    if data is None or not len(whole):
        return np.empty(0, np.uint8), np.zeros(len(whole) + 1, np.int64)
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]] - np.uint8(48), bounds - bounds[0]


def _only(counts: pa.ChunkedArray, mine: Flags) -> pa.ChunkedArray:
    """The texts of some masks; all others are null."""
    import pyarrow as pa

    return pa.compute.if_else(pa.array(mine), counts, None)


def _numbers(groups: Groups, bounds: Ints) -> tuple[Ints, Ints]:
    """The signed numbers that groups of five bits spell, least bits first, and how many each text has."""
    ends = np.flatnonzero(groups < MORE)
    values = (groups[ends] ^ SIGN).astype(np.int64) - SIGN
    long = np.diff(ends, prepend=-1)
    for nth in range(1, GROUPS):
        more = np.flatnonzero(long > nth)
        values[more] = values[more] << 5 | groups[ends[more] - nth] & (MORE - 1)
    return values, np.diff(np.searchsorted(ends, bounds))


def _paired(values: Ints, numbers: Ints) -> Ints:
    """Numbers two by two, (P, 2): a gap and the run behind it; a mask that ends with a gap has none behind it, 0."""
    odd = numbers % 2 == 1
    return np.insert(values, np.cumsum(numbers)[odd], 0).reshape(-1, 2)


def _undone(paired: Ints, first: Ints, numbers: Ints) -> tuple[Ints, Ints]:
    """Gaps and runs, px: from the fourth number on, each was written as its difference to the one two before.

    Args:
        paired: (P, 2) as `_paired` gives them.
        first: (N,) first pair of each mask.
        numbers: (N,) how many numbers each has.
    """
    begins, pairs = first[numbers > 0], (numbers + 1) // 2
    lead = paired[begins, 0]
    paired[begins, 0] = 0  # nothing hangs on it
    upto = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(paired, axis=0)])
    gaps, lengths = (upto[1:] - np.repeat(upto[first], pairs, axis=0)).T
    gaps[begins] = lead
    lengths[(first + pairs)[numbers % 2 == 1] - 1] = 0
    return gaps, lengths
