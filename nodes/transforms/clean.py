"""Take the noise out of masks."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from nodes.transforms.components import components, holes, vision
from nodes.transforms.fast import compiled
from nodes.transforms.measure import LONGEST, grid
from pipeline.masks import Mask, intersection
from pipeline.node import Flaw, node
from pipeline.records import Frame, Layer
from pipeline.units import Area, Count, Pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]

Logit = Annotated[float, Meta(description="logit")]
Polygon = Annotated[list[tuple[float, float]], Meta(min_length=3, max_length=256, description="mask px")]


def _check(params: Struct) -> list[Flaw]:
    """Flaws that types cannot see."""
    weak, strong = getattr(params, "hysteresis", None), getattr(params, "threshold", None)
    if weak is None:
        return []
    if strong is None:
        return [Flaw(("hysteresis",), "expected `threshold` beside it: what is weak stays where something strong is")]
    wrong = f"expected at most `threshold`, which is {strong:g}, got {weak:g}"
    return [Flaw(("hysteresis",), wrong)] if weak > strong else []


@node(check=_check)
def clean(
    frame: Frame,
    *,
    threshold: Logit | None = None,
    hysteresis: Logit | None = None,
    zone: Polygon | None = None,
    opening: Pixels = 0,
    closing: Pixels = 0,
    min_area: Area = 25,
    keep_largest: Count = 0,
    fill_holes: Area = 0,
) -> Frame:
    """Remove specks from every mask of a frame, and fill pinholes.

    The steps run in the order of the parameters. A mask that nothing was taken from or added to is passed on as it
    is.

    Args:
        threshold: Cut the sensor's scores here instead of taking its mask; a layer without scores keeps its mask.
        hysteresis: Keep what scores more than this as well, in pieces that reach the threshold somewhere.
        zone: Take away pixels whose centres lie outside this polygon; the centre of the first one is (0, 0).
        opening: Radius of what is too thin to stay; it also takes off burrs.
        closing: Radius of what is too narrow to stay open; it also closes holes and notches.
        min_area: Pieces with fewer pixels are noise.
        keep_largest: Keep only so many pieces of each layer, the largest; 0 keeps all.
        fill_holes: Holes with no more pixels than this are noise.
    """
    corners = None if zone is None else tuple(map(tuple, zone))
    todo = Cleaning(threshold, hysteresis, corners, opening, closing, min_area, keep_largest, fill_holes)
    layers = tuple([cleaned(layer, todo) for layer in frame.layers])
    same = all(a is b for a, b in zip(layers, frame.layers, strict=True))
    return frame if same else replace(frame, layers=layers)


class Cleaning(Struct, frozen=True):
    """What is to be done; the parameters of `clean`."""

    threshold: float | None = None
    hysteresis: float | None = None
    zone: tuple[tuple[float, ...], ...] | None = None
    opening: int = 0
    closing: int = 0
    min_area: int = 0
    keep_largest: int = 0
    fill_holes: int = 0

    @property
    def tidies(self) -> bool:
        """Whether there is anything to do to a mask, once it is cut."""
        return bool(self.opening or self.closing or self.min_area > 1 or self.fill_holes or self.keep_largest)


def cleaned(layer: Layer, todo: Cleaning) -> Layer:
    """The layer with a clean mask; the same object where there was nothing to do."""
    trimmed = _trimmed(layer, todo)
    if trimmed is not None:
        return _masked(layer, trimmed)
    layer = clipped(cut(layer, todo.threshold, todo.hysteresis), todo.zone)
    if not todo.tidies:
        return layer
    mask = _tidied(layer.mask, todo)
    return layer if mask is layer.mask else _masked(layer, mask)


def cut(layer: Layer, threshold: float | None, hysteresis: float | None = None) -> Layer:
    """The layer with the mask of all scores above a threshold, in logits; the same where it has no scores.

    Args:
        layer: A layer of a frame.
        threshold: What is strong.
        hysteresis: What is weak: it stays in pieces that have something strong; after Canny (1986).

    Raises:
        MaskError: If the scores are not as many as their size says.
    """
    if threshold is None or layer.scores is None:
        return layer
    scores = layer.scores
    values = grid(scores, scores.size)
    strong = values > _steps(threshold, scores.scale, scores.zero_point)
    if not strong.any():
        return _masked(layer, Mask.empty(scores.size))
    if hysteresis is None:
        return _masked(layer, _own(strong))
    found = components(values > _steps(hysteresis, scores.scale, scores.zero_point))
    return _masked(layer, _own(found.among(found.labels[strong].astype("i8"))))


def clipped(layer: Layer, zone: tuple[tuple[float, ...], ...] | None) -> Layer:
    """The layer less what lies outside a zone; the same where nothing does."""
    if zone is None:
        return layer
    inside = polygon(zone, layer.mask.size)
    mask = intersection(layer.mask, inside)
    return layer if mask.area == layer.mask.area else _masked(layer, mask)


@lru_cache(maxsize=256)
def polygon(corners: tuple[tuple[float, ...], ...], size: tuple[int, int]) -> Mask:
    """The pixels whose centres lie in a polygon or on its border; by the even-odd rule.

    Args:
        corners: (x, y) px each.
        size: (height, width), px.
    """
    import numpy as np

    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    inside, border = np.zeros(size, bool), np.zeros(size, bool)
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        side = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        inside ^= ((y0 > y) != (y1 > y)) & ((side > 0) == (y1 > y0))
        between = (x - x0) * (x - x1) + (y - y0) * (y - y1) <= 0
        border |= (side == 0) & between
    return Mask.from_dense(inside | border)


def _steps(threshold: float, scale: float, zero_point: int) -> int:
    """The value that scores beyond a threshold are above: (value − zero_point) × scale > threshold, in whole steps."""
    return math.floor(zero_point + threshold / scale)


def _own(pixels: Dense) -> Mask:
    """A mask of pixels that nobody else will write to: not copied."""
    pixels.setflags(write=False)
    return Mask((pixels.shape[0], pixels.shape[1]), pixels, None)


def _masked(layer: Layer, mask: Mask) -> Layer:
    """The layer with another mask; `replace` would take three times as long."""
    return Layer(layer.label, mask, layer.score, layer.scores)


def _trimmed(layer: Layer, todo: Cleaning) -> Mask | None:
    """The mask that is cut and tidied in one call, where a kernel does both; else None."""
    threshold, scores, kernels = todo.threshold, layer.scores, compiled.ready()
    if threshold is None or scores is None or todo.hysteresis is not None or todo.zone is not None or not todo.tidies:
        return None
    if kernels is None or max(scores.size) > LONGEST:
        return None
    step = _steps(threshold, scores.scale, scores.zero_point)
    radii, limits = (todo.opening, todo.closing), (todo.min_area, todo.keep_largest, todo.fill_holes)
    return Mask(scores.size, None, kernels.trimmed(grid(scores, scores.size), step, radii, limits).tobytes())


def _tidied(mask: Mask, todo: Cleaning) -> Mask:
    """The same mask where nothing was to be done; by compiled kernels once they are loaded."""
    kernels, none = compiled.ready(), Mask.empty(mask.size)
    if mask.counts == none.counts:
        return mask
    if kernels is None or max(mask.size) > LONGEST:
        return _plain(mask, todo)
    import numpy as np

    counts = np.frombuffer(mask.counts, np.uint8)
    limits = todo.min_area, todo.keep_largest, todo.fill_holes
    told = kernels.tidied(counts, mask.size, (todo.opening, todo.closing), limits)
    return Mask(mask.size, None, told.tobytes()) if len(told) else mask


def _plain(mask: Mask, todo: Cleaning) -> Mask:
    """The same with OpenCV."""
    before = mask.dense
    after = _smooth(_smooth(before, "MORPH_OPEN", todo.opening), "MORPH_CLOSE", todo.closing)
    after = _filled(_large(after, todo), todo.fill_holes)
    return mask if after is before or bool((after == before).all()) else _own(after)


def _smooth(pixels: Dense, operation: str, radius: int) -> Dense:
    if not radius:
        return pixels
    cv2 = vision()
    smooth: Dense = cv2.morphologyEx(pixels.view("uint8"), getattr(cv2, operation), disc(radius)).view(bool)
    return pixels if bool((smooth == pixels).all()) else smooth


@lru_cache(maxsize=64)
def disc(radius: int) -> NDArray[np.uint8]:
    """Every pixel whose centre is at most that far from the middle one's: (2r + 1, 2r + 1) uint8."""
    import numpy as np

    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    inside: NDArray[np.uint8] = (x * x + y * y <= radius * radius).astype(np.uint8)
    return inside


def _large(pixels: Dense, todo: Cleaning) -> Dense:
    """Only the pieces that are large enough, and of those the largest; of two alike the one further left."""
    import numpy as np

    if todo.min_area <= 1 and not todo.keep_largest:
        return pixels
    found = components(pixels)
    keep = np.flatnonzero(found.areas[1:] >= todo.min_area) + 1
    if 0 < todo.keep_largest < len(keep):
        order = sorted(keep.tolist(), key=lambda number: (-int(found.areas[number]), found.first(number)))
        keep = np.array(order[: todo.keep_largest])
    return pixels if len(keep) == found.count else found.among(keep)


def _filled(pixels: Dense, most: int) -> Dense:
    """The mask without holes of so few pixels."""
    if not most:
        return pixels
    found, inside = holes(pixels)
    small = inside[found.areas[inside] <= most]
    return pixels | found.among(small) if small.size else pixels
