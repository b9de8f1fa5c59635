"""Run lengths of many masks at once: COCO's compressed text to pixels that are counted, without a loop over masks.

A text tells a whole view, or one box of it; `placed` carries the runs of boxes to where they are in their views.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

GROUPS = 6  # of five bits, in a number: a longer one is no sum of runs that any mask has
MORE, SIGN = 0x20, 0x10  # bits of a group: that others follow, and, of the last, that the number is negative
AT_ONCE = 1 << 12  # masks: what is made of their characters then fits into caches
NARROW = 1 << 30  # px: sums of runs that stay below it twice are told in 32 bits

Ints = NDArray[np.int64]
Signed = NDArray[np.signedinteger]  # int32 where that is wide enough, else int64
Groups = NDArray[np.uint8]
Flags = NDArray[np.bool_]


class Runs(Struct, frozen=True):
    """The runs of pixels that are set, of many masks, one mask behind the other.

    Attributes:
        many: (N,) how many each mask has.
        begin: (R,) first pixel, numbered down the columns; int32 or int64.
        end: (R,) first pixel behind it.
        sound: (N,) bool, which masks are text that describes exactly their number of pixels; only these have runs.
    """

    many: Ints
    begin: Signed
    end: Signed
    sound: Flags

    @property
    def row(self) -> Ints:
        """Which mask each is of, (R,), ascending."""
        return np.repeat(np.arange(len(self.many)), self.many)

    def only(self, those: Flags) -> Runs:
        """Some of the runs, (R,), of the same masks."""
        many = np.bincount(self.row[those], minlength=len(self.many))
        return Runs(many, self.begin[those], self.end[those], self.sound)


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
    return Runs(*(np.concatenate([getattr(each, name) for each in some]) for name in Runs.__struct_fields__))


def _runs(counts: pa.ChunkedArray, pixels: Ints) -> Runs:
    groups, bounds = _text(counts)
    bad = _unspelled(groups, bounds)
    if bad.any():
        return _runs(_without(counts, bad), pixels)
    most, long = int(pixels.max(initial=0)), int(np.diff(bounds).max(initial=0))
    values, more, numbers = _numbers(groups, bounds, np.int32 if most * long < NARROW else np.int64)
    pairs, odd = numbers >> 1, numbers & 1 == 1
    last = bounds[1:][odd] - 1
    more[last] = True  # a mask that ends with a gap has no run behind it
    gaps, lengths, tail = _undone(values.take(np.flatnonzero(~more)), pairs, (odd, values[last]))
    upto, first = _upto(gaps + lengths), np.cumsum(pairs) - pairs
    start = upto[first]
    bad = (numbers > 0) & ((upto[first + pairs] - start + tail != pixels) | (tail < 0))
    # Numbers of 32 bits may have come around, but the first of a mask that did is beyond these limits.
    if min(gaps.min(initial=0), lengths.min(initial=0)) < 0 or max(gaps.max(initial=0), lengths.max(initial=0)) > most:
        beyond = (gaps < 0) | (lengths < 0) | (gaps > most) | (lengths > most)
        bad[np.searchsorted(first + pairs, np.flatnonzero(beyond), side="right")] = True
    if bad.any():
        return _runs(_without(counts, bad), pixels)
    end = upto[1:] - np.repeat(start, pairs)
    found = Runs(pairs, end - lengths, end, numbers > 0)
    return found if lengths.all() else found.only(lengths > 0)


def placed(found: Runs, boxes: Boxes, height: Ints, width: Ints) -> Runs:
    """The runs of boxes where they are in their views; a box that is no part of its view is not sound.

    Args:
        found: Numbered down the columns of the boxes.
        boxes: (N,) where these are.
        height: (N,) of the views, px.
        width: (N,) of the views, px.
    """
    sound = found.sound & (boxes.x + boxes.width <= width) & (boxes.y + boxes.height <= height)
    row = found.row
    kept = sound[row]
    row, begin, end = row[kept], found.begin[kept], found.end[kept]
    tall = boxes.height[row]
    # A run that goes on in the next column of its box does not do so in the view: it becomes one run per column.
    first, pieces = begin // tall, (end - 1) // tall - begin // tall + 1
    piece = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    row, tall, column = np.repeat(row, pieces), np.repeat(tall, pieces), np.repeat(first, pieces) + piece
    top = np.maximum(np.repeat(begin, pieces), column * tall) - column * tall
    bottom = np.minimum(np.repeat(end, pieces), (column + 1) * tall) - column * tall
    at = (boxes.x[row] + column) * height[row] + boxes.y[row]
    return Runs(np.bincount(row, minlength=len(sound)), at + top, at + bottom, sound)


def merged(one: Runs, two: Runs) -> Runs:
    """The runs of the same masks, each of which is sound in one of both at most."""
    order = np.argsort(np.concatenate([one.row, two.row]), kind="stable")
    begin, end = (np.concatenate([getattr(one, name), getattr(two, name)])[order] for name in ("begin", "end"))
    return Runs(one.many + two.many, begin, end, one.sound | two.sound)


def ends(found: Runs, begins: Ints) -> Iterator[tuple[Ints, int]]:
    """Where runs begin, +1, and end, -1, in maps that lie one behind the other; some masks at a time.

    Args:
        found: Runs of N masks.
        begins: (N,) where the map of each mask begins.
    """
    upto = np.concatenate([[0], np.cumsum(found.many)])
    for one in range(0, len(begins), AT_ONCE):
        two = min(one + AT_ONCE, len(begins))
        mine, where = slice(upto[one], upto[two]), np.repeat(begins[one:two], found.many[one:two])
        yield where + found.begin[mine], 1
        yield where + found.end[mine], -1


def _unspelled(groups: Groups, bounds: Ints) -> Flags:
    """Which texts, of those that are not empty, do not spell numbers."""
    bad = np.diff(bounds) > 0
    bad[bad] = groups[bounds[1:][bad] - 1] >= MORE
    if groups.max(initial=0) >= 2 * MORE:
        bad[np.searchsorted(bounds, np.flatnonzero(groups >= 2 * MORE), side="right") - 1] = True
    return bad


def _text(counts: pa.ChunkedArray) -> tuple[Groups, Ints]:
    """All characters one behind the other, less `0`, and where each text begins (and the last ends); null is empty."""
    whole = counts.combine_chunks()
    whole = (whole.fill_null(b"") if whole.null_count else whole).cast("large_binary")
    bounds = np.frombuffer(whole.buffers()[1], np.int64)[whole.offset : whole.offset + len(whole) + 1]
    data = whole.buffers()[2]
    if data is None or not len(whole):
        return np.empty(0, np.uint8), np.zeros(len(whole) + 1, np.int64)
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]] - np.uint8(48), bounds - bounds[0]


def _without(counts: pa.ChunkedArray, bad: Flags) -> pa.ChunkedArray:
    """The texts of masks, of which some are null."""
    import pyarrow as pa

    return pa.compute.if_else(pa.array(bad), None, counts)


def _numbers(groups: Groups, bounds: Ints, kind: type[np.signedinteger]) -> tuple[Signed, Flags, Ints]:
    """The signed numbers that groups of five bits spell, least bits first.

    Returns:
        The number of each group that ends one; of which groups this is not so; and how many numbers each text has.
    """
    more = groups >= MORE
    at = np.flatnonzero(more)
    values = ((groups ^ SIGN).view(np.int8) - np.int8(SIGN)).astype(kind)
    last = np.flatnonzero(np.diff(at, append=at[-1:] + 2) != 1)
    end, long = at[last] + 1, np.diff(last, prepend=-1)
    wide = values[end] << 5 | groups[end - 1] & (MORE - 1)
    for nth in range(2, int(min(long.max(initial=0) + 1, GROUPS))):
        some = np.flatnonzero(long >= nth)
        wide[some] = wide[some] << 5 | groups[end[some] - nth] & (MORE - 1)
    wide[long >= GROUPS] = np.iinfo(kind).min // 2  # no run, whatever it is the difference to
    values[end] = wide
    return values, more, np.diff(bounds - np.searchsorted(at, bounds))


def _undone(values: Signed, pairs: Ints, behind: tuple[Flags, Signed]) -> tuple[Signed, Signed, Signed]:
    """Gaps and runs, px: from the fourth number on, each was written as its difference to the one two before.

    Args:
        values: (2 P,) numbers two by two: a gap and the run behind it.
        pairs: (N,) how many of these each mask has.
        behind: (N,) which masks end with one more gap, and the numbers of these.

    Returns:
        Gaps and runs, (P,) each, and the gap behind them, (N,), 0 where there is none.
    """
    some = np.flatnonzero(pairs)
    begins, ends = (np.cumsum(pairs) - pairs)[some], np.cumsum(pairs)[some]
    lead = values[0::2][begins]
    values[0::2][begins] = 0  # nothing hangs on it
    gaps, lengths = (_summed(values[nth::2], pairs) for nth in (0, 1))
    tail, (odd, more) = np.zeros(len(pairs), values.dtype), behind
    tail[some] = gaps[ends - 1]
    tail[odd] += more
    gaps[begins] = lead
    return gaps, lengths, tail * odd


def _summed(values: Signed, pairs: Ints) -> Signed:
    """Running sums that begin anew with each mask."""
    upto = _upto(values)
    found: Signed = upto[1:] - np.repeat(upto[np.cumsum(pairs) - pairs], pairs)
    return found


def _upto(values: Signed) -> Signed:
    """Sums of what lies before each place, and of all; they may come around."""
    upto = np.zeros(len(values) + 1, values.dtype)
    np.cumsum(values, out=upto[1:])
    return upto
