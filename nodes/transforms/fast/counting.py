"""Everything about every piece of a mask, in one call: its numbers and its own run lengths."""

from __future__ import annotations

import numpy as np

from nodes.transforms.fast.bits import painted
from nodes.transforms.fast.figures import box, diameter, eccentricity, perimeter, solidity
from nodes.transforms.fast.joins import gaps_of, holes_of, labels_of
from nodes.transforms.fast.outlines import hull_of, steps_of
from nodes.transforms.fast.spelling import Array, runs_of, write

# Columns of the whole numbers and of the figures that are told of each piece.
AREA, LEFT, TOP, RIGHT_END, BOTTOM_END, X, Y, XX, XY, YY = range(10)
HOLES, HOLE_AREA, DX, DY, SPAN, BREADTH, SCORE, TOLD, FIRST, STEPS = range(10, 20)
PERIMETER, DIAMETER, ECCENTRICITY, SOLIDITY = range(4)


def counted(counts: Array, size: tuple[int, int], scores: Array) -> tuple[Array, Array, Array, Array]:
    """Every piece of a mask, in the order of their first pixels, down the columns.

    Args:
        counts: Compressed run lengths, uint8.
        size: (height, width), px.
        scores: (H, W) int8, or (0, 0) where there are none.

    Returns:
        (n, 20) int64 and (n, 4) float64 in the columns named above; the run lengths of all pieces, one after the other:
        those of piece i end at TOLD of i; and the chain codes of their outer borders, which have STEPS each.
    """
    runs = runs_of(counts, size[0])
    labels, count = labels_of(runs)
    whole, figures = np.zeros((count, 20), np.int64), np.empty((count, 4), np.float64)
    told = np.empty(6 * (2 * len(runs) + count), np.uint8)
    words, code, walked = painted(runs, size), np.empty(4 * len(runs) + 64, np.uint8), 0
    enclose(runs, labels, whole, size[1])
    order, starts = sorted_by(labels, count)
    at, ordered = 0, runs[order]
    for i in range(count):
        own = ordered[starts[i] : starts[i + 1]]
        total(own, whole[i])
        if len(scores):
            whole[i, SCORE] = scored(own, scores)
        if walked + whole[i, AREA] * 4 > len(code):
            code = longer(code, whole[i, AREA] * 4)
        shaped(own, words, code[walked:], whole[i], figures[i])
        walked += whole[i, STEPS]
        at = write(own, size, told, at)
        whole[i, TOLD] = at
    return whole, figures, told[:at], code[:walked]


def sorted_by(labels: Array, count: int) -> tuple[Array, Array]:
    """The places of all runs, piece by piece and in their order; and where each piece begins among them."""
    starts, order = np.zeros(count + 1, np.int64), np.empty(len(labels), np.int64)
    for i in range(len(labels)):
        starts[labels[i] + 1] += 1
    for i in range(count):
        starts[i + 1] += starts[i]
    free = starts.copy()
    for i in range(len(labels)):
        order[free[labels[i]]] = i
        free[labels[i]] += 1
    return order, starts


def enclose(runs: Array, labels: Array, whole: Array, width: int) -> None:
    """Count the holes of each piece and their pixels."""
    gaps, before = gaps_of(runs)
    if len(gaps):
        _, areas = holes_of(runs, gaps, width)
        for i in range(len(gaps)):
            if areas[i]:
                owner = labels[before[i]]
                whole[owner, HOLES] += 1
                whole[owner, HOLE_AREA] += areas[i]


def total(runs: Array, told: Array) -> None:
    """Area, upright box and moments of one piece."""
    told[LEFT], told[RIGHT_END] = runs[0, 0], runs[-1, 0] + 1
    told[TOP], told[BOTTOM_END] = runs[0, 1], runs[0, 2]
    for i in range(len(runs)):
        x, first, end = np.int64(runs[i, 0]), np.int64(runs[i, 1]), np.int64(runs[i, 2])
        length, rows = end - first, (first + end - 1) * (end - first) // 2
        told[TOP], told[BOTTOM_END] = min(told[TOP], first), max(told[BOTTOM_END], end)
        told[AREA] += length
        told[X] += x * length
        told[Y] += rows
        told[XX] += x * x * length
        told[XY] += x * rows
        told[YY] += (end - 1) * end * (2 * end - 1) // 6 - (first - 1) * first * (2 * first - 1) // 6


def scored(runs: Array, scores: Array) -> int:
    """The sum of the values of its pixels."""
    value = 0
    for i in range(len(runs)):
        for y in range(runs[i, 1], runs[i, 2]):
            value += scores[y, runs[i, 0]]
    return value


def longer(code: Array, more: int) -> Array:
    """The same codes with room for as many more and twice as many."""
    room = np.empty(2 * len(code) + more, np.uint8)
    room[: len(code)] = code
    return room


def shaped(runs: Array, words: Array, code: Array, told: Array, figures: Array) -> None:
    """What the outline of one piece is like."""
    hull = hull_of(runs)
    straight, across, turns = steps_of(words, runs[0, 0], runs[0, 1], code)
    told[FIRST], told[STEPS] = runs[0, 1], straight + across
    figures[PERIMETER] = perimeter(straight, across, turns)
    figures[DIAMETER] = diameter(told[AREA])
    figures[ECCENTRICITY] = eccentricity(told[AREA], told[X], told[Y], told[XX], told[XY], told[YY])
    figures[SOLIDITY] = solidity(told[AREA], hull, told[RIGHT_END] - told[LEFT], told[BOTTOM_END] - told[TOP])
    told[DX], told[DY], told[SPAN], told[BREADTH] = box(hull)
