"""Opening and closing by a disc, on bits: what lies outside the view takes nothing away and adds nothing.

A disc of radius r holds every pixel whose centre is at most r from its own, as scikit-image's `disk` does. It is taken
apart into columns: each is a dilation along the column, moved to the side. All columns lie in one row of words, so
that a step is one loop over it; bits outside the view are cleared after each step, so that none reaches its neighbour.
"""

from __future__ import annotations

import math

import numpy as np

from nodes.transforms.fast.bits import paint, painted, runs_in, words_of
from nodes.transforms.fast.spelling import Array


def smoothed(runs: Array, opening: int, closing: int, size: tuple[int, int]) -> Array:
    """The runs of a mask that is opened, then closed; see `smooth`."""
    words = painted(runs, size)
    smooth(words, opening, closing, size)
    return runs_in(words, len(runs) + 64)


def smooth(words: Array, opening: int, closing: int, size: tuple[int, int]) -> None:
    """Open a mask, then close it: to what discs reach from within, less what they do from without.

    Args:
        words: Its bits, which are changed.
        opening: Radius, px; 0 leaves it out.
        closing: The same.
        size: (height, width) of the view, px.
    """
    width, row, inside = words.shape[1], words.reshape(-1), view(size)
    other, wide = np.empty_like(row), np.empty_like(row)
    if opening:
        turn(row, inside)
        dilate(row, inside, opening, width, wide, other)
        turn(other, inside)
        dilate(other, inside, opening, width, wide, row)
    if closing:
        dilate(row, inside, closing, width, wide, other)
        turn(other, inside)
        dilate(other, inside, closing, width, wide, row)
        turn(row, inside)


def view(size: tuple[int, int]) -> Array:
    """The bits that are in the view: a row of (width + 2) × words uint32."""
    words = words_of(size[0])
    column, inside = np.zeros(words, np.uint32), np.zeros((size[1] + 2, words), np.uint32)
    paint(column, 1, size[0] + 1)
    for line in range(1, size[1] + 1):
        for i in range(words):
            inside[line, i] = column[i]
    return inside.reshape(-1)


def turn(row: Array, inside: Array) -> None:
    """Set what is in the view and not set, and nothing else."""
    for i in range(len(row)):
        row[i] = ~row[i] & inside[i]


def dilate(row: Array, inside: Array, radius: int, width: int, wide: Array, found: Array) -> None:
    """Write what is set, or at most a radius away from something that is.

    Args:
        row: The bits.
        inside: Those of the view.
        radius: Of the disc, px.
        width: Words of a column.
        wide: Room for as many words.
        found: Where they are written.
    """
    for i in range(len(row)):
        wide[i], found[i] = row[i], 0
    for reach in range(radius + 1):
        for away in range(radius + 1):
            if int(math.sqrt(radius * radius - away * away)) == reach:
                spread(wide, away * width, found)
        if reach < radius:
            grow(wide, inside)
    for i in range(len(found)):
        found[i] &= inside[i]


def spread(row: Array, by: int, found: Array) -> None:
    """Add the words, moved to both sides; of an index that is a sum numba asks whether it is below 0, of slices not."""
    count = len(row) - by
    here, there = row[:count], found[by:]
    for i in range(count):
        there[i] |= here[i]
    if by:
        here, there = row[by:], found[:count]
        for i in range(count):
            there[i] |= here[i]


def grow(row: Array, inside: Array) -> None:
    """Dilate the bits by one pixel along their column."""
    one, top = np.uint32(1), np.uint32(31)
    before = row.copy()
    for i in range(1, len(row) - 1):
        word = before[i]
        row[i] = (word | (word << one) | (word >> one) | (before[i - 1] >> top) | (before[i + 1] << top)) & inside[i]
