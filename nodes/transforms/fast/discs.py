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
    words, inside = painted(runs, size), view(size)
    if opening:
        turned = inverted(dilated(inverted(words, inside), inside, opening), inside)
        words = dilated(turned, inside, opening)
    if closing:
        turned = inverted(dilated(words, inside, closing), inside)
        words = inverted(dilated(turned, inside, closing), inside)
    return runs_in(words, len(runs) + 64)


def view(size: tuple[int, int]) -> Array:
    """The bits that are in the view: (width + 2, words) uint32."""
    inside = np.zeros((size[1] + 2, (size[0] + 2 + 31) // 32), np.uint32)
    for line in range(1, size[1] + 1):
        paint(inside[line], 1, size[0] + 1)
    return inside


def inverted(words: Array, inside: Array) -> Array:
    """What is in the view and not set."""
    found = np.empty_like(words)
    flat, row, where = found.reshape(-1), words.reshape(-1), inside.reshape(-1)
    for i in range(len(flat)):
        flat[i] = ~row[i] & where[i]
    return found


def dilated(words: Array, inside: Array, radius: int) -> Array:
    """What is set, or at most a radius away from something that is."""
    found = np.zeros_like(words)
    flat, row, where = found.reshape(-1), words.reshape(-1), inside.reshape(-1)
    for reach in range(radius + 1):
        for away in range(radius + 1):
            if int(math.sqrt(radius * radius - away * away)) == reach:
                spread(row, away * words.shape[1], flat)
        if reach < radius:
            row = grown(row, where)
    for i in range(len(flat)):
        flat[i] &= where[i]
    return found


def spread(row: Array, by: int, found: Array) -> None:
    """Add the words, moved to both sides."""
    for i in range(by, len(row)):
        found[i] |= row[i - by]
    for i in range(len(row) - by):
        found[i] |= row[i + by]


def grown(row: Array, inside: Array) -> Array:
    """The bits dilated by one pixel along their column."""
    one, top = np.uint32(1), np.uint32(31)
    found = np.zeros_like(row)
    for i in range(1, len(row) - 1):
        word = row[i] | (row[i] << one) | (row[i] >> one) | (row[i - 1] >> top) | (row[i + 1] << top)
        found[i] = word & inside[i]
    return found
