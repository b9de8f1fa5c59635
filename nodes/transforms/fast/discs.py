"""Opening and closing by a disc, on bits: what lies outside the view takes nothing away and adds nothing.

A disc of radius r holds every pixel whose centre is at most r from its own, as scikit-image's `disk` does. It is taken
apart into columns: each is a dilation along the column, moved to the side. All columns lie in one row of words, so
that a step is one loop over it; bits outside the view are cleared after each step, so that none reaches its neighbour.
"""

from __future__ import annotations

import math

import numpy as np

from nodes.transforms.fast.bits import paint, painted, runs_in
from nodes.transforms.fast.spelling import Array


def smoothed(runs: Array, opening: int, closing: int, size: tuple[int, int]) -> Array:
    """The runs of a mask that is opened, then closed: of what discs reach from within, less what they do from without.

    Args:
        runs: In order.
        opening: Radius, px; 0 leaves it out.
        closing: The same.
        size: (height, width) of the view, px.
    """
    words = painted(runs, size)
    width, row, inside = words.shape[1], words.reshape(-1), view(size)
    other, wide = np.empty_like(row), np.empty_like(row)
    if opening:
        turn(row, inside)
        dilate(row, inside, opening, width, wide, other)
        turn(other, inside)
        if not other.any():
            return runs[:0]
        dilate(other, inside, opening, width, wide, row)
    if closing:
        dilate(row, inside, closing, width, wide, other)
        turn(other, inside)
        dilate(other, inside, closing, width, wide, row)
        turn(row, inside)
    return runs_in(words, len(runs) + 64)


def view(size: tuple[int, int]) -> Array:
    """The bits that are in the view: a row of (width + 2) × words uint32."""
    words = (size[0] + 2 + 31) // 32
    column, inside = np.zeros(words, np.uint32), np.zeros((size[1] + 2) * words, np.uint32)
    paint(column, 1, size[0] + 1)
    for at in range(words, len(inside) - words):
        inside[at] = column[at % words]
    return inside


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
    wide[:] = row
    found[:] = 0
    for reach in range(radius + 1):
        for away in range(radius + 1):
            if int(math.sqrt(radius * radius - away * away)) == reach:
                spread(wide, away * width, found)
        if reach < radius:
            grow(wide, inside)
    for i in range(len(found)):
        found[i] &= inside[i]


def spread(row: Array, by: int, found: Array) -> None:
    """Add the words, moved to both sides."""
    for i in range(by, len(row)):
        found[i] |= row[i - by]
    if by:
        for i in range(len(row) - by):
            found[i] |= row[i + by]


def grow(row: Array, inside: Array) -> None:
    """Dilate the bits by one pixel along their column."""
    one, top = np.uint32(1), np.uint32(31)
    before = np.uint32(0)
    for i in range(len(row) - 1):
        word = row[i]
        row[i] = (word | (word << one) | (word >> one) | (before >> top) | (row[i + 1] << top)) & inside[i]
        before = word
