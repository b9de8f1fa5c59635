"""Numbers that a process reads off its cameras, for monitoring: the newest of each.

Sources note them; the supervisor shows them as metrics. Nothing is decided by them.
"""

from __future__ import annotations

from msgspec import Struct


class Reading(Struct, frozen=True):
    """What a camera said of itself last; None where it did not say.

    Attributes:
        temperature_c: Of the sensor, °C.
        inference_s: Run time of its network, s.
    """

    temperature_c: float | None = None
    inference_s: float | None = None


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
