"""Answers without a network: those that only look at the prompt, and classical ones.

A prompt that is drawn around an object says much about it: a network has to be better than its prompt. Each takes a
sample and gives (96, 96); none looks at what is meant.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from model.data.sample import Sample
from model.prompt import SIDE, Mask

NEAR = 24  # steps of brightness from the middle that a flood still reaches
ROUNDS = 4  # of GrabCut


def box(sample: Sample) -> Mask:
    """Everything in the box."""
    found = np.zeros((SIDE, SIDE), np.uint8)
    left, top, right, bottom = _corners(sample)
    found[top:bottom, left:right] = 1
    return found.astype(bool)


def ellipse(sample: Sample) -> Mask:
    """The largest ellipse in the box."""
    x, y, width, height = sample.box
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    across, down = (columns - x - width / 2) / max(width / 2, 0.5), (rows - y - height / 2) / max(height / 2, 0.5)
    inside: Mask = across**2 + down**2 <= 1
    return inside


def disc(sample: Sample) -> Mask:  # noqa: ARG001 - that is the point of it
    """A disc in the middle, a third of the crop wide: what can be said without any picture."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2
    inside: Mask = np.hypot(rows, columns) <= SIDE / 3
    return inside


def otsu(sample: Sample) -> Mask:
    """One threshold for brightness (Otsu, 1979); inside is the side of it that the rim of the crop has less of."""
    _, found = cv2.threshold(_grey(sample), 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    rim = np.concatenate([found[0], found[-1], found[:, 0], found[:, -1]])
    bright = found.astype(bool)
    return (~bright if rim.mean() > 0.5 else bright) & box(sample)


def grabcut(sample: Sample) -> Mask:
    """Colours inside the box against those outside, with smooth borders (Rother et al., 2004)."""
    left, top, right, bottom = _corners(sample)
    if min(right - left, bottom - top) < 2 or (right - left, bottom - top) == (SIDE, SIDE):
        return box(sample)
    marks, inner, outer = np.zeros((SIDE, SIDE), np.uint8), np.zeros((1, 65)), np.zeros((1, 65))
    picture, inside = np.ascontiguousarray(sample.picture[..., ::-1]), (left, top, right - left, bottom - top)
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, marks, inside, outer, inner, ROUNDS, cv2.GC_INIT_WITH_RECT)
    found: Mask = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))
    return found


def flood(sample: Sample) -> Mask:
    """What is connected with the middle and nearly as bright."""
    marks = np.zeros((SIDE + 2, SIDE + 2), np.uint8)
    how = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
    smooth = cv2.medianBlur(_grey(sample), 3)
    cv2.floodFill(smooth, marks, (SIDE // 2, SIDE // 2), 0, NEAR, NEAR, how)
    return marks[1:-1, 1:-1].astype(bool)


TRIVIAL: dict[str, Callable[[Sample], Mask]] = {"box": box, "ellipse": ellipse, "disc": disc}
CLASSICAL: dict[str, Callable[[Sample], Mask]] = {"otsu": otsu, "grabcut": grabcut, "flood": flood}
BASELINES = TRIVIAL | CLASSICAL


def grown(answer: Callable[[Sample], Mask], reach: int) -> Callable[[Sample], Mask]:
    """The same answer with everything within some pixels of it."""
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return lambda sample: cv2.dilate(answer(sample).view(np.uint8), round_).astype(bool)


def _grey(sample: Sample) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(sample.picture), cv2.COLOR_RGB2GRAY)


def _corners(sample: Sample) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the box that is in the crop, whole pixels, at least one of them."""
    x, y, width, height = sample.box
    left, top = (min(max(round(at), 0), SIDE - 1) for at in (x, y))
    right, bottom = (min(max(round(at), low + 1), SIDE) for at, low in ((x + width, left), (y + height, top)))
    return left, top, right, bottom
