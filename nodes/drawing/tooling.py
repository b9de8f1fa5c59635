"""Where tools looked, and what they found: zones, differences from a golden mask, edges, places of a pattern."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Any, Protocol

from msgspec import Struct

from nodes.drawing.words import stem
from nodes.sinks.canvas import Point
from nodes.transforms.clean import polygon
from pipeline.gauges import Fit, Gauge, Place
from pipeline.masks import Mask, union
from pipeline.records import Finding

Box = tuple[float, float, float, float]
FITTED = {stem(name) for name in Fit.__struct_fields__}
WORDS = {"missing_area": ("missing",), "extra_area": ("extra",)}


class Gauged(Protocol):
    """Something that tools may have measured."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(x, y, width, height), px."""


class Looked(Struct, frozen=True):
    """What a tool measured, and where.

    Attributes:
        outline: Corners of a zone.
        edges: Two edges, each by its ends.
        span: The dimension line between them.
        there: Places of a pattern at which something is.
        absent: Places at which nothing is.
        pixels: What is missing or too much: (H, W) bool, of the whole view.
        middle: Where a text leads to.
    """

    middle: Point
    outline: tuple[Point, ...] = ()
    edges: tuple[tuple[Point, Point], ...] = ()
    span: tuple[Point, Point] | None = None
    there: tuple[Point, ...] = ()
    absent: tuple[Point, ...] = ()
    pixels: Any = None


def gauges(seen: object) -> tuple[Gauge, ...]:
    """What tools measured of something; nothing, where it is of no such kind."""
    return tuple(getattr(seen, "gauges", ()))


def looked(seen: object, finding: Finding) -> Looked | None:
    """What shows what a tool measured; None where it measured nothing that has a place."""
    gauge = next((gauge for gauge in gauges(seen) if gauge.tool == finding.tool), None)
    if gauge is None or gauge.fault:
        return None
    if gauge.kind == "gap":
        return _facing(gauge, stem(finding.measure))
    return _pattern(gauge) if gauge.kind == "pattern" else _compared(seen, gauge, finding)


def outlines(seen: object) -> Iterator[tuple[Point, ...]]:
    """Every zone, and both edges of every gap, as lines."""
    for gauge in gauges(seen):
        points = _corners(gauge.points)
        if gauge.kind == "zone" and points:
            yield (*points, points[0])
        elif gauge.kind == "gap" and points:
            yield from (points[:2], points[2:])


def room(seen: Gauged) -> Box:
    """The box around something and all that tools say of it: (x, y, width, height), px."""
    x, y, width, height = seen.box
    low, high = [float(x), float(y)], [float(x + width), float(y + height)]
    if not (width and height):
        low, high = [inf, inf], [-inf, -inf]
    for gauge in gauges(seen):
        for box in _boxes(gauge):
            low = [min(a, b) for a, b in zip(low, box[:2], strict=True)]
            high = [max(a, b) for a, b in zip(high, box[2:], strict=True)]
    return (low[0], low[1], high[0] - low[0], high[1] - low[1]) if low[0] < high[0] else (x, y, width, height)


def cut(pixels: Any) -> tuple[Any, tuple[int, int]]:
    """The part of some pixels in which something is set, with one pixel of air, and where it begins (x, y)."""
    import numpy as np

    rows, columns = pixels.nonzero()
    x, y = int(columns.min()), int(rows.min())
    return np.pad(pixels[y : int(rows.max()) + 1, x : int(columns.max()) + 1], 1), (x - 1, y - 1)


def _boxes(gauge: Gauge) -> Iterator[Box]:
    """(left, top, right, bottom) of all that a gauge has to show."""
    for mask in (gauge.missing, gauge.extra):
        if mask is not None:
            x, y, width, height = mask.box
            yield x, y, x + width, y + height
    yield from ((x, y, x, y) for x, y in _corners(gauge.points))


def _facing(gauge: Gauge, what: str) -> Looked:
    """Two edges, with the dimension line where they are nearest, or in the middle."""
    a, b, c, d = _corners(gauge.points)
    ends = (a, c), (b, d)
    nearest = min(ends, key=lambda pair: (pair[0][0] - pair[1][0]) ** 2 + (pair[0][1] - pair[1][1]) ** 2)
    span = nearest if what == "gap" else (_middle((a, b)), _middle((c, d)))
    return Looked(_middle(span), edges=((a, b), (c, d)), span=span)


def _pattern(gauge: Gauge) -> Looked:
    points, count = _corners(gauge.points), gauge.presence.present if gauge.presence else 0
    return Looked(_middle(points[count:] or points), there=points[:count], absent=points[count:])


def _compared(seen: object, gauge: Gauge, finding: Finding) -> Looked:
    """A zone, and what differs from a golden mask in it; or all that differs."""
    outline = _corners(gauge.points)
    pixels = _different(seen, finding) if stem(finding.measure) in FITTED else None
    if pixels is not None and outline:
        pixels = pixels & _inside(gauge, pixels.shape)
    if pixels is not None and pixels.any():
        rows, columns = pixels.nonzero()
        middle = float(columns.mean()) + 0.5, float(rows.mean()) + 0.5
        nearest = ((columns + 0.5 - middle[0]) ** 2 + (rows + 0.5 - middle[1]) ** 2).argmin()
        return Looked((float(columns[nearest]) + 0.5, float(rows[nearest]) + 0.5), outline, pixels=pixels)
    return Looked(_middle(outline) if outline else _centre(seen), outline)


def _different(seen: object, finding: Finding) -> Any:
    """The pixels that a measure of a golden mask speaks of: (H, W) bool; None where nothing differs."""
    names = WORDS.get(stem(finding.measure), ("missing", "extra"))
    masks = [mask for gauge in gauges(seen) for name in names if (mask := getattr(gauge, name)) is not None]
    return union(*masks).dense if masks else None


def _inside(gauge: Gauge, size: tuple[int, ...]) -> Any:
    return polygon(tuple((point.x, point.y) for point in gauge.points), (size[0], size[1])).dense


def _centre(seen: object) -> Point:
    mask = getattr(seen, "mask", None)
    x, y, width, height = mask.box if isinstance(mask, Mask) else (0, 0, 0, 0)
    return x + width / 2, y + height / 2


def _corners(points: Iterable[Place]) -> tuple[Point, ...]:
    """Places from the corner of the first pixel, instead of from its centre."""
    return tuple((point.x + 0.5, point.y + 0.5) for point in points)


def _middle(points: Sequence[Point]) -> Point:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
