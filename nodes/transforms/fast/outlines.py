"""Around a piece: its outer border, step by step, and its convex hull."""

from __future__ import annotations

import numpy as np

from nodes.transforms.fast.spelling import Array

# The eight ways to a neighbour, clockwise on a screen, from right on: Freeman's code with y down.
RIGHT = np.array([1, 1, 0, -1, -1, -1, 0, 1], np.int64)
DOWN = np.array([0, 1, 1, 1, 0, -1, -1, -1], np.int64)


def steps_of(words: Array, x: int, y: int, code: Array) -> tuple[int, int, int]:
    """Walk around a piece, clockwise, on its outermost pixels: Moore's neighbourhood, until the first step comes again.

    Args:
        words: The mask as bits; see `bits`.
        x: Column of the piece's first pixel.
        y: Its row.
        code: Where the ways are written, as many as there is room for.

    Returns:
        Steps to the side or up and down, steps across a corner, and turns.
    """
    straight = across = turns = count = 0
    first = last = way = ahead(words, x, y, 5)
    at_x, at_y = x, y
    while way >= 0:
        if count and at_x == x and at_y == y and way == first:
            return straight, across, turns + (last != first)
        straight, across, turns = straight + 1 - (way & 1), across + (way & 1), turns + (way != last)
        if count < len(code):
            code[count] = way
        at_x, at_y, last, count = at_x + RIGHT[way], at_y + DOWN[way], way, count + 1
        way = ahead(words, at_x, at_y, way + 7 - (way & 1))
    return straight, across, turns


def ahead(words: Array, x: int, y: int, start: int) -> int:
    """The first way, clockwise from a start, to a neighbour that is set; −1 where there is none."""
    for turn in range(8):
        way = (start + turn) & 7
        bit = y + DOWN[way] + 1
        if (np.int64(words[x + RIGHT[way] + 1, bit >> 5]) >> (bit & 31)) & 1:
            return way
    return -1


def hull_of(runs: Array) -> Array:
    """The convex hull of the pixel centres of one piece, (n, 2): Andrew's monotone chain over its columns (1979)."""
    ends = ends_of(runs)
    hull, count = np.empty((2 * len(ends) + 2, 2), np.int64), 0
    for i in range(len(ends)):
        count = add(hull, count, 0, ends[i, 0], ends[i, 1])
    least = count
    if ends[-1, 2] != ends[-1, 1]:
        count = add(hull, count, least, ends[-1, 0], ends[-1, 2])
    for i in range(len(ends) - 2, -1, -1):
        count = add(hull, count, least - 1, ends[i, 0], ends[i, 2])
    closes = count > 1 and hull[0, 0] == hull[count - 1, 0] and hull[0, 1] == hull[count - 1, 1]
    return hull[: count - closes]


def add(hull: Array, count: int, base: int, x: int, y: int) -> int:
    """Add a point and take back those before it, down to the base, at which the chain would not turn right."""
    while count - base >= 2:
        side = (hull[count - 1, 0] - hull[count - 2, 0]) * (y - hull[count - 2, 1])
        if side - (hull[count - 1, 1] - hull[count - 2, 1]) * (x - hull[count - 2, 0]) > 0:
            break
        count -= 1
    hull[count, 0], hull[count, 1] = x, y
    return count + 1


def ends_of(runs: Array) -> Array:
    """For each column of a piece its x and the y of its first and last pixel: (n, 3)."""
    ends, count = np.empty((len(runs), 3), np.int64), 0
    for i in range(len(runs)):
        if i == 0 or runs[i, 0] != runs[i - 1, 0]:
            ends[count, 0], ends[count, 1] = runs[i, 0], runs[i, 1]
            count += 1
        ends[count - 1, 2] = runs[i, 2] - 1
    return ends[:count]
