"""Figures of a piece from whole numbers that were counted on it: the same, bit for bit, whoever counted.

Nothing here but +, −, ×, ÷ and square roots, each rounded once, so that what is compiled and what is not agree.
"""

from __future__ import annotations

import math

from nodes.transforms.fast.spelling import Array

# Length of a chain of pixels: Vossepoel and Smeulders, "Vector code probability and metrication error in the
# representation of straight lines of finite length", Computer Graphics and Image Processing 20 (1982).
STRAIGHT, ACROSS, TURN = 0.980, 1.406, -0.091


def perimeter(straight: int, across: int, turns: int) -> float:
    """Length of the outer border, px: the chain through the outermost pixels, and π for the half pixel beyond."""
    return STRAIGHT * straight + ACROSS * across + TURN * turns + math.pi


def diameter(area: int) -> float:
    """Diameter of the disc that has the same area, px."""
    return math.sqrt(4.0 * float(area) / math.pi)


def eccentricity(area: int, x: int, y: int, xx: int, xy: int, yy: int) -> float:
    """Of the ellipse with the same second moments: 0 for a disc, towards 1 for a line; as scikit-image defines it.

    Args:
        area: Pixels.
        x: Sum of their columns; y, of their rows; xx, xy and yy of the products.
    """
    # From a place near the centre on: differences of large sums would lose digits.
    at_x, at_y = x // area, y // area
    near_x, near_y = float(x - at_x * area), float(y - at_y * area)
    share = float(area)
    mean_x, mean_y = near_x / share, near_y / share
    across = float(xx - 2 * at_x * x + at_x * at_x * area) / share - mean_x * mean_x
    down = float(yy - 2 * at_y * y + at_y * at_y * area) / share - mean_y * mean_y
    both = float(xy - at_x * y - at_y * x + at_x * at_y * area) / share - mean_x * mean_y
    middle, apart = (across + down) / 2.0, (across - down) / 2.0
    spread = math.sqrt(apart * apart + both * both)
    return math.sqrt(min(1.0, max(0.0, 2.0 * spread / (middle + spread)))) if middle > 0.0 else 0.0


def solidity(area: int, hull: Array, width: int, height: int) -> float:
    """Area over that of the convex hull of all its pixels, which are squares, not points.

    Args:
        area: Pixels.
        hull: (n, 2) whole numbers: x and y of its corners, pixel centres.
        width: Of the upright box around it, px; by so much the hull of squares is larger than that of centres.
        height: The same.
    """
    twice = 0
    for i in range(len(hull)):
        twice += hull[i - 1][0] * hull[i][1] - hull[i - 1][1] * hull[i][0]
    return float(area) / (float(abs(twice)) / 2.0 + float(width + height) - 1.0)


def box(hull: Array) -> tuple[int, int, int, int]:
    """The smallest box around a piece that is parallel to an edge of its hull, or upright.

    A pixel reaches half a pixel beyond its centre to the sides, and as far, not farther, across a corner: so an
    upright piece has its exact size, and one that lies slantwise is no larger than it is.

    Args:
        hull: (n, 2) whole numbers: x and y of its corners, pixel centres.

    Returns:
        (dx, dy), dx > 0 ≤ dy, the way of one side, in the least whole numbers; and the length of the box along it and
        across, times the length of (dx, dy).
    """
    along, across = spans(hull, 1, 0)
    best = 1, 0, along, across
    for i in range(len(hull)):
        dx, dy = hull[i][0] - hull[i - 1][0], hull[i][1] - hull[i - 1][1]
        while (dx or dy) and not (dx > 0 and dy >= 0):
            dx, dy = dy, -dx
        if dx:
            along, across = spans(hull, dx, dy)
            if smaller((dx, dy, along, across), best):
                best = dx, dy, along, across
    shared = math.gcd(best[0], best[1])
    return best[0] // shared, best[1] // shared, best[2] // shared, best[3] // shared


def spans(hull: Array, dx: int, dy: int) -> tuple[int, int]:
    """How long a hull is along a way and across, times the length of the way."""
    low_along = high_along = hull[0][0] * dx + hull[0][1] * dy
    low_across = high_across = hull[0][1] * dx - hull[0][0] * dy
    for i in range(1, len(hull)):
        along, across = hull[i][0] * dx + hull[i][1] * dy, hull[i][1] * dx - hull[i][0] * dy
        low_along, high_along = min(low_along, along), max(high_along, along)
        low_across, high_across = min(low_across, across), max(high_across, across)
    reach = max(dx, dy)
    return high_along - low_along + reach, high_across - low_across + reach


def smaller(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether a box is smaller than another, or as small and turned less."""
    mine, theirs = extent(one), extent(other)
    return mine < theirs or (mine == theirs and one[1] * other[0] < other[1] * one[0])


def extent(box: tuple[int, int, int, int]) -> float:
    """Area of a box, px²."""
    return float(box[2]) * float(box[3]) / float(box[0] * box[0] + box[1] * box[1])
