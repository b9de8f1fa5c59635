"""What types cannot say of a calibration: that its day exists, and that it is one, and one that can be undone."""

from __future__ import annotations

import math
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
    if isinstance(pairs, list) and all(isinstance(pair, dict) for pair in pairs) and len(pairs) == 4:
        for name in ("px", "mm"):
            _spread(document, name, [pair.get(name) for pair in pairs])


def _day(document: Document, day: Any) -> None:
    try:
        date.fromisoformat(day if isinstance(day, str) else "2026-01-01")
    except ValueError as error:
        document.complain(("date",), f"date: expected a day such as 2026-11-22, got '{day}': {error}")


def _spread(document: Document, name: str, places: list[Any]) -> None:
    """Complain where three of four places lie on a line."""
    if not all(_numbers([place]) for place in places):
        return
    for three in combinations(range(4), 3):
        rows = [[*places[i], 1.0] for i in three]
        if abs(_determinant(rows)) < LEAST * _size(rows):
            numbers = ", ".join(str(i + 1) for i in three)
            document.complain(("points", three[2], name), f"points {numbers} lie on a line: expected four corners")
            return


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
