"""What is measured, where it stands in the archive, and where on a view, a sensor or a part a region lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.batch.tally import Ints

CELLS = 64  # of a view or of a part, along each side
SENSOR_CELL = 64  # sensor px
SPACES = ("view", "sensor", "plane", "part", "part pixels")
VIEW, SENSOR, PLANE, PART, PART_PIXELS = range(len(SPACES))

Numbers = NDArray[np.float64]
Box = tuple[Numbers, Numbers, Numbers, Numbers]
Edge = Numbers | float  # of each, or of all


class Measure(Struct, frozen=True):
    """A number that a row of the archive has.

    Attributes:
        name: What it is called here.
        table: `regions` or `frames`.
        column: Where it stands there.
        unit: Of the number.
        condition: Whether it is one of the camera itself, which weather and every restart change: cameras are held
            against each other, but no drift, trend or change of it is looked for, since no two days are alike.
    """

    name: str
    table: str
    column: str
    unit: str
    condition: bool = False


# In the order of their numbers in an aggregate.
MEASURES = (
    Measure("area_px", "regions", "area_px", "px²"),
    Measure("score", "regions", "score", "0…1"),
    Measure("mean_score", "regions", "mean_score", "logits"),
    Measure("length_px", "regions", "shape.length_px", "px"),
    Measure("width_px", "regions", "shape.width_px", "px"),
    Measure("area_mm2", "regions", "metric.area_mm2", "mm²"),
    Measure("length_mm", "regions", "metric.length_mm", "mm"),
    Measure("width_mm", "regions", "metric.width_mm", "mm"),
    Measure("found", "frames", "found", "count"),
    Measure("brightness", "frames", "brightness", "0…255"),
    Measure("lux", "frames", "lux", "lx"),
    Measure("temperature_c", "frames", "temperature_c", "°C", condition=True),
    Measure("exposure_us", "frames", "exposure_us", "µs", condition=True),
)
STEADY = tuple(measure.name for measure in MEASURES if not measure.condition)


def cells(x: Numbers, y: Numbers, box: tuple[Edge, Edge, Edge, Edge], across: int = CELLS) -> tuple[Ints, Ints]:
    """The cell of a box, divided into `across` × `across`, in which the centre of a pixel lies.

    Args:
        x: (N,) px; the centre of the first pixel is 0, so it reaches from -0.5 to 0.5.
        y: (N,) px.
        box: x, y, width and height, each (N,) or one for all, px; what lies outside counts in the nearest cell.
        across: How many.
    """
    left, top, width, height = box
    return _cell(x, left, width, across), _cell(y, top, height, across)


def _cell(at: Numbers, begin: Edge, side: Edge, across: int) -> Ints:
    part = at + 0.5
    if isinstance(begin, np.ndarray) or begin:
        part -= begin
    part /= np.maximum(side, 1)
    part *= across
    cell: Ints = np.floor(part, out=part).astype(np.int64)
    outside = len(cell) and (cell.min() < 0 or cell.max() >= across)
    return cell.clip(0, across - 1) if outside else cell


def on_sensor(x: Numbers, y: Numbers, size: tuple[Edge, Edge], roi: Box) -> tuple[Numbers, Numbers]:
    """Where on the sensor the centre of a mask pixel lies, sensor px from its top left corner.

    Args:
        x: (N,) mask px, the centre of the first is 0.
        y: (N,) mask px.
        size: Height and width of the mask, (N,) or of all, px.
        roi: The crop that the mask shows: x, y, width and height, sensor px.
    """
    (height, width), (left, top, wide, high) = size, roi
    return left + (x + 0.5) / width * wide, top + (y + 0.5) / height * high


def carriers(exposure: Ints, x: Numbers, y: Numbers, box: Box, is_part: NDArray[np.bool_]) -> Ints:
    """The part on which each region lies: the smallest of the same exposure whose box holds its centroid.

    Args:
        exposure: (N,) number of the exposure of each region.
        x: (N,) centroid, px.
        y: (N,) centroid, px.
        box: (x, y, width, height) of each, (N,), px.
        is_part: (N,) which are parts; these lie on none.

    Returns:
        (N,) row of the part; -1 where there is none.
    """
    left, top, width, height = box
    parts = np.flatnonzero(is_part)
    parts = parts[np.lexsort((parts, (width * height)[parts], exposure[parts]))]
    first, end = (np.searchsorted(exposure[parts], exposure, side=side) for side in ("left", "right"))
    found = np.full(len(exposure), -1, np.int64)
    for nth in range(int((end - first).max(initial=0))):
        here = np.flatnonzero((first + nth < end) & (found < 0) & ~is_part)
        part = parts[first[here] + nth]
        inside = (x[here] + 0.5 >= left[part]) & (x[here] + 0.5 < left[part] + width[part])
        inside &= (y[here] + 0.5 >= top[part]) & (y[here] + 0.5 < top[part] + height[part])
        found[here[inside]] = part[inside]
    return found


def chosen(names: Sequence[str]) -> tuple[int, ...]:
    """The numbers of some measures.

    Raises:
        KeyError: If there is no such measure.
    """
    known = {measure.name: number for number, measure in enumerate(MEASURES)}
    return tuple(sorted({known[name] for name in names}))
