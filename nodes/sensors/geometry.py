"""Where a pixel of a mask lies on the sensor, and in the image: affine, pure, exact for every ROI.

Own arithmetic, because `IMX500.convert_inference_coords` scales by the full array and then clips to the ROI, which
is right only while the ROI is the full array. The centre of the top-left pixel is (0, 0) in each of the three
grids (mask, sensor, image), so a half is added before a scale and taken off after it.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.records import Roi

Size = tuple[int, int]  # (width, height), px
Box = tuple[float, float, float, float]  # (x, y, width, height); x and y name the top-left pixel


class Point(NamedTuple):
    """A place; whole numbers are centres of pixels."""

    x: float
    y: float


def to_sensor(roi: Roi, size: Size, x: float, y: float) -> Point:
    """Where a place of a mask lies on the sensor.

    Args:
        roi: The crop that the network saw, sensor pixels.
        size: (width, height) of the mask.
        x: Column in the mask.
        y: Row in the mask.
    """
    across, down = roi.width / size[0], roi.height / size[1]
    return Point(roi.x + (x + 0.5) * across - 0.5, roi.y + (y + 0.5) * down - 0.5)


def to_mask(roi: Roi, size: Size, x: float, y: float) -> Point:
    """Where a place of the sensor lies in a mask: the inverse of `to_sensor`; outside the ROI it lies outside."""
    across, down = size[0] / roi.width, size[1] / roi.height
    return Point((x + 0.5 - roi.x) * across - 0.5, (y + 0.5 - roi.y) * down - 0.5)


def box_to_sensor(roi: Roi, size: Size, box: Box) -> Box:
    """The sensor pixels that a box of mask pixels covers: edges on edges."""
    across, down = roi.width / size[0], roi.height / size[1]
    return roi.x + box[0] * across, roi.y + box[1] * down, box[2] * across, box[3] * down


def box_to_image(crop: Roi, size: Size, box: Box) -> Box:
    """Where a box of sensor pixels lies in an image of that size, of which libcamera says that it shows `crop`.

    Args:
        crop: `ScalerCrop` of the frame: what the image shows of the sensor.
        size: (width, height) of the image.
        box: Sensor pixels.
    """
    across, down = size[0] / crop.width, size[1] / crop.height
    return (box[0] - crop.x) * across, (box[1] - crop.y) * down, box[2] * across, box[3] * down
