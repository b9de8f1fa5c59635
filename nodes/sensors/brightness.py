"""How bright what a network is shown is: one definition for cards, for a running line and for its statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes.sensors.geometry import box_to_image
from nodes.sensors.roi import ARRAY
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHOLE = Roi(0, 0, *ARRAY)


def brightness(pixels: NDArray[np.uint8], crop: Roi, shown: Roi | None = None) -> float | None:
    """The mean of red, green and blue in a crop of the sensor, 0…255; None where a picture shows nothing of it.

    Args:
        pixels: (H, W, 3) uint8, in any order of colours.
        crop: What the network saw, sensor pixels.
        shown: What the picture shows of the sensor; None for the whole array.
    """
    box = crop.x, crop.y, crop.width, crop.height
    x, y, width, height = box_to_image(shown or WHOLE, (pixels.shape[1], pixels.shape[0]), box)
    inside = pixels[max(0, round(y)) : max(0, round(y + height)), max(0, round(x)) : max(0, round(x + width))]
    return float(inside.mean()) if inside.size else None
