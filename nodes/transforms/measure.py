"""Measure what a mask shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes.transforms.components import Components, components, holes
from pipeline.masks import Mask
from pipeline.node import node
from pipeline.records import Frame, Layer, Measured, Region, Regions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Holes = dict[int, tuple[int, int]]


@node()
def measure(frame: Frame) -> Regions | None:
    """Find the connected pieces of every mask and measure each: area, box, centroid, holes, extent.

    Pixels that touch at a corner are connected. All numbers are in mask pixels; the centre of the
    top-left pixel is (0, 0). Nothing is measured while the crop of a camera settles: its masks may be of
    another place.
    """
    return None if frame.epoch == "settling" else measured(frame, frame.epoch)


def measured(frame: Frame, epoch: Measured = "settled") -> Regions:
    """Everything that a frame's masks show."""
    return Regions(
        camera=frame.camera,
        session=frame.session,
        seq=frame.seq,
        t_ns=frame.t_ns,
        size=frame.size,
        regions=tuple(region for layer in frame.layers for region in regions(layer)),
        prompt=frame.prompt,
        model=frame.model,
        epoch=epoch,
        roi=frame.roi,
    )


def regions(layer: Layer) -> list[Region]:
    """Every connected piece of a layer, from top to bottom as OpenCV numbers them."""
    pixels = layer.mask.dense
    found = components(pixels)
    enclosed = _enclosed(pixels, found) if found.count else {}
    return [_region(layer, found, number, enclosed.get(number, (0, 0))) for number in range(1, found.count + 1)]


def _region(layer: Layer, found: Components, number: int, enclosed: tuple[int, int]) -> Region:
    x, y, width, height = found.boxes[number].tolist()
    rows, columns = layer.mask.size
    area = int(found.areas[number])
    centroid = found.centroids[number].tolist()
    return Region(
        label=layer.label,
        area_px=area,
        box=(x, y, width, height),
        centroid=(centroid[0], centroid[1]),
        holes=enclosed[0],
        hole_area_px=enclosed[1],
        extent=area / (width * height),
        whole=x > 0 and y > 0 and x + width < columns and y + height < rows,
        score=layer.score,
        mask=layer.mask if found.count == 1 else Mask.from_dense(found.labels == number),
    )


def _enclosed(pixels: NDArray[np.bool_], found: Components) -> Holes:
    """For each component that has any: the number of its holes and their area."""
    gaps, inside = holes(pixels)
    told: Holes = {}
    for number in inside.tolist():
        owner = _around(found, gaps, number)
        count, area = told.get(owner, (0, 0))
        told[owner] = count + 1, area + int(gaps.areas[number])
    return told


def _around(found: Components, gaps: Components, number: int) -> int:
    """The component around a hole: it has the pixel left of the hole's leftmost one."""
    x, y, _, height = gaps.boxes[number].tolist()
    down = int((gaps.labels[y : y + height, x] == number).argmax())
    return int(found.labels[y + down, x - 1])
