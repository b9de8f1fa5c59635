"""Take the noise out of masks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from nodes.transforms.components import components, holes, vision
from pipeline.masks import Mask
from pipeline.node import node
from pipeline.records import Frame, Layer
from pipeline.units import Area, Pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]

Logit = Annotated[float, Meta(description="logit")]


@node()
def clean(
    frame: Frame,
    *,
    threshold: Logit | None = None,
    opening: Pixels = 0,
    closing: Pixels = 0,
    min_area: Area = 25,
    fill_holes: Area = 0,
    keep_largest: bool = False,
) -> Frame:
    """Remove specks from every mask of a frame, and fill pinholes.

    The steps run in the order of the parameters. A mask that nothing was taken from or added to is passed on as it
    is.

    Args:
        threshold: Cut the sensor's scores here instead of taking its mask; a layer without scores keeps its mask.
        opening: Radius of what is too thin to stay; it also takes off burrs.
        closing: Radius of what is too narrow to stay open; it also closes holes and notches.
        min_area: Pieces with fewer pixels are noise.
        fill_holes: Holes with no more pixels than this are noise.
        keep_largest: Keep only the largest piece of each layer.
    """
    todo = Cleaning(threshold, opening, closing, min_area, fill_holes, keep_largest)
    layers = tuple(cleaned(layer, todo) for layer in frame.layers)
    same = all(a is b for a, b in zip(layers, frame.layers, strict=True))
    return frame if same else replace(frame, layers=layers)


class Cleaning(Struct, frozen=True):
    """What is to be done; the parameters of `clean`."""

    threshold: float | None = None
    opening: int = 0
    closing: int = 0
    min_area: int = 0
    fill_holes: int = 0
    keep_largest: bool = False


def cleaned(layer: Layer, todo: Cleaning) -> Layer:
    """The layer with a clean mask; the same object where there was nothing to do."""
    layer = cut(layer, todo.threshold)
    if not (todo.opening or todo.closing or todo.min_area > 1 or todo.fill_holes or todo.keep_largest):
        return layer
    before = layer.mask.dense
    after = _smooth(_smooth(before, "MORPH_OPEN", todo.opening), "MORPH_CLOSE", todo.closing)
    after = _filled(_large(after, todo), todo.fill_holes)
    return layer if after is before else replace(layer, mask=Mask.from_dense(after))


def cut(layer: Layer, threshold: float | None) -> Layer:
    """The layer with the mask of all scores above a threshold, in logits; the same where it has no scores."""
    import numpy as np

    if threshold is None or layer.scores is None:
        return layer
    scores = layer.scores
    # In whole steps: (value - zero_point) * scale > threshold, without a float per pixel.
    steps = math.floor(scores.zero_point + threshold / scores.scale)
    return replace(layer, mask=Mask.from_dense(np.frombuffer(scores.data, np.int8).reshape(scores.size) > steps))


def _smooth(pixels: Dense, operation: str, radius: int) -> Dense:
    if not radius:
        return pixels
    cv2 = vision()
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    smooth: Dense = cv2.morphologyEx(pixels.view("uint8"), getattr(cv2, operation), disc).view(bool)
    return pixels if bool((smooth == pixels).all()) else smooth


def _large(pixels: Dense, todo: Cleaning) -> Dense:
    """Only the pieces that are large enough, or the largest of them."""
    if todo.min_area <= 1 and not todo.keep_largest:
        return pixels
    found = components(pixels)
    least = max(todo.min_area, int(found.areas[1:].max(initial=0)) if todo.keep_largest else 0)
    keep = (found.areas >= least).nonzero()[0]
    chosen = keep[keep > 0][: 1 if todo.keep_largest else None]
    return pixels if len(chosen) == found.count else found.among(chosen)


def _filled(pixels: Dense, most: int) -> Dense:
    """The mask without holes of so few pixels."""
    if not most:
        return pixels
    found, inside = holes(pixels)
    small = inside[found.areas[inside] <= most]
    return pixels | found.among(small) if small.size else pixels
