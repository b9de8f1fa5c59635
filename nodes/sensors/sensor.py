"""What every sensor does, real or virtual, and what it says about a frame.

Two floors. A `Hardware` does each step once, has no memory and raises what its libraries raise. The `Sensor` above it
keeps states, numbers, ROI epochs and a bounded queue, and turns failures into states with advice. There is one sensor
for all IMX500 hardware (`nodes/sensors/adapter.py`), so that nothing above can tell a virtual camera from a real one.

Geometry is in sensor pixels of the whole array, 4056 × 3040, wherever it does not say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from msgspec import Struct

from nodes.sensors.states import State
from nodes.sensors.tensors import Inference
from pipeline.records import Roi, Timing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Metadata = Mapping[str, Any]  # exactly what libcamera gives: arrays as tuples of Python numbers
Progress = Callable[[int, int], None]  # bytes done, bytes in all; 0 in all where nobody knows
Settling = Literal["settled", "settling", "unknown"]


class Package(Struct, frozen=True):
    """A network as a sensor takes it.

    Attributes:
        path: The `.rpk` of an IMX500; the `.onnx` of a virtual one.
        name: What the file is called, without its ending.
        sha256: Of the whole file, hex; every mask says which network made it.
        input_size: (width, height) of the network's input, px; (0, 0) where the file does not say.
    """

    path: Path
    name: str
    sha256: str
    input_size: tuple[int, int] = (0, 0)


class Stream(Struct, frozen=True):
    """How frames are to be taken.

    Attributes:
        rate: Frames per second.
        lock: Exposure and white balance stay as they are after `discard` frames: the network sees what they do.
        discard: Frames thrown away after a start, until exposure has settled.
        settle: Frames after a change of ROI whose masks may still be of the old one.
        input_tensor: Whether the sensor also sends what its network saw.
        images: Whether images are handed over at all; without it nobody above the hardware ever sees a pixel.
        controls: More controls of libcamera, by name.
    """

    rate: float = 30.0
    lock: bool = True
    discard: int = 20
    settle: int = 3
    input_tensor: bool = False
    images: bool = False
    controls: dict[str, Any] = {}


class Epoch(Struct, frozen=True):
    """A stretch in which one ROI was asked for; the sensor itself never says which one a mask came from.

    Attributes:
        id: Counts from 0 in each session, up with every `set_roi`.
        roi: The crop, in sensor pixels.
        prompt: Name of the prompt it serves; empty for the whole view.
        begun_ns: When writing it began, on the sensor's clock; from here on masks are doubtful.
        written_ns: When it was written.
    """

    id: int
    roi: Roi
    prompt: str
    begun_ns: int
    written_ns: int


class Identity(Struct, frozen=True):
    """Which sensor this is, as people, plans and archives name it.

    Attributes:
        kind: What made the frames.
        bus: Where it is connected, such as `i2c@88000`; it stays when cameras are enumerated in another order.
        id: What libcamera calls it.
        device: Serial number, 32 hex digits; empty until a network has run once.
        versions: Version per library and kernel.
    """

    kind: Literal["imx500", "virtual", "modlib"]
    bus: str
    id: str
    device: str = ""
    versions: dict[str, str] = {}


class Raw(NamedTuple):
    """One request as the hardware hands it over, out of its own thread.

    Attributes:
        metadata: What libcamera says about it.
        image: (H, W, 3) uint8 RGB, copied, where images are on.
        encoder: What the belt's encoder counted at its exposure, where the hardware reads one.
    """

    metadata: Metadata
    image: NDArray[np.uint8] | None = None
    encoder: int | None = None


class Sensed(NamedTuple):
    """What the sensor said about one frame, and what only the host knows about it.

    Attributes:
        seq: Counts every frame of a session, those that were lost too.
        lost: Frames that are missing directly before this one, whoever lost them.
        t_ns: First row exposed, in the time of the line (UTC, ns).
        timing: How that is known, as in `Frame`.
        metadata: What libcamera said, untouched: a recording of these replays exactly.
        inference: What the network said; None where this frame has none: never an older one. `nodes.sensors.tensors`
            makes arrays and masks of it.
        epoch: The ROI that was asked for last before this frame; None where nobody knows.
        settling: Whether the mask is certainly of that ROI.
        image: (H, W, 3) uint8 RGB; None unless the topology says `images: true`.
        encoder: What the belt's encoder counted then, where the hardware reads one.
    """

    seq: int
    lost: int
    t_ns: int
    timing: Timing
    metadata: Metadata
    inference: Inference | None
    epoch: Epoch | None
    settling: Settling
    image: NDArray[np.uint8] | None = None
    encoder: int | None = None


class Health(Struct, frozen=True):
    """How a sensor is now, in numbers and in words.

    Attributes:
        state: Where it is.
        advice: What a technician should know and do; empty where all is well.
        seen: Requests that arrived since the start.
        dropped: Frames that arrived and that nobody fetched in time.
        missing: Frames that never arrived.
        without_tensor: Frames that arrived without an inference.
        uploads: How often a network was put on it.
        temperature_c: Of the sensor; None where it did not say.
        dnn_us: Last run time of the network.
    """

    state: State
    advice: str = ""
    seen: int = 0
    dropped: int = 0
    missing: int = 0
    without_tensor: int = 0
    uploads: int = 0
    temperature_c: float | None = None
    dnn_us: int | None = None


class Sensor(Protocol):
    """A camera that segments; states as in `nodes.sensors.states`.

    Every step raises `SensorError` where it fails; its text says what a technician should do.
    """

    def open(self) -> Identity:
        """Find the camera by bus path and id and hold it: closed → open."""
        ...

    def load(self, package: Package, progress: Progress) -> None:
        """Choose the network; a running stream is stopped first. `progress` is called while it goes up."""
        ...

    def start(self, stream: Stream) -> None:
        """Begin to stream: open → uploading, and with the first frame → streaming."""
        ...

    def set_roi(self, roi: Roi, prompt: str = "") -> Epoch:
        """Look elsewhere; refuses what is not legal, never clips."""
        ...

    def set_controls(self, controls: Mapping[str, Any]) -> None:
        """Set controls of libcamera, such as `ExposureTime`."""
        ...

    def frames(self) -> Iterator[Sensed]:
        """Every frame in order, until the sensor is stopped; the oldest are dropped, and counted, where nobody comes.

        Raises:
            SensorError: If the sensor failed.
        """
        ...

    def health(self) -> Health:
        """How it is now; any thread may ask."""
        ...

    def stop(self) -> None:
        """End the stream, keep the camera: → open."""
        ...

    def close(self) -> None:
        """Give the camera back: → closed. Bridges wear out: keep it open while a line runs."""
        ...


class Hardware(Protocol):
    """What a camera does, each step once; errors are those of its libraries, `nodes.sensors.advice` reads them."""

    def open(self) -> Identity:
        """Take hold of the camera."""
        ...

    def load(self, package: Package) -> None:
        """Hand over a network; the hardware must not be streaming."""
        ...

    def uploaded(self) -> tuple[int, int]:
        """How far the upload is: bytes done, bytes in all; (0, 0) where nobody can say."""
        ...

    def start(self, stream: Stream, deliver: Callable[[Raw], None]) -> None:
        """Begin to stream; `deliver` is called for every request, from a thread of the hardware, and returns at once.

        It returns when the stream is on, which takes as long as an upload.
        """
        ...

    def write_roi(self, roi: Roi) -> None:
        """Write the crop to the sensor, now."""
        ...

    def write_controls(self, controls: Mapping[str, Any]) -> None:
        """Set controls of libcamera."""
        ...

    def now_ns(self) -> int:
        """The clock that `SensorTimestamp` is read from, ns."""
        ...

    def device(self) -> str:
        """Serial number, 32 hex digits; empty until a network has run."""
        ...

    def stop(self) -> None:
        """End the stream; `deliver` is not called any more when it returns."""
        ...

    def close(self) -> None:
        """Let go of the camera; allowed in any state."""
        ...
