"""Regions that have been measured in millimetres as well, under a calibration."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from nodes.transforms.measure import measured
from nodes.transforms.metric import plane
from pipeline.calibration import Calibration
from pipeline.masks import Mask
from pipeline.records import Region
from tests.nodes.scenes import SIZE, Box, frame, rectangle


def calibrated(box: Box, pixel: float = 0.5, label: str = "part", **fields: Any) -> Region:
    """A rectangle in a plane where a pixel has `pixel` mm."""
    known = Calibration("plane-7", "2026-11-22", scale=pixel, of="mask")
    (found,) = measured(frame(rectangle(box), label=label), seen=plane(known, SIZE, None)).regions
    return replace(found, mask=Mask.empty(SIZE), **fields)
