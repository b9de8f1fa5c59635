"""Run lengths ⇄ runs: what kernels work on. A run is a row (column, first, end) of int32, `end` not belonging to it.

Runs are in the order of COCO's: down the columns, from left to right. The spelling is that of `pipeline.runs`. The
functions of this package are written for numba, and are plain Python all the same: `fast.compiled` compiles them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # numba takes arrays of one dtype each; plain Python takes any sequence that can be indexed

GROUPS = 6  # characters of one number, at most


def runs_of(counts: Array, height: int) -> Array:
    """The runs that a compressed string tells, (n, 3) int32; it is read twice where they are more than its bytes."""
    runs = np.empty((len(counts) + 64, 3), np.int32)
    found = read(counts, height, runs)
    if found > len(runs):
        runs = np.empty((found, 3), np.int32)
        read(counts, height, runs)
    return runs[:found]


def read(counts: Array, height: int, runs: Array) -> int:
    """Write the runs of a string into as many rows as there are; gives how many rows they need."""
    at = older = newer = number = value = shift = found = 0
    for character in counts:
        group: Any = np.int64(character) - 48
        value |= (group & 31) << shift
        shift += 5
        if group > 31:
            continue
        run = value + (older if number > 2 else 0)
        if group & 16:
            run -= 1 << shift
        if number & 1:
            found = cut(at, at + run, height, runs, found)
        older, newer = newer, run
        at += run
        number += 1
        value = shift = 0
    return found


def cut(first: int, end: int, height: int, runs: Array, found: int) -> int:
    """Write a run down the columns as one for each column that it touches."""
    while first < end:
        line = first // height
        until = min(end, (line + 1) * height)
        if found < len(runs):
            runs[found, 0], runs[found, 1], runs[found, 2] = line, first - line * height, until - line * height
        found += 1
        first = until
    return found


def write(runs: Array, size: tuple[int, int], told: Array, at: int) -> int:
    """Write runs as a compressed string, from a place of a buffer on; gives the place behind it."""
    height, pixels = size[0], size[0] * size[1]
    first = end = before = pairs = gap = length = 0
    for i in range(len(runs)):
        begin = np.int64(runs[i, 0]) * height + runs[i, 1]
        if begin > end or i == 0:
            if i:
                at, gap, length = pair(first - before, end - first, gap, length, pairs, told, at)
                before = end
                pairs += 1
            first = begin
        end = np.int64(runs[i, 0]) * height + runs[i, 2]
    if end:
        at, gap, length = pair(first - before, end - first, gap, length, pairs, told, at)
        pairs += 1
    return at if end == pixels and end else put(pixels - end - (gap if pairs > 1 else 0), told, at)


def pair(
    gap: int, length: int, gap_before: int, length_before: int, pairs: int, told: Array, at: int
) -> tuple[int, int, int]:
    """Write a gap and the run after it as differences from those before; gives the place behind them, and both."""
    at = put(gap - (gap_before if pairs > 1 else 0), told, at)
    at = put(length - (length_before if pairs > 0 else 0), told, at)
    return at, gap, length


def put(value: int, told: Array, at: int) -> int:
    """Write a number in groups of five bits, least first; gives the place behind it."""
    while True:
        group = value & 31
        value >>= 5
        if value == (-1 if group & 16 else 0):
            told[at] = 48 + group
            return at + 1
        told[at] = 80 + group
        at += 1
