"""Regions that have been measured in millimetres as well, under a calibration."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from nodes.transforms import measures
from pipeline.records import Region
from tests.nodes.scenes import Box, region


class Shape(Struct, frozen=True):
    """What an outline is like, in pixels."""

    length_px: float
    angle_deg: float


class Metric(Struct, frozen=True):
    """What the same is like in the plane of the belt."""

    area_mm2: float
    length_mm: float
    centroid_mm: tuple[float, float]
    angle_deg: float
    pixel_mm: float
    calibration: str


class Calibrated(Region, frozen=True):
    """A region that knows more of itself than those of this version."""

    shape: Shape | None = None
    metric: Metric | None = None


@pytest.fixture
def millimetres(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules speak of whatever regions have."""
    monkeypatch.setattr(measures, "REGION", Calibrated)


def calibrated(box: Box, pixel: float = 0.5, label: str = "part", **fields: Any) -> Calibrated:
    """A rectangle in a plane where a pixel has `pixel` mm."""
    plain = region(box, label=label)
    assert plain is not None
    width, height = plain.box[2:]
    metric = Metric(
        area_mm2=plain.area_px * pixel**2,
        length_mm=max(width, height) * pixel,
        centroid_mm=(plain.centroid[0] * pixel, plain.centroid[1] * pixel),
        angle_deg=0.0,
        pixel_mm=pixel,
        calibration="plane-7",
    )
    same = {name: getattr(plain, name) for name in plain.__struct_fields__}
    told: dict[str, Any] = {"metric": metric, "shape": Shape(float(max(width, height)), 0.0)} | fields
    return Calibrated(**same | told)
