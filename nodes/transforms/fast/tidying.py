"""What is cleaned of a mask once its pieces are known: pieces that are small, holes that are small."""

from __future__ import annotations

import numpy as np

from nodes.transforms.fast.bits import above, runs_in
from nodes.transforms.fast.discs import smooth, smoothed
from nodes.transforms.fast.joins import gaps_of, holes_of, labels_of
from nodes.transforms.fast.spelling import Array, runs_of, write


def tidied(counts: Array, size: tuple[int, int], radii: tuple[int, int], limits: tuple[int, int, int]) -> Array:
    """The mask opened, closed, without specks and pinholes, as run lengths; nothing at all where it is as it was.

    Args:
        counts: Compressed run lengths, uint8.
        size: (height, width), px.
        radii: Of opening and closing, px; 0 leaves it out.
        limits: Least area of a piece, most pieces that are kept (0 keeps all), most area of a hole that is filled.
    """
    before = runs_of(counts, size[0])
    runs = before
    if (radii[0] or radii[1]) and len(runs):
        runs = smoothed(runs, radii[0], radii[1], size)
    runs = sifted(runs, limits, size[1])
    return np.empty(0, np.uint8) if same(runs, before) else spelled(runs, size)


def trimmed(values: Array, step: int, radii: tuple[int, int], limits: tuple[int, int, int]) -> Array:
    """The mask of all values above a step, tidied, as run lengths: in one call what would be two.

    Args:
        values: (H, W) int8.
        step: What they have to be above.
        radii: See `tidied`.
        limits: The same.
    """
    size = values.shape
    words = above(values, step)
    if radii[0] or radii[1]:
        smooth(words, radii[0], radii[1], size)
    return spelled(sifted(runs_in(words, 4 * size[1]), limits, size[1]), size)


def sifted(runs: Array, limits: tuple[int, int, int], width: int) -> Array:
    """The runs without specks and pinholes; see `tidied`."""
    if (limits[0] > 1 or limits[1]) and len(runs):
        runs = large(runs, limits[0], limits[1])
    if limits[2] and len(runs):
        runs = filled(runs, limits[2], width)
    return runs


def spelled(runs: Array, size: tuple[int, int]) -> Array:
    """Runs as compressed run lengths."""
    told = np.empty(6 * (2 * len(runs) + 1), np.uint8)
    return told[: write(runs, size, told, 0)]


def same(runs: Array, others: Array) -> bool:
    """Whether two masks have the same pixels."""
    if len(runs) != len(others):
        return False
    for i in range(len(runs)):
        if runs[i, 0] != others[i, 0] or runs[i, 1] != others[i, 1] or runs[i, 2] != others[i, 2]:
            return False
    return True


def large(runs: Array, least: int, most: int) -> Array:
    """The runs of pieces that are large enough; of those only the largest where there are more than `most`."""
    labels, count = labels_of(runs)
    areas = np.zeros(count, np.int64)
    for i in range(len(runs)):
        areas[labels[i]] += runs[i, 2] - runs[i, 1]
    keep = areas >= least
    if most:
        # Of two that are equally large the first stays.
        ranks = np.argsort(np.arange(count) - areas * count)
        for i in range(most, count):
            keep[ranks[i]] = False
    return runs[keep[labels]]


def filled(runs: Array, most: int, width: int) -> Array:
    """The runs with holes of at most so many pixels closed."""
    gaps, before = gaps_of(runs)
    roots, areas = holes_of(runs, gaps, width)
    joins = np.zeros(len(runs), np.bool_)
    for i in range(len(gaps)):
        joins[before[i]] = 0 < areas[roots[i]] <= most
    found, count = np.empty_like(runs), 0
    for i in range(len(runs)):
        if i and joins[i - 1]:
            found[count - 1, 2] = runs[i, 2]
        else:
            found[count] = runs[i]
            count += 1
    return found[:count]
