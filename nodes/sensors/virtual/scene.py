"""What lies before a virtual camera, in pixels of the sensor's array, and how any crop of it is seen.

Pixel (0, 0) of the array covers the square from (0, 0) to (1, 1). A crop is seen through a box filter: each pixel of a
smaller picture is the mean of what it covers. Which filter the real sensor has is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nodes.sensors.roi import ARRAY
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

WHOLE = Roi(0, 0, *ARRAY)


class Scene(Protocol):
    """Anything that a camera can look at; a pure function of time."""

    def picture(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> Picture:
        """What is seen of a crop: (height, width, 3) RGB, 0…255, not yet whole numbers.

        Args:
            t_ns: Time since the camera's first frame.
            crop: In sensor pixels.
            size: (height, width) of the picture, px.
        """
        ...

    def truth(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.bool_] | None:
        """Which pixels' centres are on a part; None where nobody knows."""
        ...


def places(crop: Roi, size: tuple[int, int]) -> tuple[Picture, Picture]:
    """Where the centres of a picture's pixels lie in the array: x as a row, y as a column."""
    import numpy as np

    height, width = size
    x = crop.x + (np.arange(width) + 0.5) * (crop.width / width)
    y = crop.y + (np.arange(height) + 0.5) * (crop.height / height)
    return x[None, :].astype(np.float32), y[:, None].astype(np.float32)


def resampled(image: NDArray[np.uint8], box: tuple[float, float, float, float], size: tuple[int, int]) -> Picture:
    """A box of an image in another size: each pixel is the mean of exactly what it covers, parts of pixels too.

    The running sum of an image is straight between its pixels, so reading it at the edges of the new pixels is exact.
    What lies outside the image is black.

    Args:
        image: (H, W, 3).
        box: Left, top, right and bottom in the image's pixels; it may have fractions.
        size: (height, width) wanted.
    """
    left, top, right, bottom = box
    rows = _means(image, top, bottom, size[0])
    return _means(rows.swapaxes(0, 1), left, right, size[1]).swapaxes(0, 1)


def _means(image: NDArray[np.uint8] | Picture, low: float, high: float, count: int) -> Picture:
    """Means along the first axis over `count` equal stretches from `low` to `high`."""
    import numpy as np

    edges = np.linspace(low, high, count + 1)
    first = min(max(int(low), 0), len(image))
    part = image[first : max(first, min(len(image), int(np.ceil(high))))]
    sums = np.zeros((len(part) + 1, *image.shape[1:]), np.float64)
    np.cumsum(part, axis=0, out=sums[1:])
    place = (edges - first).clip(0, len(part))
    whole = place.astype(int).clip(0, max(len(part) - 1, 0))
    share = (place - whole)[:, None, None]
    read = sums[whole] + (sums[np.minimum(whole + 1, len(part))] - sums[whole]) * share
    means: Picture = (np.diff(read, axis=0) * (count / (high - low))).astype(np.float32)
    return means
