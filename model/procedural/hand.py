"""Outlines as people draw them: around what is seen rather than along it, smoother than it is, in straight pieces."""

from __future__ import annotations

import cv2
import numpy as np

from model.procedural.shapes import Drawn
from model.prompt import box_of

AWAY, SMOOTH, CORNERS = 0.06, 0.04, 0.01  # at most, as shares of the longer side of what is drawn around
LEAST = 1.0  # px of the picture: nobody draws finer


def drawn(outline: Drawn, dice: np.random.Generator) -> Drawn:
    """What somebody marks who means an outline: wider, with shallower bays, with straight pieces between corners.

    It is how sets of defects are marked: a crack as a band of some width, a hole with its rim. How far away is another
    thing each time; nothing of the outline itself is left out but what lies between two corners.

    Args:
        outline: (H, W), not 0 inside.
        dice: How far away, how smooth, how many corners.

    Returns:
        (H, W), 255 inside.
    """
    left, top, width, height = box_of(outline > 0)
    length = max(width, height)
    away, smooth, corners = (float(dice.uniform(0, most)) * length for most in (AWAY, SMOOTH, CORNERS))
    room = int(away + smooth + corners) + 2
    rows, columns = _window(top, height, room, outline.shape[0]), _window(left, width, room, outline.shape[1])
    grown = _grown(outline[rows, columns], away + smooth)
    found = np.zeros(outline.shape, np.uint8)
    found[rows, columns] = _cornered(255 - _grown(255 - grown, smooth), max(corners, LEAST))
    return found


def _window(begin: int, length: int, room: int, end: int) -> slice:
    return slice(max(0, begin - room), min(end, begin + length + room))


def _grown(inside: Drawn, reach: float) -> Drawn:
    """Everything within a distance of what is inside, px: 255."""
    away = cv2.distanceTransform((inside == 0).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.where(away <= reach, 255, 0).astype(np.uint8)


def _cornered(inside: Drawn, slack: float) -> Drawn:
    """Polygons instead of outlines, nowhere further from them than that, px (Douglas and Peucker, 1973)."""
    outlines, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    found = np.zeros_like(inside)
    cv2.fillPoly(found, [cv2.approxPolyDP(each, slack, closed=True) for each in outlines], 255)
    return found
