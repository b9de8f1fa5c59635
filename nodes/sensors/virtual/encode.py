"""Write what libcamera says about a frame: the same keys, the same bytes, the same Python types.

Arrays come from libcamera as tuples of Python numbers, C structs as tuples of bytes. Both layouts of the output's
description are known: 712 bytes with a frame number, and 708 without, from before libcamera 0.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = 64  # bytes of a network's name
TENSORS, SIDES = 16, 16  # the places there are for outputs, and for the sides of each
OLD = 708
SHARP = 1200  # figure of merit of a sharp picture
BLACK = (4096, 4096, 4096, 4096)


class Shot(Struct, frozen=True, kw_only=True):
    """How one frame was taken.

    Attributes:
        sensor_ns: First row exposed, in the time since the host was booted.
        wall_ns: The same, UTC.
        period_us: From frame to frame.
        exposure_us: How long each row was exposed.
        gain: Of the sensor's amplifiers.
        colour: Gains of red and blue.
        settled: Whether exposure and white balance have settled.
        temperature_c: Of the sensor.
        sharpness: Share of the greatest figure of merit that the lens reaches.
    """

    sensor_ns: int
    wall_ns: int
    period_us: int
    exposure_us: int
    gain: float
    colour: tuple[float, float]
    settled: bool
    temperature_c: float
    sharpness: float = 1.0


def shot(told: Shot, crop: Roi) -> dict[str, Any]:
    """What libcamera says about every frame."""
    return {
        "SensorTimestamp": told.sensor_ns,
        "FrameWallClock": told.wall_ns,
        "ExposureTime": told.exposure_us,
        "AnalogueGain": told.gain,
        "DigitalGain": 1.0,
        "FrameDuration": told.period_us,
        "SensorTemperature": min(max(told.temperature_c, -20.0), 80.0),
        "ScalerCrop": (crop.x, crop.y, crop.width, crop.height),
        "AeState": 2 if told.settled else 1,
        "ColourGains": told.colour,
        "ColourTemperature": 4800,
        "Lux": 400.0,
        "SensorBlackLevels": BLACK,
        "FocusFoM": round(SHARP * told.sharpness),
    }


def inference(
    name: str,
    outputs: Sequence[NDArray[np.float32]],
    size: tuple[int, int],
    *,
    count: int,
    kpi: tuple[int, int],
    layout: int,
) -> dict[str, Any]:
    """What libcamera says besides where a frame has an inference.

    Args:
        name: Of the network.
        outputs: Its outputs; each is written column by column, one after the other.
        size: (height, width) of its input.
        count: `frameCount`, 0…255.
        kpi: Run times of the network and of what follows it, µs.
        layout: Bytes of the output's description.
    """
    old = layout == OLD
    return {
        "CnnOutputTensor": tuple(chain.from_iterable(output.ravel(order="F").tolist() for output in outputs)),
        "CnnOutputTensorInfo": _counted(_outputs(name, tuple(output.shape for output in outputs)), count, old=old),
        "CnnInputTensorInfo": _counted(_input(name, size), count, old=old),
        "CnnKpiInfo": kpi,
    }


def recounted(told: dict[str, Any], count: int, kpi: tuple[int, int]) -> dict[str, Any]:
    """What was said about an inference, as if it were another one with the same answer."""
    again = told | {"CnnKpiInfo": kpi}
    for name, length in (("CnnOutputTensorInfo", OLD), ("CnnInputTensorInfo", NAME + 12)):
        again[name] = _counted(told[name][:length], count, old=len(told[name]) == length)
    return again


def seen(steps: NDArray[np.int8 | np.uint8]) -> dict[str, Any]:
    """What the network saw, where `CnnEnableInputTensor` is on: the bytes of its numbers, plane by plane."""
    return {"CnnInputTensor": tuple(steps.tobytes())}


@cache
def _outputs(name: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """All of the output's description but its frame number."""
    if len(shapes) >= TENSORS:
        return (0,) * (NAME + 4 + TENSORS * 40)  # libcamera's own parser leaves it empty then
    return tuple(_name(name) + struct.pack("<I", len(shapes)) + b"".join(_described(shapes)))


def _described(shapes: tuple[tuple[int, ...], ...]) -> Iterator[bytes]:
    for shape in (*shapes, *[()] * (TENSORS - len(shapes))):
        elements = 1 if shape else 0
        for side in shape:
            elements *= side
        sides = (*shape, *[0] * (SIDES - len(shape)))
        yield struct.pack(f"<II{SIDES}H", elements, len(shape), *sides)


@cache
def _input(name: str, size: tuple[int, int]) -> tuple[int, ...]:
    height, width = size
    return tuple(_name(name) + struct.pack("<III", width, height, 3))


def _name(name: str) -> bytes:
    return name.encode("ascii", "replace")[: NAME - 1].ljust(NAME, b"\0")


def _counted(told: tuple[int, ...], count: int, *, old: bool) -> tuple[int, ...]:
    return told if old else (*told, count, 0, 0, 0)
