"""Connected components of a mask: 8-connected where pixels are set, 4-connected where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pipeline.errors import NodeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A 4-connected component needs at least two pixels' room, an 8-connected one four: below this size
# 16-bit labels cannot run out, and OpenCV counts with them 2.8 times as fast.
SHORT_LABELS = 2 * 65535


class Components(Struct, frozen=True):
    """Components of a mask; number 0 is everything else.

    Attributes:
        labels: (H, W), uint16 or int32: the component of each pixel.
        boxes: (n + 1, 4) int32: x, y, width, height.
        areas: (n + 1,) int32, px.
        centroids: (n + 1, 2) float64: x, y, mean of the pixel centres.
    """

    labels: NDArray[Any]
    boxes: NDArray[np.int32]
    areas: NDArray[np.int32]
    centroids: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.areas) - 1

    def first(self, number: int) -> tuple[int, int]:
        """Column and row of a component's first pixel, down the columns."""
        x, y, _, height = self.boxes[number].tolist()
        return x, y + int((self.labels[y : y + height, x] == number).argmax())

    def among(self, numbers: NDArray[np.intp]) -> NDArray[np.bool_]:
        """The pixels that belong to any of these components: (H, W) bool."""
        import numpy as np

        chosen = np.zeros(len(self.areas), bool)
        chosen[numbers] = True
        pixels: NDArray[np.bool_] = chosen[self.labels]
        return pixels


def components(pixels: NDArray[np.bool_]) -> Components:
    """The pieces of what is set: 8-connected.

    Args:
        pixels: (H, W) bool.

    Raises:
        NodeError: If OpenCV is not installed.
    """
    return _components(pixels.view("uint8"), 8)


def holes(pixels: NDArray[np.bool_]) -> tuple[Components, NDArray[np.intp]]:
    """The pieces of what is not set, 4-connected, and the numbers of those that do not reach the edge.

    Args:
        pixels: (H, W) bool.

    Raises:
        NodeError: If OpenCV is not installed.
    """
    found = _components((~pixels).view("uint8"), 4)
    x, y, width, height = found.boxes.T
    inside = (x > 0) & (y > 0) & (x + width < pixels.shape[1]) & (y + height < pixels.shape[0])
    inside[0] = False
    return found, inside.nonzero()[0]


def vision() -> Any:
    """OpenCV.

    Raises:
        NodeError: If it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise NodeError("expected OpenCV, found none; install it: pip install 'kensa[vision]'") from error
    return cv2


def _components(pixels: NDArray[np.uint8], connectivity: int) -> Components:
    cv2 = vision()
    ltype = cv2.CV_16U if pixels.size <= SHORT_LABELS else cv2.CV_32S
    _, labels, stats, centroids = cv2.connectedComponentsWithStats(pixels, connectivity=connectivity, ltype=ltype)
    return Components(labels, stats[:, :4], stats[:, 4], centroids)
