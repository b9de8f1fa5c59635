"""Exposure and white balance: they settle after a start, and stand still where somebody locks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

EXPOSURE_US, GAIN, COLOUR = 8000, 1.0, (2.0, 1.8)  # where they settle: brightness as the scene has it
DARK, PALE = 0.4, 0.8  # shares of exposure and of the gain of red that they begin with


class Exposed(NamedTuple):
    """How a frame is exposed.

    Attributes:
        exposure_us: How long each row.
        gain: Of the amplifiers.
        colour: Gains of red and blue.
        settled: Whether nothing will change by itself.
    """

    exposure_us: int
    gain: float
    colour: tuple[float, float]
    settled: bool

    @property
    def light(self) -> tuple[float, float, float]:
        """How much brighter than the scene red, green and blue are."""
        share = self.exposure_us * self.gain / (EXPOSURE_US * GAIN)
        return share * self.colour[0] / COLOUR[0], share, share * self.colour[1] / COLOUR[1]


class Exposure:
    """The host's control loop, reduced to a ramp.

    Args:
        settle: Frames that it takes.
    """

    def __init__(self, settle: int) -> None:
        self._settle = settle
        self._held: dict[str, Any] = {}
        self._last = self._auto(0)

    def control(self, controls: Mapping[str, Any]) -> None:
        """Controls of libcamera: `AeEnable`, `AwbEnable`, `ExposureTime`, `AnalogueGain`, `ColourGains`."""
        for name, value in controls.items():
            self._control(name, value)

    def at(self, frame: int) -> Exposed:
        """How a frame is exposed, counted from 0 at the start of the stream."""
        auto = self._auto(frame)
        held = {name: value for name, value in self._held.items() if value is not None}
        settled = auto.settled or len(held) == len(Exposed._fields) - 1
        self._last = auto._replace(**held, settled=settled)
        return self._last

    def _control(self, name: str, value: Any) -> None:
        if name == "AeEnable":
            self._hold("exposure_us", None if value else self._last.exposure_us)
            self._hold("gain", None if value else self._last.gain)
        elif name == "AwbEnable":
            self._hold("colour", None if value else self._last.colour)
        elif name == "ExposureTime":
            self._hold("exposure_us", int(value) or None)
        elif name == "AnalogueGain":
            self._hold("gain", float(value) or None)
        elif name == "ColourGains":
            red, blue = value
            self._hold("colour", (float(red), float(blue)))

    def _hold(self, name: str, value: Any) -> None:
        """Keep a value until it is let go of by None; what was set by hand is not frozen over."""
        if value is None:
            self._held.pop(name, None)
        else:
            self._held[name] = value

    def _auto(self, frame: int) -> Exposed:
        share = min(1.0, frame / self._settle) if self._settle else 1.0
        colour = COLOUR[0] * (PALE + (1 - PALE) * share), COLOUR[1]
        return Exposed(round(EXPOSURE_US * (DARK + (1 - DARK) * share)), GAIN, colour, share >= 1)
