"""A page that is full of different things: any crop of it is like no other, which is what a calibration needs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from nodes.sensors.virtual.scene import WHOLE, resampled
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 64  # sensor px


class PageScene:
    """Grey blocks whose brightness is drawn by lot, always the same; they cover the array."""

    def picture(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.float32]:  # noqa: ARG002 - it stands still
        """What is seen of a crop."""
        left, top, right, bottom = crop.x, crop.y, crop.x + crop.width, crop.y + crop.height
        return resampled(blocks(), (left / BLOCK, top / BLOCK, right / BLOCK, bottom / BLOCK), size)

    def truth(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> None:
        """There is no part on it."""


@cache
def blocks() -> NDArray[np.uint8]:
    """The page, a pixel a block: (48, 64, 3) uint8."""
    import numpy as np

    rows, columns = -(-WHOLE.height // BLOCK), -(-WHOLE.width // BLOCK)
    grey = np.random.default_rng(500).integers(24, 232, (rows, columns, 1), np.uint8)
    return grey.repeat(3, axis=2)
