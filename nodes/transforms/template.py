"""Golden masks, ready to be laid upon what is seen: how far each pixel is inside their outline, and where they lie."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from nodes.transforms import components
from pipeline.golden import Golden
from pipeline.masks import Mask
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Distances = NDArray[np.float32]


class Template(Struct, frozen=True):
    """A golden mask, ready to be laid upon what is seen.

    Attributes:
        name: Its id and digest.
        pixels: (H, W) bool.
        distances: (H, W) float32, px: how far each pixel is inside its outline; negative outside.
        box: (x, y, width, height), px.
        centroid: (x, y), px.
        hull: (n, 2): the centres of its outermost pixels.
        roi: The crop of the sensor in which it was seen, where that is known.
    """

    name: str
    pixels: Dense
    distances: Distances
    box: tuple[int, int, int, int]
    centroid: tuple[float, float]
    hull: Floats
    roi: Roi | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), px."""
        return self.pixels.shape[0], self.pixels.shape[1]


@cache
def vision() -> Any:
    """OpenCV in one thread: several add up in another order each time, and the same mask would lie elsewhere.

    Raises:
        NodeError: If it is not installed.
    """
    cv2 = components.vision()
    cv2.setNumThreads(1)
    return cv2


@lru_cache(maxsize=64)
def template(golden: Golden) -> Template:
    """A golden mask, ready to be laid upon what is seen; the same one is worked out once."""
    return prepared(golden.mask, golden.name, golden.crop)


def prepared(mask: Mask, name: str, roi: Roi | None = None) -> Template:
    """A mask as a golden one, ready to be laid upon what is seen."""
    import numpy as np

    pixels = mask.dense
    hull = vision().convexHull(np.argwhere(pixels)[:, ::-1].astype("i4")).reshape(-1, 2).astype("f8")
    return Template(name, pixels, distances(pixels), mask.box, middle(pixels), hull, roi)


def distances(pixels: Dense) -> Distances:
    """How far each pixel's centre is inside the outline of a mask, px; negative outside: (H, W) float32.

    The outline runs in the middle between a pixel that is set and one beside it that is not.
    """
    import numpy as np

    cv2 = vision()
    inside, outside = (
        # OpenCV takes roots in several ways, by where its arrays begin: those of whole numbers are made alike again.
        np.sqrt(np.rint(np.square(cv2.distanceTransform(each.view("u1"), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))))
        for each in (pixels, ~pixels)
    )
    found: Distances = np.where(pixels, inside - 0.5, 0.5 - outside).astype("f4")
    return found


def middle(pixels: Dense) -> tuple[float, float]:
    """(x, y), mean of the pixel centres; NaN where there is none."""
    told = vision().moments(pixels.view("u1"), binaryImage=True)
    area = told["m00"]
    return (told["m10"] / area, told["m01"] / area) if area else (math.nan, math.nan)
