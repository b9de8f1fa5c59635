"""What draws: the same pictures as pixels and as SVG. Lengths are px, y runs down."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin
from typing import TYPE_CHECKING, Protocol

from nodes.sinks.canvas import Box, Colour, Point

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Pen(Protocol):
    """Whatever a picture can be drawn with: `Canvas` and `Svg`."""

    def text(self, at: tuple[int, int], text: str, size: int, colour: Colour, *, bold: bool = False) -> int:
        """Write from a point on the base line; returns where the text ends."""

    def width(self, text: str, size: int, *, bold: bool = False) -> int:
        """How wide a text would be."""

    def fit(self, text: str, size: int, room: int, *, bold: bool = False) -> str:
        """The text, cut with an ellipsis where it is wider than there is room."""

    def panel(self, box: Box, colour: Colour, radius: int = 8) -> None:
        """A filled box with round corners."""

    def frame(self, box: Box, colour: Colour) -> None:
        """The outline of a box, one pixel wide."""

    def mask(self, at: tuple[int, int], mask: NDArray[np.bool_], scale: float, colour: Colour, rim: Colour) -> None:
        """A mask, magnified: filled, its outline and the edges of its holes in `rim`."""

    def stroke(self, points: Sequence[Point], colour: Colour, thick: int = 1, *, dash: float = 0.0) -> None:
        """A line from point to point; in dashes of a length, where one is given."""

    def fill(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""


def disc(centre: Point, radius: float) -> list[Point]:
    """A circle as a polygon."""
    steps = 48
    return [
        (centre[0] + radius * cos(2 * pi * n / steps), centre[1] + radius * sin(2 * pi * n / steps))
        for n in range(steps)
    ]
