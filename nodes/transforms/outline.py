"""Polygons and places on paper: whether an outline crosses itself, how large it is, what is next to what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

Point = tuple[float, float]

FEWEST = 3  # corners of an outline


def misshapen(corners: Sequence[Point]) -> Iterator[str]:
    """Why corners are no outline; nothing where they are one."""
    if len(corners) < FEWEST:
        yield f"expected three or more corners, got {len(corners)}"
    elif sides := crossing(corners):
        ends = [(corners[side], corners[(side + 1) % len(corners)]) for side in sides]
        which = " and ".join(f"{told(one)}–{told(other)}" for one, other in ends)
        yield f"expected an outline that does not cross itself, got sides that meet: {which}"
    elif not surface(corners):
        yield "expected an outline with something inside, got corners on one line"


def told(point: Point) -> str:
    """A place as a file has it.

    >>> told((1.0, 2.5))
    '[1, 2.5]'
    """
    return f"[{point[0]:g}, {point[1]:g}]"


def crossing(corners: Sequence[Point]) -> tuple[int, int] | None:
    """Two sides of an outline that meet where they should not; None where it is one.

    Side `n` goes from corner `n` to the next; the last one goes back to the first corner.
    """
    count = len(corners)
    sides = [(corners[n], corners[(n + 1) % count]) for n in range(count)]
    for i, j in combinations(range(count), 2):
        if j - i in (1, count - 1):
            first, second = (i, j) if j - i == 1 else (j, i)
            if _folded(sides[first], sides[second]):
                return i, j
        elif _meet(sides[i], sides[j]):
            return i, j
    return None


def surface(corners: Sequence[Point]) -> float:
    """Area of an outline: the shoelace formula."""
    pairs = zip(corners, (*corners[1:], corners[0]), strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def nearest_places(places: Sequence[Point]) -> float:
    """The least distance between two of them; infinite where there is one."""
    if len(places) < 2:
        return math.inf
    ordered, least = sorted(places), math.inf
    for place, (x, y) in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if other[0] - x > least:
                break
            least = min(least, math.hypot(other[0] - x, other[1] - y))
    return least


def _folded(one: tuple[Point, Point], two: tuple[Point, Point]) -> bool:
    """Whether the second of two sides, which begins where the first ends, runs back over it."""
    (a, b), (_, c) = one, two
    return _turn(a, b, c) == 0 and (a[0] - b[0]) * (c[0] - b[0]) + (a[1] - b[1]) * (c[1] - b[1]) >= 0


def _meet(one: tuple[Point, Point], two: tuple[Point, Point]) -> bool:
    """Whether two lines have a point in common, their ends among them."""
    (a, b), (c, d) = one, two
    turns = [_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)]
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(turn == 0 and _within(*each) for turn, each in zip(turns, ends, strict=True))


def _turn(a: Point, b: Point, c: Point) -> float:
    """On which side of a line through two points a third one is; 0 on it."""
    turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (turn > 0) - (turn < 0)


def _within(a: Point, b: Point, c: Point) -> bool:
    """Whether a point on the line through two others is between them."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])
