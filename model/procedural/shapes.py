"""Outlines of parts and of what is wrong with them: polygons and strokes, drawn into any crop at any scale.

Places are (x, y) in pixels of the world that a sample is cut from; (0, 0) is the corner of its first pixel.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from model.prompt import Crop

Points = NDArray[Any]  # float32
Drawn = NDArray[Any]  # uint8
SHIFT = 4  # bits behind the point of a place as OpenCV draws it
FINE = 1 << SHIFT


class Stroke(NamedTuple):
    """A line from point to point: (N, 2), with the width of each of its N − 1 pieces."""

    points: Points
    widths: Points


class Shape(NamedTuple):
    """What is inside any of some polygons and strokes.

    Attributes:
        fills: Polygons, (N, 2) each.
        strokes: Lines.
        holes: Polygons that are taken out again.
        within: Only what is inside this one, too.
        without: Only what is outside this one.
    """

    fills: tuple[Points, ...] = ()
    strokes: tuple[Stroke, ...] = ()
    holes: tuple[Points, ...] = ()
    within: Shape | None = None
    without: Shape | None = None


def draw(shape: Shape, crop: Crop, side: int) -> Drawn:
    """A shape in a crop: (side, side), 255 inside."""
    drawn, scale = np.zeros((side, side), np.uint8), side / crop.side
    for fill in shape.fills:
        cv2.fillPoly(drawn, [_placed(fill, crop, scale)], 255, shift=SHIFT)
    for stroke in shape.strokes:
        places = _placed(stroke.points, crop, scale)
        for begin, end, width in zip(places, places[1:], stroke.widths, strict=False):
            cv2.line(drawn, begin.tolist(), end.tolist(), 255, max(1, round(float(width) * scale)), shift=SHIFT)
    for hole in shape.holes:
        cv2.fillPoly(drawn, [_placed(hole, crop, scale)], 0, shift=SHIFT)
    if shape.within:
        drawn &= draw(shape.within, crop, side)
    if shape.without:
        drawn &= ~draw(shape.without, crop, side)
    return drawn


def _placed(points: Points, crop: Crop, scale: float) -> Drawn:
    places = (points - (crop.left, crop.top)) * scale - 0.5
    return np.rint(places * FINE).astype(np.int32)


def blob(dice: np.random.Generator, radius: float, rough: float = 0.25, corners: int = 40) -> Points:
    """A closed line without symmetry around (0, 0): a circle with a few waves on it.

    Args:
        dice: Where the chance comes from.
        radius: Mean distance from the centre.
        rough: How far it leaves the circle, as a share of the radius.
        corners: Of the polygon.
    """
    angle = np.linspace(0, math.tau, corners, endpoint=False)
    waves = np.arange(2, 7)
    height = dice.normal(0, rough, waves.size) / waves**0.7
    away = 1 + (height * np.sin(waves * angle[:, None] + dice.uniform(0, math.tau, waves.size))).sum(1)
    return _round(radius * away.clip(0.25, 2.0), angle)


def superellipse(power: float, radius: float, corners: int = 48) -> Points:
    """From a diamond (1) over a circle (2) to nearly a square (8)."""
    angle = np.linspace(0, math.tau, corners, endpoint=False)
    away = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    return _round(radius * away, angle)


def star(teeth: int, radius: float, depth: float) -> Points:
    """A gear, or with few and deep teeth a star; with none of depth a polygon of twice as many corners."""
    angle = (
        np.repeat(np.arange(teeth) * (math.tau / teeth), 4) + np.tile((0, 0.16, 0.5, 0.66), teeth) * math.tau / teeth
    )
    away = np.tile((1, 1, 1 - depth, 1 - depth), teeth)
    return _round(radius * away, angle)


def bracket(dice: np.random.Generator, radius: float) -> Points:
    """An L or a T with arms of chance."""
    thick, arm = dice.uniform(0.35, 0.8), dice.uniform(-1, 0.2)
    corners = [
        (-1, -1),
        (1, -1),
        (1, -1 + thick),
        (arm + thick, -1 + thick),
        (arm + thick, 1),
        (arm, 1),
        (arm, -1 + thick),
    ]
    return np.array([*corners, (-1, -1 + thick)], np.float32) * np.float32(radius)


def moved(points: Points, place: tuple[float, float], turn: float, stretch: float = 1.0) -> Points:
    """Made longer one way and shorter across, turned, and put somewhere."""
    across = 1 / math.sqrt(stretch)
    cos, sin = math.cos(turn), math.sin(turn)
    matrix = np.array([[cos, sin], [-sin, cos]]) * [[across * stretch], [across]]
    there: Points = (points @ matrix + place).astype(np.float32)
    return there


def walk(dice: np.random.Generator, length: float, bend: float, steps: int) -> Points:
    """A line that begins at (0, 0) and wanders.

    Args:
        dice: Where the chance comes from.
        length: Along the line.
        bend: How far each step may turn, rad.
        steps: How many.
    """
    turns = dice.normal(0, bend, steps)
    angle = dice.uniform(0, math.tau) + turns.cumsum() - turns.cumsum().mean()
    paces = np.stack([np.cos(angle), np.sin(angle)], 1) * (length / steps)
    return np.concatenate([np.zeros((1, 2)), paces.cumsum(0)]).astype(np.float32)


def _round(away: Points, angle: Points) -> Points:
    return np.stack([away * np.cos(angle), away * np.sin(angle)], 1).astype(np.float32)
