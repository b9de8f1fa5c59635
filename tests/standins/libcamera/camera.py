"""Cameras that are there because a test says so, and complete the requests that it gives them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from enum import Enum, auto
from types import SimpleNamespace
from typing import Any

from .geometry import Rectangle, Size
from .words import NUMBERS, ControlId, ControlType, Orientation, Range, StreamRole, controls


class FrameBuffer:
    """Memory of an image."""

    class Plane:
        """Where it lies."""

        fd = offset = length = 0

    def __init__(self, planes: list[Plane]) -> None:
        self.planes = planes
        self.metadata = SimpleNamespace(status=FrameMetadata.Status.Success)


class FrameMetadata:
    """Whether an image is good."""

    class Status(Enum):
        """As libcamera has it."""

        Success = auto()
        Error = auto()


class PixelFormat(str):
    """A format by its name."""

    __slots__ = ()


class SensorConfiguration:
    """A mode of the sensor."""

    bit_depth = 10
    output_size = Size(2028, 1520)


class StreamFormats:
    """The modes of an IMX500."""

    pixel_formats = (PixelFormat("SRGGB10_CSI2P"),)

    def sizes(self, _: PixelFormat) -> list[Size]:
        """Binned and whole."""
        return [Size(2028, 1520), Size(4056, 3040)]


class StreamConfiguration:
    """One stream of a configuration."""

    def __init__(self, role: StreamRole) -> None:
        self.stream, self.formats = role, StreamFormats()
        self.size, self.pixel_format, self.stride = Size(640, 480), PixelFormat("XBGR8888"), 0
        self.buffer_count, self.color_space = 4, None

    @property
    def frame_size(self) -> int:
        """Bytes of an image."""
        return self.size.width * self.size.height * 4


class CameraConfiguration:
    """Streams together."""

    class Status(Enum):
        """What a validation finds."""

        Valid = auto()
        Adjusted = auto()
        Invalid = auto()

    def __init__(self, roles: list[StreamRole]) -> None:
        self.streams = [StreamConfiguration(role) for role in roles]
        self.orientation, self.sensor_config = Orientation.Rotate0, SensorConfiguration()

    def at(self, index: int) -> StreamConfiguration:
        """One of them."""
        return self.streams[index]

    def __iter__(self) -> Iterator[StreamConfiguration]:
        return iter(self.streams)

    def validate(self) -> Status:
        """A 32-bit image has four bytes a pixel."""
        for stream in self.streams:
            stream.stride = stream.stride or stream.size.width * 4
        return self.Status.Valid


class Request:
    """A frame that was asked for."""

    class Status(Enum):
        """What became of it."""

        Pending = auto()
        Complete = auto()
        Cancelled = auto()

    def __init__(self, cookie: int) -> None:
        self.cookie, self.status = cookie, self.Status.Pending
        self.buffers: dict[Any, FrameBuffer] = {}
        self.metadata: dict[ControlId, Any] = {}
        self.controls: dict[ControlId, Any] = {}

    def add_buffer(self, stream: Any, buffer: FrameBuffer) -> None:
        """Where its image goes."""
        self.buffers[stream] = buffer

    def set_control(self, control: ControlId, value: Any) -> None:
        """What the sensor should be told with it."""
        self.controls[control] = value

    def reuse(self) -> None:
        """It may be asked for again."""
        self.status, self.metadata = self.Status.Pending, {}


class Camera:
    """One camera; a test fails it, and gives it frames with `complete`."""

    def __init__(self, name: str, model: str = "imx500") -> None:
        self.id, self.fails, self.acquired, self.started = name, "", False, False
        self.told: list[dict[str, Any]] = []
        self.queued: deque[Request] = deque()
        self.properties = {ControlId("Model"): model, ControlId("ColorFilterArrangement"): 0}
        self.controls = {getattr(controls, number): Range(0, 1 << 20, (0, 0)) for number in NUMBERS}
        self.controls[ControlId("ScalerCrop", ControlType.Rectangle)] = Range(*[Rectangle(0, 0, 4056, 3040)] * 3)

    def acquire(self) -> None:
        """One process alone may hold it."""
        if self.fails == "acquire":
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.acquired = True

    def release(self) -> None:
        """Anybody may hold it."""
        self.acquired = False

    def generate_configuration(self, roles: list[StreamRole]) -> CameraConfiguration:
        """One stream per role."""
        return CameraConfiguration(roles)

    def configure(self, _: CameraConfiguration) -> int:
        """All is well."""
        return 0

    def start(self, told: dict[ControlId, Any]) -> None:
        """Stream-on, and with it the upload of a network."""
        if self.fails == "start":
            raise RuntimeError("Failed to start camera: Input/output error")
        self.told.append({control.name: value for control, value in told.items()})
        self.started = True

    def stop(self) -> None:
        """Stream-off: whatever was asked for is cancelled."""
        self.started = False
        self.queued.clear()

    def create_request(self, cookie: int) -> Request:
        """A new one."""
        return Request(cookie)

    def queue_request(self, request: Request) -> None:
        """Ask for a frame."""
        self.told.append({control.name: value for control, value in request.controls.items()})
        request.controls = {}
        self.queued.append(request)

    def complete(self, metadata: dict[str, Any], *, good: bool = True) -> bool:
        """Give the oldest request its frame; False where none was asked for."""
        if not self.queued:
            return False
        request = self.queued.popleft()
        request.status = Request.Status.Complete
        request.metadata = {ControlId(name): value for name, value in metadata.items()}
        for buffer in request.buffers.values():
            buffer.metadata.status = FrameMetadata.Status.Success if good else FrameMetadata.Status.Error
        CameraManager.singleton().ready(request)
        return True


class CameraManager:
    """All cameras of this host; a test says which."""

    _only: CameraManager | None = None
    fails = ""

    def __init__(self) -> None:
        self.cameras: list[Camera] = []
        self._done: deque[Request] = deque()
        self.event_fd, self._wake = os.pipe2(os.O_NONBLOCK)

    @classmethod
    def singleton(cls) -> CameraManager:
        """The one there is.

        Raises:
            RuntimeError: If a test says that there is no media device.
        """
        if cls.fails:
            raise RuntimeError(cls.fails)
        cls._only = cls._only or cls()
        return cls._only

    def ready(self, request: Request) -> None:
        """A request is complete."""
        self._done.append(request)
        os.write(self._wake, b"\0")

    def get_ready_requests(self) -> list[Request]:
        """Those that are complete."""
        try:
            os.read(self.event_fd, 4096)
        except BlockingIOError:
            return []
        found = [*self._done]
        self._done.clear()
        return found
