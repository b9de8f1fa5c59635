"""What types cannot say of a calibration: that its day exists, and that it is one, and one that can be undone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from itertools import combinations
from typing import Any

from pipeline.located import Document

LEAST = 1e-9  # of a determinant, relative: below it points lie on a line


def judge(document: Document, data: dict[str, Any]) -> None:
    """Complain of a day that does not exist, and where not exactly one way is told, or that is none."""
    _day(document, data.get("date"))
    ways = [name for name in ("scale", "homography", "points") if data.get(name) is not None]
    if len(ways) != 1:
        got = " and ".join(f"`{way}`" for way in ways) or "none"
        document.complain((ways[1],) if ways else (), f"expected one of `scale`, `homography`, `points`, got {got}")
    rows: Any = data.get("homography")
    if _numbers(rows) and abs(_determinant(rows)) < LEAST * _size(rows):
        document.complain(
            ("homography",), "homography: expected one that can be undone, got one that flattens the plane"
        )
    pairs = data.get("points")
    if isinstance(pairs, list) and all(isinstance(pair, dict) for pair in pairs) and len(pairs) >= 4:
        for name in ("px", "mm"):
            places = [pair.get(name) for pair in pairs]
            if all(_numbers([place]) and len(place) == 2 for place in places):
                _spread(document, name, places)


def _day(document: Document, day: Any) -> None:
    try:
        date.fromisoformat(day if isinstance(day, str) else "2026-01-01")
    except ValueError as error:
        document.complain(("date",), f"date: expected a day such as 2026-11-22, got '{day}': {error}")


def _spread(document: Document, name: str, places: list[Any]) -> None:
    """Complain where three of four places lie on a line, or of more all but one."""
    if len(places) > 4 and flat(places):
        document.complain(("points",), f"points: expected places in a plane, got {name} that lie on a line but for one")
    for three in combinations(range(4 if len(places) == 4 else 0), 3):
        if _straight(*(places[i] for i in three)):
            numbers = ", ".join(str(i + 1) for i in three)
            document.complain(("points", three[2], name), f"points {numbers} lie on a line: expected four corners")
            return


def flat(places: Sequence[Sequence[float]]) -> bool:
    """Whether four places or more span no plane: all of them lie on a line, or all but one.

    Two of the first three lie on that line, if there is one.
    """
    lines = ((places[i], places[j]) for i, j in combinations(range(3), 2))
    return any(sum(not _straight(*line, place) for place in places) <= 1 for line in lines)


def _straight(*places: Sequence[float]) -> bool:
    """Whether three places lie on a line; two of them may be the same."""
    rows = [[*place, 1.0] for place in places]
    return abs(_determinant(rows)) < LEAST * _size(rows)


def _numbers(rows: Any) -> bool:
    return isinstance(rows, list) and all(
        isinstance(row, list) and all(isinstance(each, int | float) for each in row) for row in rows
    )


def _determinant(rows: list[list[float]]) -> float:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _size(rows: list[list[float]]) -> float:
    """What a determinant is at most: the product of the rows' lengths."""
    return math.prod(math.hypot(*row) for row in rows)
