"""Where regions lie: by their centroids and by every pixel; on the view, the sensor, the plane and the part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from pipeline.batch.measures import (
    PART,
    PART_PIXELS,
    PLANE,
    SENSOR,
    SENSOR_CELL,
    VIEW,
    Box,
    Edge,
    Numbers,
    carriers,
    cells,
    on_sensor,
)
from pipeline.batch.runlengths import Runs, ends
from pipeline.batch.statistics import celled, table
from pipeline.batch.stretches import LONG, folded, stepped
from pipeline.batch.tally import Ints, packed, parted, says, shifted
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 1 << 22  # pixels
ROI = ("roi_x", "roi_y", "roi_width", "roi_height")


class Located(Struct, frozen=True):
    """Regions, and what is known of where each was seen.

    Attributes:
        regions: N rows.
        exposures: What they were seen in.
        at: (N,) row of each region's exposure; -1 where it is not there.
        group: (N,).
        carrier: (N,) row of the part on which each lies; -1 where it lies on none.
    """

    regions: pa.Table
    exposures: pa.Table
    at: Ints
    group: Ints
    carrier: Ints


def carried(regions: pa.Table, exposure: Ints, part: str) -> Ints:
    """The part on which each region lies, (N,): its row; -1 where it lies on none.

    Args:
        regions: N rows.
        exposure: (N,) number of the exposure of each.
        part: Label of the regions that are parts.
    """
    is_part = says(regions["label"], part)
    if not is_part.any():
        return np.full(len(regions), -1)
    return carriers(exposure, _numbers(regions, "centroid_x"), _numbers(regions, "centroid_y"), _box(regions), is_part)


def heat(located: Located) -> Iterator[pa.Table]:
    """Cells in which centroids lie, space by space."""
    regions, group = located.regions, located.group
    x, y = _numbers(regions, "centroid_x"), _numbers(regions, "centroid_y")
    height, width = _side(regions, "height"), _side(regions, "width")
    yield celled(group, VIEW, *cells(x, y, (0.0, 0.0, width, height)))
    if located.exposures["roi_x"].null_count < len(located.exposures):
        roi = _roi(located)
        there, sensor = ~np.isnan(roi[0]), on_sensor(x, y, (height, width), roi)
        yield celled(group[there], SENSOR, *_grid(sensor[0][there], sensor[1][there], SENSOR_CELL))
    if regions["plane_x"].null_count < len(regions):
        plane = _numbers(regions, "plane_x"), _numbers(regions, "plane_y")
        there = ~np.isnan(plane[0]) & ~np.isnan(plane[1])
        yield celled(group[there], PLANE, *_grid(plane[0][there], plane[1][there], 1))
    there = located.carrier >= 0
    if there.any():
        yield celled(group[there], PART, *cells(x[there], y[there], _at(_box(regions), located.carrier[there])))


def pixels(located: Located, runs: Runs) -> pa.Table:
    """Where runs of set pixels begin and end, crop by crop: their running sum is how often each pixel is set."""
    crop = _crop(located)
    varying = {name: each for name, each in {"group": located.group, **crop}.items() if not isinstance(each, int)}
    code, first = packed([shifted(values) for values in varying.values()], len(located.group))
    stretches = int(runs.end.max(initial=0)) // LONG + 1
    keys, steps = stepped(ends(runs, code * (stretches * LONG)), 2 * len(runs.end), len(first) * stretches * LONG)
    which, stretch = parted(keys, stretches)
    told = crop | {name: values[first][which] for name, values in varying.items()}
    return table("pixels", told | {"stretch": stretch, "steps": folded(steps)})


def _crop(located: Located) -> dict[str, Ints | int]:
    """Size and ROI of the crop of each region, or of all, where these are alike; what is not told is -1."""
    found = dict[str, Ints | int]()
    for name in ("height", "width"):
        side = _side(located.regions, name)
        found[name] = int(side) if isinstance(side, float) else side.astype(np.int64)
    for name in ROI:
        told = located.exposures[name]
        nobody, known = told.null_count == len(told), arrow().compute.fill_null(told, -1).to_numpy()
        found[name] = -1 if nobody else np.append(known, -1)[located.at].astype(np.int64)
    return found


def on_parts(located: Located, runs: Runs) -> Iterator[pa.Table]:
    """Cells of the part in which set pixels of the regions on it lie."""
    if not (located.carrier >= 0).any():
        return
    rows = runs.row
    mine = np.flatnonzero(located.carrier[rows] >= 0)
    upto = np.cumsum((runs.end - runs.begin)[mine])
    for some in np.split(mine, np.searchsorted(upto, np.arange(AT_ONCE, upto[-1] if len(upto) else 0, AT_ONCE))):
        long = (runs.end - runs.begin)[some]
        row = np.repeat(rows[some], long)
        pixel = np.repeat(runs.begin[some] - np.cumsum(long) + long, long) + np.arange(long.sum())
        high = located.regions["height"].to_numpy().astype(np.int64)[row]
        box = _at(_box(located.regions), located.carrier[row])
        yield celled(located.group[row], PART_PIXELS, *cells(pixel // high * 1.0, pixel % high * 1.0, box))


def _grid(x: Numbers, y: Numbers, side: int) -> tuple[Ints, Ints]:
    return np.floor(x / side).astype(np.int64), np.floor(y / side).astype(np.int64)


def _roi(located: Located) -> Box:
    known = (np.append(_numbers(located.exposures, name), np.nan) for name in ROI)
    return tuple(each[located.at] for each in known)  # type: ignore[return-value]


def _box(regions: pa.Table) -> Box:
    return tuple(_numbers(regions, f"box_{name}") for name in ("x", "y", "width", "height"))  # type: ignore[return-value]


def _at(box: Box, rows: Ints) -> Box:
    return tuple(each[rows] for each in box)  # type: ignore[return-value]


def _side(table: pa.Table, name: str) -> Edge:
    """A side of each view, or of all, where they are alike."""
    values = table[name].to_numpy()
    alike = len(values) and values.min() == values.max()
    return float(values[0]) if alike else _numbers(table, name)


def _numbers(table: pa.Table, name: str) -> Numbers:
    values: Numbers = table[name].to_numpy().astype(np.float64)  # null is NaN
    return values
