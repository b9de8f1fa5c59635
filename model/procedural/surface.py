"""What things are made of: cast, brushed, woven, printed, tiled surfaces, seen through a crop at its scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from model.prompt import SIDE, Crop

Grey = NDArray[Any]  # float32; OpenCV does not say so
Colour = NDArray[Any]  # float32
FIELD = 256  # side of a field of noise, px; it repeats


class Material(NamedTuple):
    """A surface that looks the same wherever it is seen.

    Attributes:
        colour: Its mean, RGB, 0…255.
        strength: How much brighter and darker its grain is.
        grain: Its pattern of a crop, about −2…2, mean 0.
    """

    colour: Colour
    strength: float
    grain: Callable[[Crop], Grey]

    def seen(self, crop: Crop) -> Colour:
        """(96, 96, 3), 0…255 and a little beyond."""
        return self.colour + (self.strength * self.grain(crop))[..., None]


class Fields:
    """Noise of several kinds, made once; every surface is a piece of one of them, turned and scaled.

    Args:
        seed: Another seed, other surfaces.
    """

    def __init__(self, seed: int) -> None:
        dice = np.random.default_rng([seed, 1])
        rough = [_noise(dice, slope) for slope in (0.6, 1.0, 1.5, 2.0, 2.6)]
        brushed = [_noise(dice, slope, squeeze) for slope, squeeze in ((1.0, 12.0), (1.5, 30.0), (2.0, 6.0))]
        ridged = [_normal(-np.abs(field)) for field in (rough[2], rough[4])]
        self._fields = [*rough, *brushed, *ridged, *(_cells(dice, count) for count in (60, 250))]

    def material(self, dice: np.random.Generator, colour: Colour) -> Material:
        """A surface of some colour."""
        grain = self._field(dice) if dice.random() < 0.6 else PATTERNS[dice.integers(len(PATTERNS))](dice)
        if dice.random() < 0.4:
            grain = _both(grain, self._field(dice))
        return Material(colour, float(dice.gamma(1.6, 6.0)), grain)

    def _field(self, dice: np.random.Generator) -> Callable[[Crop], Grey]:
        field = self._fields[dice.integers(len(self._fields))]
        turn, scale = dice.uniform(0, math.tau), math.exp(dice.uniform(-1.2, 0.9))
        cos, sin, (x, y) = scale * math.cos(turn), scale * math.sin(turn), dice.uniform(0, FIELD, 2)

        def grain(crop: Crop) -> Grey:
            step = crop.side / SIDE
            there = (cos * crop.left - sin * crop.top + x, sin * crop.left + cos * crop.top + y)
            matrix = np.array([[cos * step, -sin * step, there[0]], [sin * step, cos * step, there[1]]])
            how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            return cv2.warpAffine(field, matrix, (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_WRAP)

        return grain


def _noise(dice: np.random.Generator, slope: float, squeeze: float = 1.0) -> Grey:
    """Noise whose amplitude falls with frequency to the power of a slope; squeezed, it is drawn out one way."""
    across, down = np.fft.rfftfreq(FIELD) * squeeze, np.fft.fftfreq(FIELD)[:, None]
    frequency = np.hypot(across, down)
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(dice.standard_normal((FIELD, FIELD))) / np.maximum(frequency, 2 / FIELD) ** slope
    return _normal(np.fft.irfft2(waves, (FIELD, FIELD)))


def _cells(dice: np.random.Generator, count: int) -> Grey:
    """Grains that touch: how far each place is from the nearest of some points (Worley, 1996)."""
    seeds = np.full((FIELD, FIELD), 255, np.uint8)
    seeds[tuple(dice.integers(0, FIELD, (2, count)))] = 0
    around = cv2.copyMakeBorder(seeds, *(FIELD // 4,) * 4, cv2.BORDER_WRAP)
    away = cv2.distanceTransform(around, cv2.DIST_L2, 5)
    return _normal(away[FIELD // 4 : -FIELD // 4, FIELD // 4 : -FIELD // 4])


def _normal(field: Grey) -> Grey:
    return np.ascontiguousarray((field - field.mean()) / (field.std() + 1e-9), np.float32)


def _both(one: Callable[[Crop], Grey], other: Callable[[Crop], Grey]) -> Callable[[Crop], Grey]:
    return lambda crop: 0.7 * one(crop) + 0.7 * other(crop)


def _turned(dice: np.random.Generator) -> Callable[[Crop], tuple[Grey, Grey]]:
    """Coordinates along and across, in periods of a pattern, with the axes turned."""
    turn, period = dice.choice([0.0, math.pi / 4, dice.uniform(0, math.tau)]), math.exp(dice.uniform(1.6, 4.2))
    cos, sin = math.cos(turn) / period, math.sin(turn) / period

    def places(crop: Crop) -> tuple[Grey, Grey]:
        ruler = (np.arange(SIDE, dtype=np.float32) + 0.5) * np.float32(crop.side / SIDE)
        x, y = (ruler + crop.left)[None, :], (ruler + crop.top)[:, None]
        return (cos * x - sin * y).astype(np.float32), (sin * x + cos * y).astype(np.float32)

    return places


def _stripes(dice: np.random.Generator) -> Callable[[Crop], Grey]:
    places, sharp = _turned(dice), dice.uniform(1, 6)
    return lambda crop: np.tanh(np.float32(sharp) * np.sin(np.float32(math.tau) * places(crop)[0]))


def _weave(dice: np.random.Generator) -> Callable[[Crop], Grey]:
    places = _turned(dice)

    def grain(crop: Crop) -> Grey:
        along, across = (np.sin(np.float32(math.tau) * each) for each in places(crop))
        return np.where(along * across > 0, np.abs(along), np.abs(across)) * np.float32(2) - np.float32(1.2)

    return grain


def _dots(dice: np.random.Generator) -> Callable[[Crop], Grey]:
    places, size, sign = _turned(dice), dice.uniform(0.2, 0.45), dice.choice([-1.0, 1.0])

    def grain(crop: Crop) -> Grey:
        along, across = (each - np.rint(each) for each in places(crop))
        dot: Grey = np.tanh(np.float32(12) * (np.float32(size) - np.hypot(along, across)))
        return dot * np.float32(sign)

    return grain


def _tiles(dice: np.random.Generator) -> Callable[[Crop], Grey]:
    places, joint, shift = _turned(dice), dice.uniform(0.03, 0.12), dice.choice([0.0, 0.5])

    def grain(crop: Crop) -> Grey:
        along, across = places(crop)
        along = along / 2 + np.float32(shift) * (np.floor(across) % 2)
        nearest = np.minimum(2 * np.abs(along - np.rint(along)), np.abs(across - np.rint(across)))
        return np.where(nearest < joint, np.float32(-1.6), np.float32(0.3))

    return grain


PATTERNS = (_stripes, _weave, _dots, _tiles)
