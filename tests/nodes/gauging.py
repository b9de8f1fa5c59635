"""Layouts, golden masks and shapes with known millimetres for the tests of `gauge`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from nodes.transforms.clean import polygon
from nodes.transforms.gauge import gauge
from nodes.transforms.measure import measured
from nodes.transforms.views import View
from pipeline.calibrating import text as calibration_text
from pipeline.calibration import Calibration
from pipeline.gauges import Gauge
from pipeline.golden import made, text
from pipeline.masks import Mask
from pipeline.records import Regions
from tests.nodes.scenes import SIZE, frame

Dense = np.ndarray[Any, np.dtype[np.bool_]]
Point = tuple[float, float]

PIXEL = 0.5  # mm
HAIR = 1e-6  # px
L = ((20, 20), (40, 20), (40, 45), (65, 45), (65, 60), (20, 60))  # no symmetry: it lies in one way only


def drawn(*corners: Sequence[Point], size: tuple[int, int] = SIZE) -> Dense:
    """Polygons as pixels: corners lie between pixels, (0, 0) is the corner of the first one."""
    found = np.zeros(size, bool)
    for each in corners:
        # A hair to the right and down: a pixel whose centre lies on a border is in the shape on one side alone.
        found |= polygon(tuple((x - 0.5 + HAIR, y - 0.5 + HAIR) for x, y in each), size).dense
    return found


def box(left: float, top: float, width: float, height: float) -> tuple[Point, ...]:
    """The corners of a rectangle."""
    return (left, top), (left + width, top), (left + width, top + height), (left, top + height)


def turned(corners: Sequence[Point], angle: float, about: Point, by: Point = (0.0, 0.0)) -> tuple[Point, ...]:
    """Corners turned clockwise on a screen about a point, and moved."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    (a, b), (c, d) = about, by
    return tuple((a + c + cos * (x - a) - sin * (y - b), b + d + sin * (x - a) + cos * (y - b)) for x, y in corners)


def golden(folder: Path, pixels: Dense, name: str = "plate", **told: Any) -> str:
    """A file with a golden mask."""
    path = folder / f"{name}.golden.yaml"
    path.write_text(text(made(Mask.from_dense(pixels), id=name, date="2026-11-26", **told)), encoding="utf-8")
    return str(path)


def scaled(folder: Path, pixel: float = PIXEL, **told: Any) -> str:
    """A file with a calibration by which a mask pixel has so many mm."""
    path = folder / f"plane-{pixel}.yaml"
    if not path.exists():
        known = Calibration("plane-7", "2026-11-22", scale=pixel, of="mask", **told)
        path.write_text(calibration_text(known), encoding="utf-8")
    return str(path)


def seen(pixels: Dense, label: str = "part", **fields: Any) -> Regions:
    """A measured frame."""
    found = measured(frame(pixels, label=label))
    return replace(found, **fields)


def tools(
    record: Dense | Regions, view: View, *, calibration: str | None = None, prompt: str = "*", each: str = "region"
) -> dict[str, Gauge]:
    """What the tools of a view say of the last region of a frame, by name."""
    regions = record if isinstance(record, Regions) else seen(record)
    (found,) = gauge(iter([regions]), views={prompt: view}, calibration=calibration, each=each)  # type: ignore[arg-type]
    assert isinstance(found, Regions)
    return {each.tool: each for each in found.regions[-1].gauges}
