"""The prompt of a picture is a crop of it: the very crop that a sensor would be told, cut as a virtual sensor sees it.

Boxes are (x, y, width, height) in whole pixels, crops (left, top, side); the centre of the top-left pixel is (0, 0). A
crop that leaves the picture stays square and centred, and what lies outside is black: nothing is stretched.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nodes.sensors.geometry import to_mask
from nodes.sensors.prompts import Box, Prompt, spots
from nodes.sensors.roi import centred
from nodes.sensors.virtual.scene import resampled
from pipeline.records import Roi

SIDE = 96  # of what a network reads, px
LEAST = 8  # of a crop of a picture, px: the sensor's own least is of its array, which no picture fills

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Logits = NDArray[np.float32]


class Crop(NamedTuple):
    """A square of a picture; it may leave it."""

    left: int
    top: int
    side: int


def crop_of(prompt: Prompt) -> Crop:
    """The crop of a point or a box; a sensor whose array were this picture would be told the same one.

    Args:
        prompt: A `point` with its `size`, or a `box` with its `margin`, in pixels of the picture.
    """
    ((x, y, side),) = spots(prompt)
    return Crop(*centred(x, y, max(side, LEAST)))


def cut(picture: Pixels, crop: Crop, side: int = SIDE) -> Pixels:
    """What a network is shown of a picture, (H, W, 3), RGB or (H, W): (side, side, 3) or (side, side)."""
    seen = resampled(np.atleast_3d(picture), _box(crop), (side, side))
    return np.rint(seen).clip(0, 255).astype(np.uint8).reshape(side, side, *picture.shape[2:])


def cut_mask(mask: Mask, crop: Crop, side: int = SIDE) -> Mask:
    """Which pixels of a crop are inside a mask, (H, W), by at least half."""
    inside: Mask = resampled(mask.view(np.uint8)[..., None], _box(crop), (side, side))[..., 0] >= 0.5
    return inside


def back(mask: Mask, crop: Crop, size: tuple[int, int]) -> Mask:
    """A network's mask in the pixels of the picture it was cut from: the inverse of `cut_mask`.

    Args:
        mask: (side, side).
        crop: Where it was cut.
        size: (height, width) of the picture.
    """
    at = Roi(0, 0, crop.side, crop.side)
    columns, rows = (np.arange(room) - begin for room, begin in ((size[1], crop.left), (size[0], crop.top)))
    shape = mask.shape[1], mask.shape[0]
    across = np.array([to_mask(at, shape, float(column), 0.0).x for column in columns])
    down = np.array([to_mask(at, shape, 0.0, float(row)).y for row in rows])
    padded = np.pad(mask, 1)
    indices = [(np.rint(each).astype(int) + 1).clip(0, mask.shape[0] + 1) for each in (down, across)]
    found: Mask = padded[np.ix_(*indices)]
    return found


def box_of(mask: Mask) -> Box:
    """The smallest box around a mask.

    Raises:
        ValueError: If it is empty.
    """
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        raise ValueError("expected a mask with a pixel set, found an empty one")
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def point_of(mask: Mask) -> tuple[int, int]:
    """(x, y) that a person would click: the middle of the box, or the pixel of the mask that is nearest to it."""
    left, top, width, height = box_of(mask)
    rows, columns = np.nonzero(mask)
    away = (columns - (left + width / 2 - 0.5)) ** 2 + (rows - (top + height / 2 - 0.5)) ** 2
    nearest = int(away.argmin())
    return int(columns[nearest]), int(rows[nearest])


def jittered(box: Box, share: float, dice: np.random.Generator) -> Box:
    """A box as somebody draws it who is not careful, as PicoSAM3's authors measure it.

    Args:
        box: The exact one.
        share: Its centre moves by up to half of this share of its sides, and each side is another by a normal
            deviate of half of this share.
        dice: Where the chance comes from.
    """
    moves, grows = dice.uniform(-share / 2, share / 2, 2), dice.normal(1, share / 2, 2)
    sides = [max(1.0, length * max(grow, 0.1)) for length, grow in zip(box[2:], grows, strict=True)]
    begins = [
        at + length / 2 + move * length - side / 2
        for at, length, move, side in zip(box[:2], box[2:], moves, sides, strict=True)
    ]
    x, y, width, height = (round(each) for each in (*begins, *sides))
    return x, y, max(1, width), max(1, height)


def _box(crop: Crop) -> tuple[float, float, float, float]:
    return crop.left, crop.top, crop.left + crop.side, crop.top + crop.side
