"""SVG by the same strokes as a canvas: it stays sharp however large it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from nodes.sinks.canvas import Box, Canvas, Colour, Point, vision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FONT = "'Noto Sans', 'Noto Sans CJK JP', 'Hiragino Sans', 'Yu Gothic', Helvetica, Arial, sans-serif"


class Svg:
    """A picture as SVG; texts take the room that a canvas gives them, whatever font a viewer has.

    Args:
        width: px.
        height: px.
        colour: The page.

    Raises:
        NodeError: If OpenCV, which measures texts and outlines, is not installed.
    """

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        self._size = width, height
        self._ruler = Canvas(1, 1, colour)
        self._parts = [f'<rect width="{width}" height="{height}" fill="{_hex(colour)}"/>']

    def text(self, at: tuple[int, int], text: str, size: int, colour: Colour, *, bold: bool = False) -> int:
        """Write from a point on the base line; returns where the text ends."""
        wide = self.width(text, size, bold=bold)
        if text:
            how = f'font-size="{size}" fill="{_hex(colour)}" textLength="{wide}" lengthAdjust="spacingAndGlyphs"'
            weight = ' font-weight="600"' if bold else ""
            self._parts.append(f'<text x="{at[0]}" y="{at[1]}" {how}{weight}>{escape(text)}</text>')
        return at[0] + wide

    def width(self, text: str, size: int, *, bold: bool = False) -> int:
        """How wide a text would be."""
        return self._ruler.width(text, size, bold=bold)

    def fit(self, text: str, size: int, room: int, *, bold: bool = False) -> str:
        """The text, cut with an ellipsis where it is wider than there is room."""
        return self._ruler.fit(text, size, room, bold=bold)

    def panel(self, box: Box, colour: Colour, radius: int = 8) -> None:
        """A filled box with round corners."""
        self._parts.append(f'<rect {_box(box)} rx="{radius}" fill="{_hex(colour)}"/>')

    def frame(self, box: Box, colour: Colour) -> None:
        """The outline of a box, one pixel wide."""
        x, y, width, height = box
        inside = f'x="{x + 0.5}" y="{y + 0.5}" width="{width - 1}" height="{height - 1}"'
        self._parts.append(f'<rect {inside} fill="none" stroke="{_hex(colour)}"/>')

    def mask(self, at: tuple[int, int], mask: NDArray[np.bool_], scale: float, colour: Colour, rim: Colour) -> None:
        """A mask, magnified: its pixels as they are, its outline and the edges of its holes in `rim`."""
        cv = vision()
        # Doubled and shifted by half a pixel, an outline runs along the edges of pixels, not through their centres.
        fine = cv.resize(mask.astype("u1"), None, fx=4, fy=4, interpolation=cv.INTER_NEAREST)
        outlines, _ = cv.findContours(fine, cv.RETR_CCOMP, cv.CHAIN_APPROX_SIMPLE)
        path = " ".join(_path([(at[0] + x * scale / 4, at[1] + y * scale / 4) for x, y in c[:, 0]]) for c in outlines)
        how = f'fill="{_hex(colour)}" fill-rule="evenodd" stroke="{_hex(rim)}" stroke-width="2" stroke-linejoin="round"'
        self._parts.append(f'<path d="{path}" {how}/>')

    def stroke(self, points: Sequence[Point], colour: Colour, thick: int = 1, *, dash: float = 0.0) -> None:
        """A line from point to point; in dashes of a length, where one is given."""
        dashed = f' stroke-dasharray="{dash:g}"' if dash else ""
        how = f'fill="none" stroke="{_hex(colour)}" stroke-width="{thick}"{dashed}'
        self._parts.append(f'<polyline points="{_points(points)}" {how}/>')

    def fill(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        self._parts.append(f'<polygon points="{_points(points)}" fill="{_hex(colour)}"/>')

    def file(self) -> bytes:
        """The picture as an SVG file."""
        width, height = self._size
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="{FONT}">'
        return "\n".join([head, *self._parts, "</svg>", ""]).encode()


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _box(box: Box) -> str:
    x, y, width, height = box
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points) + "Z"
