"""Edges of material: found along a line, fitted by a line, and how two of them lie to one another.

A caliper crosses the line row by row, or column by column where it lies flat, and looks for where material begins or
ends: half way between two pixels. One such place is known to half a pixel; the line through all of them, least squares
of the distances (Pearson, "On Lines and Planes of Closest Fit", 1901), to a fraction of that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from nodes.transforms.views import HALF, Edge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]
    Floats = NDArray[np.float64]

FEWEST = 3  # places that make an edge
BESIDE = 1.0  # px: what is further from the line through all places is no part of the edge


class Sought(NamedTuple):
    """An edge that is looked for, in pixels of the view.

    Attributes:
        ends: (2, 2): the line along which it should run.
        reach: How far from it, px.
        material: On which side of the line the material is, for whoever walks along it.
        least: Share of the line along which it must be found.
    """

    ends: Floats
    reach: float
    material: str
    least: float


class Lost(NamedTuple):
    """Why an edge was not found, as a reason code and for people."""

    fault: str
    note: str


class Line(NamedTuple):
    """A line through places.

    Attributes:
        middle: (x, y): the mean of the places.
        way: Its direction, a unit vector.
        places: (n, 2): where the edge was found.
    """

    middle: Floats
    way: Floats
    places: Floats


class Opening(NamedTuple):
    """How two lines lie to one another: see `Clearance`; and the ends of the stretch on each of them, (2, 2, 2)."""

    gap: float
    distance: float
    parallelism: float
    inclination: float
    ends: Floats


def sought(edge: Edge, ends: Floats, scale: float) -> Sought:
    """An edge of a layout in pixels.

    Args:
        edge: As the layout has it.
        ends: (2, 2): where its line is in the view, px.
        scale: Pixels per unit of the layout.
    """
    return Sought(ends, edge.reach * scale, edge.material, edge.least)


def edge(pixels: Dense, wanted: Sought) -> Line | Lost:
    """Find an edge in a mask.

    Args:
        pixels: (H, W) bool.
        wanted: Where it should be.
    """
    flat = abs(wanted.ends[1] - wanted.ends[0]).argmax() == 0
    if flat:  # the same, with x and y changed over; what is on the left is then on the right
        found = _crossed(pixels.T, wanted._replace(ends=wanted.ends[:, ::-1], material=OTHER[wanted.material]))
    else:
        found = _crossed(pixels, wanted)
    if isinstance(found, Lost):
        return found
    return through(found[:, ::-1] if flat else found)


def through(places: Floats) -> Line:
    """The line through places, without those that are far from it."""
    line = _fitted(places)
    off = abs((places - line.middle) @ _across(line.way))
    kept = places[off <= max(BESIDE, 3 * float(off.mean()))]
    return line if len(kept) in (len(places), 0, 1) else _fitted(kept)


def opening(one: Line, other: Line) -> Opening | Lost:
    """How two edges lie to one another, along the stretch on which they face each other.

    Distances are told across the bisector of the two, so that neither of them is the first.
    """
    import numpy as np

    back = -1.0 if one.way @ other.way < 0 else 1.0
    way = one.way + back * other.way
    way = way / math.hypot(*way)
    along = [line.places @ way for line in (one, other)]
    low, high = max(float(each.min()) for each in along), min(float(each.max()) for each in along)
    if low >= high:
        return Lost("NO_EDGE", "the two edges do not face each other")
    ends = np.array([[_reached(line, way, at) for at in (low, high)] for line in (one, other)])
    first, last = ((ends[1, place] - ends[0, place]) @ _across(way) for place in (0, 1))
    least = 0.0 if first * last < 0 else min(abs(first), abs(last))
    turn = abs(math.degrees(math.atan2(_cross(one.way, other.way), one.way @ other.way)))
    return Opening(
        float(least), float(abs(first + last) / 2), float(abs(last - first)), float(min(turn, 180.0 - turn)), ends
    )


OTHER = {"left": "right", "right": "left", "any": "any"}


def _crossed(pixels: Dense, wanted: Sought) -> Floats | Lost:
    """Where material begins or ends in each row that the line crosses: (n, 2) x and y."""
    import numpy as np

    (x0, y0), (x1, y1) = wanted.ends
    rows = np.arange(math.ceil(min(y0, y1) - 1e-9), math.floor(max(y0, y1) + 1e-9) + 1)
    if len(rows) < FEWEST:
        return Lost("NO_EDGE", f"its line crosses {len(rows)} rows or columns of pixels, at least {FEWEST} are needed")
    middle = x0 + (rows - y0) * ((x1 - x0) / (y1 - y0))
    far = wanted.reach * math.hypot(x1 - x0, y1 - y0) / abs(y1 - y0)
    height, width = pixels.shape
    if rows[0] < 0 or rows[-1] >= height or (middle - far).min() < -HALF or (middle + far).max() > width - HALF:
        return Lost("OUT_OF_VIEW", OUTSIDE)
    # Who walks down has what is further right on the left.
    right = None if wanted.material == "any" else (wanted.material == "left") == bool(y1 > y0)
    at, off = _nearest(pixels[rows], middle, far, right)
    seen = off <= far
    if seen.sum() < max(FEWEST, wanted.least * len(rows)):
        share = f"{seen.mean():.0%} of its line, at least {wanted.least:.0%} is needed"
        return Lost("NO_EDGE", f"material begins or ends along {share}")
    found: Floats = np.stack([at, rows], axis=1)[seen].astype("f8")
    return found


def _nearest(rows: Dense, middle: Floats, far: float, right: bool | None) -> tuple[Floats, Floats]:
    """Where material begins or ends in each row, nearest to a place: (n,) x, and how far from it, infinite where not.

    Args:
        rows: (n, W) bool.
        middle: (n,) x of that place.
        far: How far from it at most.
        right: Whether the material must be on the right of it; None where either will do.
    """
    import numpy as np

    columns = np.floor(middle - far).astype("i8")[:, None] + np.arange(math.ceil(2 * far) + 2)
    every = np.arange(len(rows))
    values = rows[every[:, None], columns.clip(0, rows.shape[1] - 1)]
    changes = values[:, 1:] != values[:, :-1]
    if right is not None:
        changes &= values[:, 1:] == right
    at = columns[:, :-1] + HALF
    off = np.where(changes, abs(at - middle[:, None]), np.inf)
    nearest = off.argmin(axis=1)
    return at[every, nearest], off[every, nearest]


OUTSIDE = "where it is looked for is not all in view"


def _fitted(places: Floats) -> Line:
    import numpy as np

    middle = places.mean(axis=0)
    x, y = (places - middle).T
    angle = math.atan2(2 * float(x @ y), float(x @ x) - float(y @ y)) / 2
    return Line(middle, np.array([math.cos(angle), math.sin(angle)]), places)


def _reached(line: Line, way: Floats, at: float) -> Floats:
    """The place on a line that is so far along another direction."""
    found: Floats = line.middle + line.way * ((at - line.middle @ way) / (line.way @ way))
    return found


def _across(way: Floats) -> Floats:
    import numpy as np

    return np.array([-way[1], way[0]])


def _cross(one: Floats, other: Floats) -> float:
    return float(one[0] * other[1] - one[1] * other[0])
