"""Masks as bits: 32 pixels of a column in a word, one column a row; dilation and erosion by a disc.

There is an empty column before the first and after the last, and the first pixel of a column is bit 1: whoever looks
around a pixel need not ask where the view ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nodes.transforms.fast.spelling import Array

FULL = 0xFFFFFFFF
TABLE = np.array(
    [
        0,
        1,
        28,
        2,
        29,
        14,
        24,
        3,
        30,
        22,
        20,
        15,
        25,
        17,
        4,
        8,
        31,
        27,
        13,
        23,
        21,
        19,
        16,
        7,
        26,
        12,
        18,
        6,
        11,
        5,
        10,
        9,
    ],
    np.int64,
)


def painted(runs: Array, size: tuple[int, int]) -> Array:
    """Runs as bits: (width + 2, words) uint32."""
    words = np.zeros((size[1] + 2, words_of(size[0])), np.uint32)
    for i in range(len(runs)):
        paint(words[runs[i, 0] + 1], runs[i, 1] + 1, runs[i, 2] + 1)
    return words


def above(values: Array, step: int) -> Array:
    """Where values are above a step, as bits: (width + 2, words) uint32; read row by row, as they lie."""
    height, width = values.shape
    rows, most = np.zeros((words_of(height), width), np.uint32), np.int16(min(127, max(-129, step)))
    for y in range(height):
        row, bit = rows[(y + 1) >> 5], np.uint32((y + 1) & 31)
        for x in range(width):
            row[x] |= np.uint32(values[y, x] > most) << bit
    words = np.zeros((width + 2, len(rows)), np.uint32)
    for i in range(len(rows)):
        for x in range(width):
            words[x + 1, i] = rows[i, x]
    return words


def words_of(height: int) -> int:
    """Words of a column."""
    return (height + 2 + 31) // 32


def paint(line: Array, first: int, end: int) -> None:
    """Set the bits from `first` to before `end`, which is more."""
    low, high = first >> 5, (end - 1) >> 5
    begin, stop = (FULL << (first & 31)) & FULL, FULL >> (31 - ((end - 1) & 31))
    if low == high:
        line[low] |= np.uint32(begin & stop)
        return
    line[low] |= np.uint32(begin)
    for word in range(low + 1, high):
        line[word] = np.uint32(FULL)
    line[high] |= np.uint32(stop)


def lowest(word: int) -> int:
    """The number of the lowest bit that is set: de Bruijn's sequence, after Leiserson, Prokop and Randall (1998)."""
    return int(TABLE[(((word & -word) * 0x077CB531) & FULL) >> 27])


def runs_in(words: Array, likely: int) -> Array:
    """The runs of bits, (n, 3) int32; they are looked for twice where there are more than is likely."""
    runs = np.empty((likely, 3), np.int32)
    found = scan(words, runs)
    if found > likely:
        runs = np.empty((found, 3), np.int32)
        scan(words, runs)
    return runs[:found]


def scan(words: Array, runs: Array) -> int:
    """Write the runs into as many rows as there are; gives how many rows they need."""
    found = 0
    for line in range(1, len(words) - 1):
        carry = begun = 0
        for i in range(words.shape[1]):
            word: Any = np.int64(words[line, i])
            if word == (FULL if carry else 0):
                continue
            edges = (word ^ ((word << 1) | carry)) & FULL
            carry = word >> 31
            while edges:
                at = 32 * i + lowest(edges) - 1
                edges &= edges - 1
                if begun:
                    found = note(runs, found, line - 1, begun - 1, at)
                begun = 0 if begun else at + 1
    return found


def note(runs: Array, found: int, line: int, first: int, end: int) -> int:
    """Write one run, where there is room."""
    if found < len(runs):
        runs[found, 0], runs[found, 1], runs[found, 2] = line, first, end
    return found + 1
