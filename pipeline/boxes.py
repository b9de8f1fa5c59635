"""The mask of a region as its box holds it: run lengths of the box alone, which COCO's tools read like any others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipeline import runs
from pipeline.errors import MaskError
from pipeline.masks import Mask

# A run costs half a microsecond, a library ten, and 0.3 ns a pixel: so many characters of run lengths are few.
FEW, PIXELS = 20, 1500

Box = tuple[int, int, int, int]
Strip = tuple[int, int, int]  # column, first row and first one behind it: what a run covers of one column


def cropped(mask: Mask, box: Box) -> bytes | None:
    """The pixels of a mask in a box, as COCO compressed run lengths, column-major, of box height × box width px.

    Args:
        mask: Of the whole view.
        box: (x, y, width, height), px.

    Returns:
        None where the box is no part of the view, or does not hold every pixel of the mask.
    """
    if not _inside(mask.size, box):
        return None
    return _of_pixels(mask, box) if _many(mask.counts, mask.size) else _of_runs(mask, box)


def _of_pixels(mask: Mask, box: Box) -> bytes | None:
    """By way of every pixel, which does not mind how many runs there are."""
    x, y, width, height = box
    found = Mask.from_dense(mask.dense[y : y + height, x : x + width])
    return found.counts if found.area == mask.area else None


def _of_runs(mask: Mask, box: Box) -> bytes | None:
    """Run by run, which does not mind how large the view is."""
    x, y, width, height = box
    strips = [*_strips(mask.runs, mask.size[0])]
    if not all(x <= column < x + width and y <= top and end <= y + height for column, top, end in strips):
        return None
    there = ((column - x, top - y, end - y) for column, top, end in strips)
    return runs.compress(runs.tidy(_lengths(there, (height, width))))


def whole(size: tuple[int, int], box: Box, counts: bytes) -> Mask:
    """The mask of the whole view whose pixels in a box these are.

    Args:
        size: (height, width) of the view, px.
        box: (x, y, width, height), px.
        counts: COCO compressed run lengths of the box, column-major.

    Raises:
        MaskError: If the box is no part of the view, or they do not describe exactly its pixels.
    """
    x, y, width, height = box
    if not _inside(size, box):
        raise MaskError(f"expected a box in a view of {size[1]}×{size[0]} px, found {width}×{height} px at {x}, {y}")
    inside = Mask.from_counts((height, width), counts)
    if _many(counts, size):
        return _pasted(size, box, inside)
    strips = _strips(inside.runs, height)
    return Mask.from_runs(size, [*_lengths(((column + x, top + y, end + y) for column, top, end in strips), size)])


def _pasted(size: tuple[int, int], box: Box, inside: Mask) -> Mask:
    import numpy as np

    x, y, width, height = box
    view = np.zeros(size, np.bool_)
    view[y : y + height, x : x + width] = inside.dense
    return Mask.from_dense(view)


def _many(counts: bytes, size: tuple[int, int]) -> bool:
    """Whether so many runs cost more than all pixels of a view."""
    return len(counts) > FEW + size[0] * size[1] // PIXELS


def _inside(size: tuple[int, int], box: Box) -> bool:
    x, y, width, height = box
    return 0 <= x <= x + width <= size[1] and 0 <= y <= y + height <= size[0]


def _strips(lengths: Sequence[int], height: int) -> Iterator[Strip]:
    """What is set, cut where a column ends."""
    begin = 0
    for number, length in enumerate(lengths):
        end = begin + length
        while number % 2 and begin < end:
            column, top = divmod(begin, height)
            bottom = min(height, top + end - begin)
            yield column, top, bottom
            begin += bottom - top
        begin = end


def _lengths(strips: Iterable[Strip], size: tuple[int, int]) -> Iterator[int]:
    """Run lengths of some strips, which come in order; those between two that touch are empty."""
    at = 0
    for column, top, end in strips:
        begin = column * size[0] + top
        yield from (begin - at, end - top)
        at = begin + end - top
    yield size[0] * size[1] - at
