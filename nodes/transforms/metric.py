"""Regions in millimetres: mask pixel → crop → sensor pixel → lens → plane, one chain, centres on centres.

Areas are exact: each pixel is a square whose four corners are carried to the plane, and a region is as large as its
pixels together. Lengths are those of its hull and its border there.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from pipeline.calibration import Calibration, carried, in_crop, on_sensor, seen_at, vision
from pipeline.errors import NodeError
from pipeline.records import Region, Roi
from pipeline.shapes import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points = NDArray[np.float64]


ALIKE = 1 + 1e-9  # what differs by less is equal


class Plane(Struct, frozen=True):
    """What one crop of one camera shows of a plane.

    Attributes:
        calibration: How sensor pixels become mm.
        size: (height, width) of its masks.
        roi: The crop, sensor pixels; None where pixels of masks are calibrated themselves.
        areas: (H, W) mm² of each mask pixel.
        centres: (H, W, 2) mm: where the middle of each is.
    """

    calibration: Calibration
    size: tuple[int, int]
    roi: Roi | None
    areas: Points
    centres: Points


def plane(calibration: Calibration, size: tuple[int, int], roi: Roi | None) -> Plane:
    """What a crop shows; the same crop is worked out once.

    Raises:
        NodeError: If the calibration is of sensor pixels and nobody says which of them the masks show.
    """
    if calibration.of == "sensor" and roi is None:
        raise NodeError(
            f"calibration '{calibration.id}' is of sensor pixels, and this source does not say which its masks show: "
            "expected frames with `roi`, or a calibration `of: mask`"
        )
    return _plane(calibration, size, roi if calibration.of == "sensor" else None)


@lru_cache(maxsize=64)
def _plane(calibration: Calibration, size: tuple[int, int], roi: Roi | None) -> Plane:
    import numpy as np

    height, width = size
    y, x = np.mgrid[: height + 1, : width + 1] - 0.5
    corners = _carried(calibration, size, roi, np.stack([x, y], -1).reshape(-1, 2)).reshape(height + 1, width + 1, 2)
    across, down = corners[1:, 1:] - corners[:-1, :-1], corners[1:, :-1] - corners[:-1, 1:]
    areas = abs(across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]) / 2
    middle = np.stack([x[:-1, :-1], y[:-1, :-1]], -1).reshape(-1, 2) + 0.5
    return Plane(calibration, size, roi, areas, _carried(calibration, size, roi, middle).reshape(height, width, 2))


def in_mm(seen: Plane, places: Points) -> Points:
    """Places of a mask in the plane: (n, 2) mm."""
    return _carried(seen.calibration, seen.size, seen.roi, places)


def in_px(seen: Plane, places: Points) -> Points:
    """Places of the plane, (n, 2) mm, in the mask: whole numbers are centres of its pixels."""
    there = seen_at(seen.calibration, places)
    return there if seen.roi is None else in_crop(seen.roi, seen.size, there)


def _carried(calibration: Calibration, size: tuple[int, int], roi: Roi | None, places: Points) -> Points:
    """Places of a mask in mm; whole numbers are centres of its pixels."""
    return carried(calibration, places if roi is None else on_sensor(roi, size, places))


def metric(region: Region, border: NDArray[np.int64], seen: Plane) -> Metric:
    """A region in mm.

    Args:
        region: As it was measured in pixels, its outline too.
        border: (n, 2) x and y of its outermost pixels, in order.
        seen: What its crop shows.
    """
    left, top, width, height = region.box
    rows, columns = slice(top, top + height), slice(left, left + width)
    pixels = region.mask.dense[rows, columns]
    each = seen.areas[rows, columns][pixels]
    area = float(each.sum())
    middle = (seen.centres[rows, columns][pixels] * each[:, None]).sum(axis=0) / area
    perimeter = 0.0 if region.shape is None else region.shape.perimeter_px
    length, breadth, angle = _box(border, seen)
    return Metric(
        area_mm2=area,
        hole_area_mm2=region.hole_area_px * area / region.area_px,
        centroid_mm=(float(middle[0]), float(middle[1])),
        perimeter_mm=perimeter * _stretch(border, seen, area / region.area_px),
        length_mm=length,
        width_mm=breadth,
        angle_deg=angle,
        diameter_mm=math.sqrt(4 * area / math.pi),
        pixel_mm=math.sqrt(float(seen.areas[round(region.centroid[1]), round(region.centroid[0])])),
        calibration=seen.calibration.id,
    )


def _box(border: NDArray[np.int64], seen: Plane) -> tuple[float, float, float]:
    """Length, width and angle of the smallest box around a border that is parallel to an edge of its hull.

    Or to the mask's x axis: it is the box of `fast.figures.box`, found in the plane.
    """
    import numpy as np

    hull = vision().convexHull(border.astype(np.int32)).reshape(-1, 1, 2)
    reach = (hull + np.array([(0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)])).reshape(-1, 2)
    start = np.vstack([hull[0], hull[:, 0]])
    end = np.vstack([hull[0] + (1, 0), np.roll(hull[:, 0], -1, axis=0)])
    known = in_mm(seen, np.vstack([reach, start, end]).astype(float))
    around, edges = known[: len(reach)], np.subtract(*np.split(known[len(reach) :], 2))
    ways = edges[np.hypot(edges[:, 0], edges[:, 1]) > 0]
    ways /= np.hypot(ways[:, 0], ways[:, 1])[:, None]
    along, across = np.ptp(around @ ways.T, axis=0), np.ptp(around @ (ways[:, ::-1] * (-1, 1)).T, axis=0)
    angles = np.degrees(np.arctan2(ways[:, 1], ways[:, 0]))
    # Rounding must not choose between boxes that are equally large, or between sides that are equally long.
    best = min(np.flatnonzero(along * across <= (along * across).min() * ALIKE), key=lambda each: angles[each] % 90.0)
    return _lying(float(along[best]), float(across[best]), float(angles[best]))


def _lying(along: float, across: float, angle: float) -> tuple[float, float, float]:
    """Sides of a box, the longer one first, and its angle; of a square the one below 90°."""
    if round(angle // 90.0) % 2:
        along, across, angle = across, along, angle - 90.0
    if across > along * ALIKE:
        along, across, angle = across, along, angle + 90.0
    return max(along, across), min(along, across), angle % 180.0


def _stretch(border: NDArray[np.int64], seen: Plane, area: float) -> float:
    """How many mm a pixel of the border is long, on average along it.

    Args:
        border: (n, 2) pixels.
        seen: What the crop shows.
        area: mm² of a pixel; it tells where the border is one pixel.
    """
    import numpy as np

    if len(border) < 2:
        return math.sqrt(area)
    there = seen.centres[border[:, 1], border[:, 0]]
    mine, theirs = (each - np.roll(each, 1, axis=0) for each in (border.astype(float), there))
    return float(np.hypot(theirs[:, 0], theirs[:, 1]).sum() / np.hypot(mine[:, 0], mine[:, 1]).sum())
