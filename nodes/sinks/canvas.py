"""A picture to draw on: smooth text, rounded boxes and masks. Colours are (red, green, blue), sizes px."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING, Any

from pipeline.errors import NodeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
Point = tuple[float, float]
FINE = 4
SUBPIXEL_BITS = 4
SUBPIXELS = 1 << SUBPIXEL_BITS


class Canvas:
    """An image of one colour to begin with; y runs down, (0, 0) is the top-left corner.

    Raises:
        NodeError: If OpenCV is not installed, or is older than 5, which cannot write text this well.
    """

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        import numpy as np

        self._cv = vision()
        self.pixels = np.full((height, width, 3), colour, np.uint8)

    def text(self, at: tuple[int, int], text: str, size: int, colour: Colour, *, bold: bool = False) -> int:
        """Write from a point on the base line; returns where the text ends."""
        if text:
            self._cv.putText(self.pixels, text, at, colour, _font(), size, 650 if bold else 400)
        return at[0] + self.width(text, size, bold=bold)

    def width(self, text: str, size: int, *, bold: bool = False) -> int:
        """How wide a text would be."""
        return int(self._cv.getTextSize((0, 0), text, (0, 0), _font(), size, 650 if bold else 400)[2]) if text else 0

    def fit(self, text: str, size: int, room: int, *, bold: bool = False) -> str:
        """The text, cut with an ellipsis where it is wider than there is room."""
        if self.width(text, size, bold=bold) <= room:
            return text
        while text and self.width(text + "…", size, bold=bold) > room:
            text = text[:-1]
        return text + "…"

    def panel(self, box: Box, colour: Colour, radius: int = 8) -> None:
        """A filled box with round corners."""
        import numpy as np

        x, y, width, height = box
        if width <= 0 or height <= 0:
            return
        fine = np.zeros((height * FINE, width * FINE), np.uint8)
        r = min(radius, width // 2, height // 2) * FINE
        right, bottom = width * FINE - 1, height * FINE - 1
        self._cv.rectangle(fine, (r, 0), (right - r, bottom), 255, -1)
        self._cv.rectangle(fine, (0, r), (right, bottom - r), 255, -1)
        for corner in ((r, r), (right - r, r), (r, bottom - r), (right - r, bottom - r)):
            self._cv.circle(fine, corner, r, 255, -1)
        self._stain((x, y), self._cv.resize(fine, (width, height), interpolation=self._cv.INTER_AREA), colour)

    def frame(self, box: Box, colour: Colour) -> None:
        """The outline of a box, one pixel wide."""
        x, y, width, height = box
        self._cv.rectangle(self.pixels, (x, y), (x + width - 1, y + height - 1), colour, 1)

    def mask(self, at: tuple[int, int], mask: NDArray[np.bool_], scale: float, colour: Colour, rim: Colour) -> None:
        """A mask, magnified and with smooth edges: filled, its outline and the edges of its holes in `rim`.

        Args:
            at: Where its top-left pixel goes.
            mask: (H, W) bool.
            scale: Magnification.
            colour: Inside.
            rim: Outline.
        """
        cv = self._cv
        size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
        fine = cv.resize(mask.astype("u1") * 255, (size[0] * FINE, size[1] * FINE), interpolation=cv.INTER_LINEAR)
        fine = cv.threshold(fine, 127, 255, cv.THRESH_BINARY)[1]
        self._stain(at, cv.resize(fine, size, interpolation=cv.INTER_AREA), colour)
        outlines, _ = cv.findContours(fine, cv.RETR_CCOMP, cv.CHAIN_APPROX_NONE)
        edge = cv.drawContours(fine * 0, outlines, -1, 255, FINE + FINE // 2)
        self._stain(at, cv.resize(edge, size, interpolation=cv.INTER_AREA), rim)

    def stroke(self, points: Sequence[Point], colour: Colour, thick: int = 1, *, dash: float = 0.0) -> None:
        """A smooth line from point to point; in dashes of a length, where one is given."""
        import numpy as np

        fine = [
            np.rint(np.array(run) * SUBPIXELS).astype(np.int32) for run in (_dashes(points, dash) if dash else [points])
        ]
        self._cv.polylines(self.pixels, fine, False, colour, thick, self._cv.LINE_AA, SUBPIXEL_BITS)

    def fill(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon with smooth edges."""
        import numpy as np

        fine = np.rint(np.array(points) * SUBPIXELS).astype(np.int32)
        self._cv.fillPoly(self.pixels, [fine], colour, self._cv.LINE_AA, SUBPIXEL_BITS)

    def png(self) -> bytes:
        """The picture as a PNG file."""
        done, file = self._cv.imencode(".png", self.pixels[:, :, ::-1], [self._cv.IMWRITE_PNG_COMPRESSION, 6])
        assert done
        return bytes(file)

    def _stain(self, at: tuple[int, int], cover: NDArray[np.uint8], colour: Colour) -> None:
        """Mix a colour in where `cover` (h, w) says: 0 leaves the picture as it is, 255 hides it."""
        import numpy as np

        x, y = at
        height, width = cover.shape
        under = self.pixels[y : y + height, x : x + width]
        share = cover[: under.shape[0], : under.shape[1], None].astype(np.float32) / 255
        under[:] = np.rint(under + (np.array(colour, np.float32) - under) * share)


def _dashes(points: Sequence[Point], length: float) -> Iterator[tuple[Point, Point]]:
    """Each leg of a line in dashes, with as much air between them."""
    for (x, y), (right, down) in pairwise(points):
        far = hypot(right - x, down - y)
        for begin in range(0, int(far / length) + 1, 2):
            one, two = (min(1.0, (begin + end) * length / far) if far else 0.0 for end in (0, 1))
            yield (x + one * (right - x), y + one * (down - y)), (x + two * (right - x), y + two * (down - y))


@cache
def vision() -> Any:
    """OpenCV.

    Raises:
        NodeError: If it is missing or too old.
    """
    try:
        import cv2
    except ImportError as error:
        raise NodeError("preview draws with OpenCV, which is not installed: pip install 'kensa[vision]'") from error
    if not hasattr(cv2, "FontFace"):
        raise NodeError(f"preview needs OpenCV 5 or newer, found {cv2.__version__}: pip install 'kensa[vision]'")
    cv2.setNumThreads(1)
    return cv2


@cache
def _font() -> Any:
    return vision().FontFace("sans")
