"""Frames and regions drawn by hand for the tests of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.masks import Mask
from pipeline.records import Frame, Gap, Layer, Region, Regions

SIZE = (96, 96)
Box = tuple[float, float, float, float]


def pixels(*rows: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(H, W) bool of text rows: anything but a dot or a space is set."""
    return np.array([[c not in ". " for c in row] for row in rows], bool)


def frame(*layers: np.ndarray[Any, np.dtype[Any]], label: str = "part", **fields: Any) -> Frame:
    """A frame with one layer per array; all have the size of the first."""
    told: dict[str, Any] = {"camera": "cam-1", "session": "s1", "seq": 0, "t_ns": 0} | fields
    return Frame(size=layers[0].shape, layers=tuple(Layer(label, Mask.from_dense(each)) for each in layers), **told)


def rectangle(box: Box, size: tuple[int, int] = SIZE) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The pixels of a full rectangle, clipped by the view: (H, W) bool."""
    found = np.zeros(size, bool)
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    found[top : max(0, round(box[1] + box[3])), left : max(0, round(box[0] + box[2]))] = True
    return found


def region(box: Box, size: tuple[int, int] = SIZE, label: str = "part", **fields: Any) -> Region | None:
    """A full rectangle, clipped by the view; None where nothing of it is in view."""
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(size[1], round(box[0] + box[2])), min(size[0], round(box[1] + box[3]))
    width, height = right - left, bottom - top
    if width <= 0 or height <= 0:
        return None
    told: dict[str, Any] = {
        "area_px": width * height,
        "holes": 0,
        "hole_area_px": 0,
        "extent": 1.0,
        "whole": left > 0 and top > 0 and right < size[1] and bottom < size[0],
        "score": 1.0,
        "mask": Mask.empty(size),
    } | fields
    return Region(
        label=label,
        box=(left, top, width, height),
        centroid=(left + (width - 1) / 2, top + (height - 1) / 2),
        **told,
    )


def regions(seq: int, boxes: Iterable[Box], size: tuple[int, int] = SIZE, **fields: Any) -> Regions:
    """A frame in which these rectangles were measured."""
    told: dict[str, Any] = {"camera": "cam-1", "session": "s1", "t_ns": seq * 1000} | fields
    seen = tuple(each for box in boxes if (each := region(box, size)) is not None)
    return Regions(seq=seq, size=size, regions=seen, **told)


PITCH = 60.0


def lags(count: int) -> list[float]:
    """How far each part of `belt` is behind the belt's origin, px; pitches differ by a tenth."""
    return [n * PITCH + (n * 37 % 13 - 6) / 60 * PITCH for n in range(count)]


def belt(speeds: Sequence[float], length: float = 30.0, start: float = 0.0) -> list[Regions]:
    """A belt that moves by `speeds[i]` px between frame i and the next, with parts from its origin on backwards."""
    frames, place = [], start
    for seq, speed in enumerate(speeds):
        behind = lags(int((place + 2 * length) / PITCH) + 2)
        frames.append(regions(seq, [(place - lag - length, 30.0, length, 36.0) for lag in behind]))
        place += speed
    return frames


def gap(first: int, last: int, **fields: Any) -> Gap:
    """Frames that are missing."""
    told: dict[str, Any] = {"camera": "cam-1", "session": "s1", "t_ns": first * 1000, "reason": "overflow"} | fields
    return Gap(seq=first, last=last, where="test", **told)
