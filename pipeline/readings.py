"""What a camera reads off itself at an exposure: with each frame for the archive, and the newest for monitoring.

Sources note the newest; the supervisor shows it as metrics. Nothing is decided by either.
"""

from __future__ import annotations

from msgspec import Struct

from pipeline.fields import Int64


class Reading(Struct, frozen=True):
    """What a camera said of itself and of the light; None where it did not say, never zero.

    Attributes:
        exposure_us: How long each row was exposed, µs.
        gain: Of its amplifiers, before the numbers are made (analogue); 1 is none.
        temperature_c: Of the sensor, °C.
        dnn_us: Run time of its network, µs.
        dsp_us: Run time of what follows that on the sensor, µs.
        lux: How light the scene is, lx, as libcamera estimates it of the mean of a whole picture a frame or two
            before, of exposure and of gain. No picture leaves the camera for it.
        brightness: Mean of red, green and blue in the crop that the network saw, 0…255; only beside a picture, where
            the topology lets them leave the camera.
    """

    exposure_us: Int64 | None = None
    gain: float | None = None
    temperature_c: float | None = None
    dnn_us: Int64 | None = None
    dsp_us: Int64 | None = None
    lux: float | None = None
    brightness: float | None = None


_newest: dict[str, Reading] = {}


def note(camera: str, reading: Reading) -> None:
    """A camera says so now."""
    _newest[camera] = reading


def forget(camera: str) -> None:
    """It says nothing any more."""
    _newest.pop(camera, None)


def newest() -> dict[str, Reading]:
    """Per camera of this process."""
    return dict(_newest)
