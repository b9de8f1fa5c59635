"""What light, lens and sensor make of a scene: the last thing that happens to a sample."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from model.prompt import SIDE, Pixels

Colour = NDArray[Any]  # float32

BRIGHT = 175.0  # mean above which a camera's automatic exposure takes light away

_RULER = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE - 0.5


def taken(scene: Colour, dice: np.random.Generator) -> Pixels:
    """A photograph of (96, 96, 3), 0…255: lit unevenly, out of focus or in motion, with noise, in 8 bits."""
    seen = scene * (_light(dice) * dice.normal(1, 0.05, 3).astype(np.float32))
    seen = seen * min(1.0, BRIGHT / float(seen.mean()))
    if dice.random() < 0.3:
        seen = np.repeat(seen @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
    seen = _noisy(_blurred(seen, dice), dice)
    return np.rint(_response(seen, dice)).clip(0, 255).astype(np.uint8)


def _light(dice: np.random.Generator) -> Colour:
    """A lamp to one side, a lens that is darker at its edge, sometimes a reflection: (96, 96, 1), about 1."""
    (across, down), edge = dice.normal(0, 0.22, 2), abs(dice.normal(0, 0.25))
    light = 1 + np.float32(across) * _RULER[None, :] + np.float32(down) * _RULER[:, None]
    light = light - np.float32(edge) * (_RULER[None, :] ** 2 + _RULER[:, None] ** 2)
    if dice.random() < 0.2:
        x, y, wide = *dice.uniform(-0.6, 0.6, 2), dice.uniform(0.08, 0.3)
        away = ((_RULER[None, :] - np.float32(x)) ** 2 + (_RULER[:, None] - np.float32(y)) ** 2) / np.float32(wide**2)
        light = light + np.float32(dice.uniform(0.1, 0.7)) * np.exp(-away)
    return (light * np.float32(math.exp(dice.normal(0, 0.2))))[..., None]


def _blurred(seen: Colour, dice: np.random.Generator) -> Colour:
    if (sigma := abs(dice.normal(0, 0.6))) > 0.2:
        seen = cv2.GaussianBlur(seen, (0, 0), sigma)
    if dice.random() < 0.12:
        length = int(dice.integers(2, 5))
        kernel = np.zeros((5, 5), np.float32)
        angle = dice.uniform(0, math.pi)
        for place in np.linspace(-length / 2, length / 2, 9):
            kernel[round(2 + place * math.sin(angle)), round(2 + place * math.cos(angle))] += 1
        seen = cv2.filter2D(seen, -1, kernel / kernel.sum())
    return seen


def _noisy(seen: Colour, dice: np.random.Generator) -> Colour:
    """Photons are counted, so bright pixels vary more; a floor of the amplifier's is under all of them."""
    floor, photons = abs(dice.normal(0, 2.0)), abs(dice.normal(0, 0.25))
    spread: Colour = np.sqrt(np.float32(floor**2) + np.float32(photons**2) * seen.clip(0))
    return seen + spread * dice.standard_normal(seen.shape, np.float32)


def _response(seen: Colour, dice: np.random.Generator) -> Colour:
    """How numbers follow light: a gamma and an offset of the image processor."""
    gamma, black = math.exp(dice.normal(0, 0.18)), dice.normal(0, 4)
    curved: Colour = 255 * (seen.clip(0, 400) / 255) ** np.float32(gamma) + np.float32(black)
    return curved
