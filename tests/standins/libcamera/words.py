"""libcamera's enumerations, controls and colour spaces, as far as picamera2 names them."""

from __future__ import annotations

from enum import Enum, auto
from types import SimpleNamespace
from typing import Any, NamedTuple


class ControlType(Enum):
    """Types that picamera2 tells apart."""

    Integer = auto()
    Rectangle = auto()
    Size = auto()


class ControlId(NamedTuple):
    """A control or a property."""

    name: str
    type: ControlType = ControlType.Integer


class Range(NamedTuple):
    """What a control may be."""

    min: Any
    max: Any
    default: Any


class StreamRole(Enum):
    """What a stream is for."""

    Raw = auto()
    StillCapture = auto()
    VideoRecording = auto()
    Viewfinder = auto()


class Orientation(Enum):
    """How an image is turned."""

    Rotate0 = auto()
    Rotate0Mirror = auto()
    Rotate180 = auto()
    Rotate180Mirror = auto()
    Rotate90 = auto()
    Rotate90Mirror = auto()
    Rotate270 = auto()
    Rotate270Mirror = auto()


class Transform:
    """Flips; picamera2 replaces its equality."""

    def __init__(self, *others: Transform, hflip: int = 0, vflip: int = 0, transpose: int = 0) -> None:
        self.hflip, self.vflip, self.transpose = hflip, vflip, transpose
        for other in others:
            self.hflip, self.vflip, self.transpose = other.hflip, other.vflip, other.transpose

    def __hash__(self) -> int:
        return hash((self.hflip, self.vflip, self.transpose))

    def __str__(self) -> str:
        return f"{self.hflip}{self.vflip}{self.transpose}"


class ColorSpace:
    """A colour space by its name; picamera2 replaces its equality."""

    YcbcrEncoding = SimpleNamespace(Null=0, Rec601=1)
    Range = SimpleNamespace(Full=0, Limited=1)

    def __init__(self, other: ColorSpace | str) -> None:
        name: str = other if isinstance(other, str) else other.primaries
        self.primaries: str
        self.primaries = self.transferFunction = self.ycbcrEncoding = self.range = name

    def __hash__(self) -> int:
        return hash(self.primaries)

    def __str__(self) -> str:
        return self.primaries

    @staticmethod
    def Sycc() -> ColorSpace:  # noqa: N802 - libcamera's name
        """A colour space."""
        return ColorSpace("sycc")

    @staticmethod
    def Smpte170m() -> ColorSpace:  # noqa: N802 - libcamera's name
        """A colour space."""
        return ColorSpace("smpte170m")

    @staticmethod
    def Rec709() -> ColorSpace:  # noqa: N802 - libcamera's name
        """A colour space."""
        return ColorSpace("rec709")

    @staticmethod
    def Raw() -> ColorSpace:  # noqa: N802 - libcamera's name
        """A colour space."""
        return ColorSpace("raw")


NUMBERS = [
    "AeEnable",
    "AwbEnable",
    "ExposureTime",
    "ExposureTimeMode",
    "AnalogueGain",
    "AnalogueGainMode",
    "ColourGains",
    "FrameDurationLimits",
    "NoiseReductionMode",
    "CnnEnableInputTensor",
]
controls = SimpleNamespace(
    **{name: ControlId(name) for name in NUMBERS},
    ScalerCrop=ControlId("ScalerCrop", ControlType.Rectangle),
    draft=SimpleNamespace(NoiseReductionModeEnum=SimpleNamespace(Minimal=3, HighQuality=2, Fast=1)),
)
properties = SimpleNamespace(draft=SimpleNamespace(ColorFilterArrangementEnum=SimpleNamespace(MONO=4)))
