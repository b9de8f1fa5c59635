"""Which runs are one piece: 8-connected where pixels are set, 4-connected where they are not."""

from __future__ import annotations

import numpy as np

from nodes.transforms.fast.spelling import Array


def labels_of(runs: Array) -> tuple[Array, int]:
    """The piece of each run, counted from 0 in the order of their first runs; and how many pieces there are."""
    return numbered(joined(runs, 1))


def numbered(roots: Array) -> tuple[Array, int]:
    """Roots as numbers without holes, in order; and how many there are."""
    numbers, count = np.empty(len(roots), np.int64), 0
    for i in range(len(roots)):
        if roots[i] == i:
            numbers[i] = count
            count += 1
        else:
            numbers[i] = numbers[roots[i]]
    return numbers, count


def joined(runs: Array, reach: int) -> Array:
    """For each run the first one of its piece.

    Args:
        runs: In order.
        reach: 1 where pixels that touch at a corner are connected, else 0.
    """
    roots = np.arange(len(runs))
    near = 0
    for i in range(len(runs)):
        line, first, end = runs[i, 0], runs[i, 1], runs[i, 2]
        while runs[near, 0] < line - 1 or (runs[near, 0] == line - 1 and runs[near, 2] + reach <= first):
            near += 1
        other = near
        while runs[other, 0] == line - 1 and runs[other, 1] < end + reach:
            unite(roots, i, other)
            other += 1
    for i in range(len(runs)):
        roots[i] = roots[roots[i]]
    return roots


def unite(roots: Array, one: int, other: int) -> None:
    """Make two pieces one, under the root that comes first."""
    low, high = root(roots, one), root(roots, other)
    if low > high:
        low, high = high, low
    roots[high] = low


def root(roots: Array, at: int) -> int:
    """The root of a run; the way there is made shorter."""
    while roots[at] != at:
        roots[at] = roots[roots[at]]
        at = roots[at]
    return at


def gaps_of(runs: Array) -> tuple[Array, Array]:
    """What is not set between two runs of one column, as runs, and the run before each."""
    count = 0
    for i in range(1, len(runs)):
        count += runs[i, 0] == runs[i - 1, 0]
    gaps, before = np.empty((count, 3), np.int32), np.empty(count, np.int64)
    count = 0
    for i in range(1, len(runs)):
        if runs[i, 0] == runs[i - 1, 0]:
            gaps[count, 0], gaps[count, 1], gaps[count, 2] = runs[i, 0], runs[i - 1, 2], runs[i, 1]
            before[count] = i - 1
            count += 1
    return gaps, before


def holes_of(runs: Array, gaps: Array, width: int) -> tuple[Array, Array]:
    """For each gap the first one of its hole; and for each first one the area of the hole, 0 where it is none.

    A hole is 4-connected and does not reach what is before the first or after the last run of any column.
    """
    roots, areas = joined(gaps, 0), np.zeros(len(gaps), np.int64)
    low, high = ends(runs, width)
    for i in range(len(gaps)):
        line, first, end = gaps[i, 0] + 1, gaps[i, 1], gaps[i, 2]
        is_open = first < max(low[line - 1], low[line + 1]) or end > min(high[line - 1], high[line + 1])
        areas[roots[i]] += -(1 << 40) if is_open else end - first
    for i in range(len(gaps)):
        areas[i] = max(0, areas[i])
    return roots, areas


def ends(runs: Array, width: int) -> tuple[Array, Array]:
    """Where the first run of each column begins and the last one ends; an empty column before and after them all."""
    low, high = np.full(width + 2, 1 << 30, np.int64), np.zeros(width + 2, np.int64)
    for i in range(len(runs)):
        line = runs[i, 0] + 1
        low[line], high[line] = min(low[line], runs[i, 1]), max(high[line], runs[i, 2])
    return low, high
