"""One size and crop of a view: where in its masks zones, edges and places are, worked out once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from nodes.transforms.align import Astray, Laid, Limits, lay
from nodes.transforms.clean import polygon
from nodes.transforms.edges import Lost
from nodes.transforms.layout import places
from nodes.transforms.metric import Plane, in_px, plane
from nodes.transforms.template import Template, template
from nodes.transforms.views import View
from pipeline.calibration import Calibration
from pipeline.golden import open_golden
from pipeline.masks import Mask
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]
    Floats = NDArray[np.float64]

CROP = "the golden mask was seen in the crop"
Size = tuple[int, int]


class Told(NamedTuple):
    """What every gauge of one mask says alike."""

    template: str = ""
    calibration: str = ""
    pixel_mm: float = 0.0


class Vantage:
    """One size and crop of a view: where in its masks everything is, worked out once.

    Args:
        view: What is measured.
        size: (height, width) of its masks.
        roi: The crop of the sensor that they show, where that is known.
        calibration: How its pixels become mm; None where nobody says.
    """

    def __init__(self, view: View, size: Size, roi: Roi | None, calibration: Calibration | None) -> None:
        self.view, self.size, self.roi = view, size, roi
        self.golden: Template | None = template(open_golden(view.golden)) if view.golden else None
        self.seen = plane(calibration, size, roi) if calibration else None
        # Coordinates are those of the golden mask's view, where there is one.
        there = self.golden.roi if self.golden and self.golden.roi else roi
        self.drawn = plane(calibration, size, there) if calibration else None
        self.still = Laid(_identity(), 0.0, 0.0, self.golden.distances if self.golden else _nowhere())

    @cached_property
    def unlike(self) -> Lost | None:
        """Why masks of this size or crop cannot be held against the golden mask."""
        if self.golden is None:
            return None
        if self.golden.size != self.size:
            (a, b), (c, d) = self.golden.size, self.size
            return Lost("WRONG_SIZE", f"the golden mask has {b}×{a} px, this view {d}×{c}")
        mine, its = self.roi, self.golden.roi
        same = (mine == its) if self.view.align == "none" else mine and its and _sides(mine) == _sides(its)
        return (
            None
            if mine is None or its is None or same
            else Lost("WRONG_ROI", f"{CROP} {_crop(its)}, not {_crop(mine)}")
        )

    @cached_property
    def told(self) -> Told:
        """What every gauge says alike."""
        name = self.golden.name if self.golden else ""
        return Told(name, self.seen.calibration.id, _pixel(self.seen)) if self.seen else Told(name)

    @cached_property
    def scale(self) -> float:
        """Pixels per unit of the layout, in the middle of the view."""
        if self.view.unit == "px" or self.drawn is None:
            return 1.0
        return 1 / _pixel(self.drawn)

    @cached_property
    def limits(self) -> Limits:
        """How the golden mask may be laid."""
        view = self.view
        far = math.inf if view.max_shift is None else view.max_shift * self.scale
        return Limits(view.align, far, view.max_turn, view.alike)

    @cached_property
    def zones(self) -> dict[str, tuple[Floats, Dense]]:
        """The corners of each zone, (n, 2) px, and the pixels whose centres lie in it."""
        corners = {name: self.px(zone.corners) for name, zone in self.view.zones.items()}
        return {name: (at, polygon(tuple(map(tuple, at.tolist())), self.size).dense) for name, at in corners.items()}

    @cached_property
    def lines(self) -> dict[str, Floats]:
        """Where each edge should run: (2, 2) px."""
        return {name: self.px(each.line) for name, each in self.view.edges.items()}

    @cached_property
    def places(self) -> dict[str, Floats]:
        """Where the things of each pattern should be: (n, 2) px."""
        return {name: self.px([*places(each).values()]) for name, each in self.view.patterns.items()}

    def px(self, told: Sequence[tuple[float, float]]) -> Floats:
        """Coordinates of the layout in pixels: (n, 2)."""
        import numpy as np

        points = np.array(told, np.float64)
        return in_px(self.drawn, points) if self.view.unit == "mm" and self.drawn else points

    def laid(self, mask: Mask) -> Laid | Astray:
        """How the golden mask lies on a mask."""
        return self.still if self.golden is None else lay(self.golden, mask, self.limits)


def _pixel(seen: Plane) -> float:
    """Side of a pixel in the middle of a view, mm."""
    return math.sqrt(float(seen.areas[seen.size[0] // 2, seen.size[1] // 2]))


def _identity() -> Floats:
    import numpy as np

    return np.eye(2, 3)


def _nowhere() -> Any:
    import numpy as np

    return np.zeros((0, 0), "f4")


def _sides(roi: Roi) -> tuple[int, int]:
    return roi.width, roi.height


def _crop(roi: Roi) -> str:
    return f"{roi.width}×{roi.height} at ({roi.x}, {roi.y})"
