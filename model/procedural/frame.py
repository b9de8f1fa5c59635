"""What a picture holds of a scene: it ends somewhere, and it may have fewer pixels than a network is shown."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from model.procedural.scene import WORLD
from model.prompt import SIDE, Crop, Mask, Pixels
from nodes.sensors.prompts import Box

ENDS, BOTH, CUTS = 0.3, 0.3, 0.2  # how often a picture ends within view; on two sides; so that it cuts what is meant
COARSE, FEWEST, KEPT = 0.3, 18, 0.2  # how often there are fewer pixels; how few in a crop; how much a mask may change


class Frame(NamedTuple):
    """Where a picture ends, in pixels of the world; what lies beyond is black, as `model.prompt.cut` has it."""

    left: float = 0
    top: float = 0
    right: float = WORLD
    bottom: float = WORLD

    def within(self, crop: Crop, side: int = SIDE) -> Mask:
        """Which pixels of a crop are in the picture, (side, side)."""
        ruler = (np.arange(side) + 0.5) * (crop.side / side)
        x, y = ruler + crop.left, ruler + crop.top
        columns, rows = (x >= self.left) & (x < self.right), (y >= self.top) & (y < self.bottom)
        found: Mask = rows[:, None] & columns
        return found


def framed(box: Box, dice: np.random.Generator) -> Frame:
    """Where a picture ends around something: mostly far away, at times beside it or across it.

    Args:
        box: Of what is meant, px of the world.
        dice: Where the chance comes from.
    """
    if dice.random() >= ENDS:
        return Frame()
    left, top, width, height = box
    ends = [left, top, left + width, top + height]
    sides = dice.choice(4, 1 + (dice.random() < BOTH), replace=False)
    frame = [0.0, 0.0, float(WORLD), float(WORLD)]
    for side in sides:
        away = dice.uniform(-0.25, -0.02) if dice.random() < CUTS else dice.uniform(0, 0.3)
        frame[side] = ends[side] + (1 if side >= 2 else -1) * away * max(width, height)
    return Frame(*map(round, frame))


def coarse(picture: Pixels, mask: Mask, dice: np.random.Generator) -> tuple[Pixels, Mask]:
    """A crop of a picture that has fewer pixels than the crop, and so has its mask; left as it is where much were lost.

    Args:
        picture: (96, 96, 3).
        mask: (96, 96).
        dice: Where the chance comes from.
    """
    if dice.random() >= COARSE:
        return picture, mask
    count = round(math.exp(dice.uniform(math.log(FEWEST), math.log(SIDE))))
    found = _repeated(mask.view(np.uint8) * np.uint8(255), count) >= 128
    if abs(int(found.sum()) - int(mask.sum())) > KEPT * mask.sum():
        return picture, mask
    return _repeated(picture, count), found


def _repeated(image: Pixels, count: int) -> Pixels:
    """Means over some count of pixels a side, each of them repeated."""
    few = cv2.resize(image, (count, count), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(few, image.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
