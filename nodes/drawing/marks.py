"""Where on a region a measure is: between which points its dimension line goes, which pixels it speaks of.

Places are in mask pixels from the corner of the top-left one: pixel (0, 0) reaches from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, hypot, radians, sin
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from nodes.drawing.words import stem
from nodes.sinks.canvas import Point, vision
from nodes.transforms.quantity import PLAIN, UNITS
from pipeline.masks import Mask
from pipeline.records import Finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAR = 0.03  # of its value, beside a pixel: a drawn length that is further off than this is not what was measured


class Seen(Protocol):
    """Something with an outline: a region, or a shape of the gallery."""

    @property
    def mask(self) -> Mask:
        """Its pixels, in the frame's size."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(x, y, width, height), px."""


class Span(Struct, frozen=True):
    """A length: its ends on the region, and to which side (a unit vector) its line is drawn."""

    start: Point
    end: Point
    side: Point


class Spot(Struct, frozen=True):
    """A point."""

    at: Point


class Patch(Struct, frozen=True):
    """Some pixels of a region.

    Attributes:
        pixels: (H, W) bool.
        at: Where the top-left one is.
        middle: The middle of the first piece of them, from the top.
        beside: The left edge of the region.
    """

    pixels: Any
    at: Point
    middle: Point
    beside: Point


class Around(Struct, frozen=True):
    """Lines from point to point: what its shape is compared with, such as a box around it."""

    corners: tuple[Point, ...]


Mark = Span | Spot | Patch | Around


def mark(seen: Seen, finding: Finding) -> Mark | None:
    """What shows what was measured on a region; None where it is of no place, or of none that is known here.

    A length is shown only where it is as long as was measured: a picture never says anything else than its figures.

    Args:
        seen: The region.
        finding: What was measured, of any region or of all together.
    """
    what = stem(finding.measure)
    if what not in SPANS:
        finder = PLACES.get(what)
        return finder(seen) if finder else None
    span, wanted = SPANS[what](seen), finding.value * _pixels(seen, finding.unit)
    return span if wanted and abs(_length(span) - wanted) <= 1 + NEAR * wanted else None


def across(seen: Seen) -> Span:
    """How wide its upright box is, below it."""
    x, y, width, height = seen.box
    return Span((x, y + height), (x + width, y + height), (0.0, 1.0))


def down(seen: Seen) -> Span:
    """How high its upright box is, to its right."""
    x, y, width, height = seen.box
    return Span((x + width, y), (x + width, y + height), (1.0, 0.0))


def holes(seen: Seen) -> Patch | None:
    """The pixels inside its holes; None where it has none."""
    import numpy as np

    pixels, (x, y) = crop(seen)
    outside = np.pad((~pixels).astype("u1"), 1, constant_values=1)
    vision().floodFill(outside, None, (0, 0), 0, flags=4)
    inside = outside[1:-1, 1:-1].astype(bool)
    if not inside.any():
        return None
    _, labels, _, centres = vision().connectedComponentsWithStats(inside.astype("u1"))
    left, top = centres[int(labels[inside][0])].tolist()
    return Patch(inside, (x, y), (x + left + 0.5, y + top + 0.5), (seen.box[0], seen.box[1]))


def crop(seen: Seen) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """The pixels in its box, with one pixel of air around them, and where they begin (x, y)."""
    import numpy as np

    x, y, width, height = seen.box
    return np.pad(seen.mask.dense[y : y + height, x : x + width], 1), (x - 1, y - 1)


def _along(seen: Seen) -> Span:
    """The longer side of the smallest box around it."""
    return max(_sides(seen), key=_length)


def _athwart(seen: Seen) -> Span:
    """The shorter side of the smallest box around it."""
    return min(_sides(seen), key=_length)


def _sides(seen: Seen) -> tuple[Span, Span]:
    """Two sides of the smallest box around it: one that lies as its shape says, and one across."""
    import numpy as np

    pixels, (left, top) = crop(seen)
    rows, columns = np.nonzero(pixels)
    x, y = columns + left + 0.5, rows + top + 0.5
    dx, dy = _way(seen)
    dx, dy = (-dx, -dy) if dx < 0 else (dx, dy)  # so that lines are drawn below it, and to its right
    # A pixel reaches half a pixel beyond its centre to the sides, and as far across a corner, as `measure` has it.
    reach = max(abs(dx), abs(dy)) / 2
    along, across = ((each.min() - reach, each.max() + reach) for each in (x * dx + y * dy, y * dx - x * dy))

    def corner(a: float, c: float) -> Point:
        return float(a * dx - c * dy), float(a * dy + c * dx)

    low, high = across
    return (
        Span(corner(along[0], high), corner(along[1], high), (-dy, dx)),
        Span(corner(along[1], low), corner(along[1], high), (dx, dy)),
    )


def _way(seen: Seen) -> Point:
    """The way of the longer side of the smallest box around it, a unit vector."""
    shape = getattr(seen, "shape", None)
    if shape is not None:
        return cos(radians(shape.angle_deg)), sin(radians(shape.angle_deg))
    import numpy as np

    corners = vision().boxPoints(vision().minAreaRect(np.argwhere(crop(seen)[0])[:, ::-1].astype(np.float32)))
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    x, y = first if np.hypot(*first) >= np.hypot(*second) else second
    far = float(np.hypot(x, y))
    return (float(x) / far, float(y) / far) if far else (1.0, 0.0)


def _across_disc(seen: Seen) -> Span:
    """The diameter of a disc of its area, through its centre."""
    import numpy as np

    pixels, (left, top) = crop(seen)
    rows, columns = np.nonzero(pixels)
    radius = (len(rows) / np.pi) ** 0.5
    x, y = left + columns.mean() + 0.5, top + rows.mean() + 0.5
    return Span((float(x - radius), float(y)), (float(x + radius), float(y)), (0.0, 0.0))


def _centre(seen: Seen) -> Spot:
    import numpy as np

    pixels, (left, top) = crop(seen)
    rows, columns = np.nonzero(pixels)
    return Spot((float(left + columns.mean() + 0.5), float(top + rows.mean() + 0.5)))


def _around(seen: Seen) -> Around:
    x, y, width, height = seen.box
    return Around(((x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)))


def _angle(seen: Seen) -> Around:
    """From the x axis to the way in which it is longest, through its centre."""
    (x, y), (dx, dy) = _centre(seen).at, _way(seen)
    far = _length(_along(seen)) / 2
    return Around(((x + far, y), (x, y), (x + far * dx, y + far * dy)))


def _pixels(seen: Seen, unit: str) -> float:
    """Pixels per unit of length; 0 where nobody knows, as where no calibration was, or where it is of no length."""
    length = UNITS.get(unit, PLAIN)
    if length.dims == UNITS["px"].dims:
        return 1.0
    metric = getattr(seen, "metric", None)
    return float(length.scale) / metric.pixel_mm if metric and length.dims == UNITS["mm"].dims else 0.0


def _length(span: Span) -> float:
    return hypot(span.end[0] - span.start[0], span.end[1] - span.start[1])


SPANS: dict[str, Callable[[Seen], Span]] = {
    "box_width": across,
    "box_height": down,
    "length": _along,
    "width": _athwart,
    "diameter": _across_disc,
}
PLACES: dict[str, Callable[[Seen], Mark | None]] = {
    "holes": holes,
    "hole_area": holes,
    "extent": _around,
    "solidity": _around,
    "angle": _angle,
    "centroid_x": _centre,
    "centroid_y": _centre,
}
