"""Shapes of regions, in mask pixels and in mm."""

from __future__ import annotations

from msgspec import Struct

from pipeline.fields import Name


class Shape(Struct, frozen=True):
    """What the outline of a region is like, in mask pixels.

    Attributes:
        perimeter_px: Length of its outer border; holes have none here.
        length_px: Longer side of the smallest box around it that is parallel to an edge of its convex hull.
        width_px: Shorter side of that box.
        angle_deg: Of the longer side, clockwise on a screen from the x axis, 0 ≤ angle < 180.
        diameter_px: Of the disc that has the same area.
        eccentricity: Of the ellipse with the same second moments: 0 for a disc, towards 1 for a line.
        solidity: Area over that of its convex hull, 0…1.
    """

    perimeter_px: float
    length_px: float
    width_px: float
    angle_deg: float
    diameter_px: float
    eccentricity: float
    solidity: float


class Metric(Struct, frozen=True):
    """What a region measures in the plane that a calibration speaks of, in mm.

    Attributes:
        area_mm2: Pixels that belong to it, each as large as it is there.
        hole_area_mm2: The same of the pixels inside its holes.
        centroid_mm: (x, y) of the mean of its pixel centres, each weighed by its size there.
        perimeter_mm: Length of its outer border.
        length_mm: Longer side of the smallest box around it.
        width_mm: Shorter side of that box.
        angle_deg: Of the longer side, from the plane's x axis towards its y axis, 0 ≤ angle < 180.
        diameter_mm: Of the disc that has the same area.
        pixel_mm: Side of a mask pixel at its centroid: no length is known better than about that.
        calibration: Id of the calibration that all this rests upon.
    """

    area_mm2: float
    hole_area_mm2: float
    centroid_mm: tuple[float, float]
    perimeter_mm: float
    length_mm: float
    width_mm: float
    angle_deg: float
    diameter_mm: float
    pixel_mm: float
    calibration: Name
