"""A target that looks different from every side: it tells whether a mask is flipped, turned or transposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from nodes.sensors.virtual.scene import WHOLE, places
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INK, PAPER = 32.0, 224.0
# The letter F, in shares of the target's side: left, top, right, bottom. No turn or mirror of it is itself.
STROKES = ((0.2, 0.1, 0.4, 0.9), (0.4, 0.1, 0.8, 0.25), (0.4, 0.42, 0.65, 0.57))


class TargetScene(Struct, frozen=True):
    """A bright F on dark ground.

    Attributes:
        place: Where it is in the array.
    """

    place: Roi = Roi(WHOLE.width // 2 - 760, WHOLE.height // 2 - 760, 1520, 1520)

    def picture(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.float32]:  # noqa: ARG002 - it stands still
        """What is seen of a crop: each pixel as bright as the share of it that is covered."""
        import numpy as np

        share = sum(self._cover(stroke, crop, size) for stroke in STROKES)
        grey = np.float32(INK) + np.float32(PAPER - INK) * np.asarray(share, np.float32)
        return np.repeat(grey[..., None], 3, axis=2)

    def truth(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.bool_]:  # noqa: ARG002 - it stands still
        """Which pixels' centres are on the letter."""
        import numpy as np

        x, y = places(crop, size)
        inside = [(x >= left) & (x < right) & (y >= top) & (y < bottom) for left, top, right, bottom in self._strokes()]
        covered: NDArray[np.bool_] = np.logical_or.reduce(inside)
        return covered

    def _strokes(self) -> list[tuple[float, float, float, float]]:
        return [self._placed(stroke) for stroke in STROKES]

    def _placed(self, stroke: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        left, top, right, bottom = stroke
        at, width, height = self.place, self.place.width, self.place.height
        return at.x + left * width, at.y + top * height, at.x + right * width, at.y + bottom * height

    def _cover(
        self, stroke: tuple[float, float, float, float], crop: Roi, size: tuple[int, int]
    ) -> NDArray[np.float32]:
        left, top, right, bottom = self._placed(stroke)
        across = _overlap(left, right, crop.x, crop.width, size[1])
        down = _overlap(top, bottom, crop.y, crop.height, size[0])
        return down[:, None] * across[None, :]


def _overlap(low: float, high: float, first: int, length: int, count: int) -> NDArray[np.float32]:
    """Which share of each of `count` pixels lies between two places."""
    import numpy as np

    edges = first + np.arange(count + 1) * (length / count)
    covered = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    share: NDArray[np.float32] = (covered.clip(0) / (length / count)).astype(np.float32)
    return share
