"""Measure what a mask shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta
from msgspec.structs import replace

from nodes.transforms import plain
from nodes.transforms.contours import points
from nodes.transforms.fast import compiled
from nodes.transforms.metric import Plane, metric, plane
from pipeline.calibration import open_calibration, read_calibration
from pipeline.errors import MaskError
from pipeline.masks import Mask
from pipeline.node import node
from pipeline.records import Frame, Layer, Measured, Region, Regions, Scores
from pipeline.shapes import Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 1 << 16  # px of a side, of which sums of products of coordinates stay below 63 bits


CalibrationFile = Annotated[str, Meta(description="a file", extra={"beside": True, "read": read_calibration})]


@node()
def measure(frame: Frame, *, calibration: CalibrationFile | None = None) -> Regions | None:
    """Find the connected pieces of every mask and measure each: area, place, outline, holes, oriented box, shape.

    Pixels that touch at a corner are connected. Regions are in the order of their leftmost pixels. All numbers are in
    mask pixels, the centre of the top-left pixel is (0, 0); and in mm as well, where there is a calibration. Nothing
    is measured while the crop of a camera settles: its masks may be of another place.

    Args:
        calibration: How sensor pixels become mm; `kensa calibrate` makes it. A relative path starts at the folder of
            the topology.
    """
    if frame.epoch == "settling":
        return None
    seen = None if calibration is None else plane(open_calibration(calibration), frame.size, frame.roi)
    return measured(frame, frame.epoch, seen)


def measured(frame: Frame, epoch: Measured = "settled", seen: Plane | None = None) -> Regions:
    """Everything that a frame's masks show; in mm as well, where it is known what they see of the plane."""
    return Regions(
        camera=frame.camera,
        session=frame.session,
        seq=frame.seq,
        t_ns=frame.t_ns,
        size=frame.size,
        regions=tuple([region for layer in frame.layers for region in regions(layer, seen)]),
        prompt=frame.prompt,
        model=frame.model,
        epoch=epoch,
        roi=frame.roi,
        encoder=frame.encoder,
        reading=frame.reading,
        calibration="" if seen is None else seen.calibration.id,
    )


def regions(layer: Layer, seen: Plane | None = None) -> Iterator[Region]:
    """Every connected piece of a layer, in the order of their first pixels, down the columns.

    Raises:
        MaskError: If the layer's scores are not of its mask.
    """
    mask, scores = layer.mask, layer.scores
    whole, figures, told, code = counted(mask, scores)
    at = walked = 0
    for numbers, floats in zip(whole, figures, strict=True):
        end, steps = numbers[17], numbers[19]
        own = mask if len(whole) == 1 else Mask(mask.size, None, told[at:end])
        region = _region(layer, own, numbers, floats)
        if seen is not None:
            border = points((numbers[1], numbers[18]), code[walked : walked + steps])
            region = replace(region, metric=metric(region, border, seen))
        yield region
        at, walked = end, walked + steps


def counted(mask: Mask, scores: Scores | None) -> tuple[list[Any], list[Any], bytes, bytes]:
    """What is counted on each piece of a mask, by compiled kernels once they are loaded; see `fast.counting`."""
    kernels = compiled.ready()
    values = None if scores is None else grid(scores, mask.size)
    if mask.counts == Mask.empty(mask.size).counts:
        return [], [], b"", b""
    if kernels is None or max(mask.size) > LONGEST:
        return plain.counted(mask, values)
    import numpy as np

    counts = np.frombuffer(mask.counts, np.uint8)
    whole, figures, told, code = kernels.counted(counts, mask.size, _none() if values is None else values)
    return whole.tolist(), figures.tolist(), told.tobytes(), code.tobytes()


def grid(scores: Scores, size: tuple[int, int]) -> NDArray[np.int8]:
    """The values of scores: (H, W) int8.

    Raises:
        MaskError: If they are not of that size.
    """
    import numpy as np

    if len(scores.data) != size[0] * size[1] or scores.size != size:
        shape, length = f"{scores.size[0]}×{scores.size[1]}", len(scores.data)
        raise MaskError(f"expected {size[0]}×{size[1]} scores, found {length} bytes of {shape}")
    return np.ndarray(size, np.int8, scores.data)


@cache
def _none() -> NDArray[np.int8]:
    import numpy as np

    return np.frombuffer(b"", np.int8).reshape(0, 0)


def _region(layer: Layer, mask: Mask, numbers: list[int], figures: list[float]) -> Region:
    area, left, top, right, bottom, x, y = numbers[:7]
    width, height = right - left, bottom - top
    scores = layer.scores
    return Region(
        layer.label,
        area,
        (left, top, width, height),
        (x / area, y / area),
        numbers[10],
        numbers[11],
        area / (width * height),
        left > 0 and top > 0 and right < mask.size[1] and bottom < mask.size[0],
        layer.score,
        mask,
        _shape(numbers, figures),
        None,
        None if scores is None else (numbers[16] / area - scores.zero_point) * scores.scale,
    )


def _shape(numbers: list[int], figures: list[float]) -> Shape:
    dx, dy, span, breadth = numbers[12:16]
    norm = math.sqrt(dx * dx + dy * dy)
    angle = math.degrees(math.atan2(dy, dx))
    if breadth > span:
        span, breadth, angle = breadth, span, angle + 90.0
    perimeter, diameter, eccentricity, solidity = figures
    return Shape(perimeter, span / norm, breadth / norm, angle, diameter, eccentricity, solidity)
