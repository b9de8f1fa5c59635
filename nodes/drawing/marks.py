"""Where on a region a measure is: between which points its dimension line goes, which pixels it speaks of.

Places are in mask pixels from the corner of the top-left one: pixel (0, 0) reaches from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from nodes.drawing.words import name
from nodes.sinks.canvas import Point, vision
from nodes.transforms.quantity import UNITS
from pipeline.masks import Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAR, SLACK = 1.5, 0.03  # px, and of its value: a drawn length that is further off is not what was measured


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
    """A box around it: what its shape is compared with."""

    corners: tuple[Point, ...]


Mark = Span | Spot | Patch | Around


def mark(seen: Seen, measure: str, value: float, unit: str) -> Mark | None:
    """What shows a measure on a region; None where it is of no place, or of none that is known here.

    A length is shown only where it is as long as was measured: a picture never says anything else than its figures.

    Args:
        seen: The region.
        measure: Its name: `box_width`, `length_mm`.
        value: What was measured.
        unit: Of what was measured.
    """
    stem = name(measure).replace(" ", "_")
    if stem in SPANS:
        span, long = SPANS[stem](seen), value * _pixels(seen, unit)
        return span if long and abs(_length(span) - long) <= NEAR + SLACK * long else None
    finder = PLACES.get(stem)
    return finder(seen) if finder else None


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


def _sides(seen: Seen) -> Iterator[Span]:
    """Two sides of the smallest box, of any angle, around the corners of its pixels."""
    import numpy as np

    cv = vision()
    pixels, (x, y) = crop(seen)
    rows, columns = np.nonzero(pixels)
    corners = np.concatenate([np.stack([columns + right, rows + low], 1) for right in (0, 1) for low in (0, 1)])
    box = np.add(cv.boxPoints(cv.minAreaRect(corners.astype(np.float32))), (x, y))
    middle = box.mean(axis=0)
    for place in (0, 1):
        start, end = box[place], box[place + 1]
        outward = (start + end) / 2 - middle
        far = float(np.hypot(*outward)) or 1.0
        yield Span(tuple(start.tolist()), tuple(end.tolist()), (float(outward[0]) / far, float(outward[1]) / far))


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


def _pixels(seen: Seen, unit: str) -> float:
    """Pixels per unit of length; 0 where nobody knows, as where no calibration was."""
    per_mm = getattr(getattr(seen, "metric", None), "pixel_mm", 0.0)
    if unit == "px":
        return 1.0
    known = UNITS.get(unit)
    return float(known.scale) / per_mm if known and per_mm and known.dims == UNITS["mm"].dims else 0.0


def _length(span: Span) -> float:
    return float(((span.end[0] - span.start[0]) ** 2 + (span.end[1] - span.start[1]) ** 2) ** 0.5)


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
    "centroid_x": _centre,
    "centroid_y": _centre,
}
