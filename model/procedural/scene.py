"""Scenes: layers of shapes on a ground, and which of them is meant."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from model.procedural.shapes import Drawn, Shape, draw
from model.procedural.surface import Colour, Grey, Material
from model.prompt import SIDE, Crop, Mask

WORLD = 1024  # side of what a sample is cut from, px
FINER = 4  # times as fine as a crop are outlines drawn
HALF = 0.5


class Layer(NamedTuple):
    """Something on top of what was there.

    Attributes:
        shape: Where it is.
        material: What it is made of; None where it only changes what is under it.
        tint: What is under it is multiplied by this, RGB.
        light: What is under it becomes so much brighter, 0…255.
        soft: How wide its edge is, px of the world; its outline is in the middle of that.
        relief: How far it stands out of the ground, or lies in it: its edges catch light, 0…255.
        shadow: How much darker it makes the ground beside it, 0…1.
        alpha: How much of it is there, 0…1.
    """

    shape: Shape
    material: Material | None = None
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    light: float = 0.0
    soft: float = 0.0
    relief: float = 0.0
    shadow: float = 0.0
    alpha: float = 1.0


class Scene(NamedTuple):
    """What a camera could look at.

    Attributes:
        ground: What everything lies on.
        layers: From the lowest to the highest.
        target: What is meant.
        rivals: (x, y) of things that are like it.
        lamp: Where light comes from, rad.
    """

    ground: Material
    layers: list[Layer]
    target: Shape
    rivals: list[tuple[float, float]]
    lamp: float

    def seen(self, crop: Crop) -> Colour:
        """(96, 96, 3) RGB, 0…255, not yet photographed."""
        found = self.ground.seen(crop)
        for layer in self.layers:
            found = _painted(found, layer, crop, self.lamp)
        return found

    def mask(self, crop: Crop) -> Mask:
        """Which pixels are the target by at least half."""
        return cover(self.target, crop) >= HALF

    def outline(self) -> Drawn:
        """The target in the whole world, (1024, 1024), 255 inside."""
        return draw(self.target, Crop(0, 0, WORLD), WORLD)


def cover(shape: Shape, crop: Crop) -> Grey:
    """Which share of each pixel of a crop a shape covers: (96, 96), 0…1."""
    fine = draw(shape, crop, FINER * SIDE)
    return cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)


def _painted(under: Colour, layer: Layer, crop: Crop, lamp: float) -> Colour:
    share, scale = cover(layer.shape, crop), SIDE / crop.side
    if not share.any():
        return under
    if layer.shadow:
        under = under * (1 - np.float32(layer.shadow) * _shadow(share, lamp))[..., None]
    edge = _blurred(share, layer.soft * scale)
    over = layer.material.seen(crop) if layer.material else under * np.array(layer.tint, np.float32) + layer.light
    painted = under + (over - under) * (edge * np.float32(layer.alpha))[..., None]
    if layer.relief:
        painted = painted + (np.float32(layer.relief) * _slope(share, lamp))[..., None]
    return painted.astype(np.float32, copy=False)


def _blurred(share: Grey, sigma: float) -> Grey:
    return cv2.GaussianBlur(share, (0, 0), sigma) if sigma > 0.3 else share


def _shadow(share: Grey, lamp: float) -> Grey:
    """What lies behind it, as the lamp sees it."""
    matrix = np.array([[1, 0, 3.5 * math.cos(lamp)], [0, 1, 3.5 * math.sin(lamp)]], np.float32)
    return _blurred(cv2.warpAffine(share, matrix, (SIDE, SIDE)), 2.0)


def _slope(share: Grey, lamp: float) -> Grey:
    """How much its edges turn towards the lamp, −1…1."""
    smooth = _blurred(share, 0.8)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *way, ksize=3, scale=0.25) for way in ((1, 0), (0, 1)))
    return -np.float32(math.cos(lamp)) * across - np.float32(math.sin(lamp)) * down
