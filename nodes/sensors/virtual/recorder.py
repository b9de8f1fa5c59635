"""Record what a camera says in the field: a recorder stands before any hardware, and the sensor above cannot tell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from nodes.sensors.sensor import Hardware, Identity, Package, Raw, Stream
from nodes.sensors.virtual.takes import ENCODER, Event, TakeWriter
from pipeline.clock import Clock
from pipeline.records import Roi

PIXELS = ("CnnInputTensor",)  # what holds a picture, and leaves the source only where images may
Deliver = Callable[[Raw], None]


class Recorder:
    """Hardware that is recorded: images never are, and input tensors only where the stream may hand over images.

    Every answer about the sensor's clock is noted too: ROI epochs hang on it.

    Args:
        hardware: What is recorded.
        path: A new file; its folder is made when the camera is opened.
        clock: The line's.
    """

    def __init__(self, hardware: Hardware, path: Path, clock: Clock) -> None:
        self._hardware, self._path, self._clock = hardware, path, clock
        self._writer: TakeWriter | None = None
        self._lock = threading.Lock()
        self._withheld: tuple[str, ...] = PIXELS

    def open(self) -> Identity:
        """Take hold of the camera, and begin the file."""
        identity = self._hardware.open()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = TakeWriter(self._path)
        self._note("identity", msgspec.to_builtins(identity))
        return identity

    def load(self, package: Package) -> None:
        """Hand over a network; its hash is noted, not the network."""
        self._hardware.load(package)
        told = {"name": package.name, "sha256": package.sha256, "input_size": list(package.input_size)}
        self._note("load", told)

    def uploaded(self) -> tuple[int, int]:
        """How far the upload is."""
        return self._hardware.uploaded()

    def start(self, stream: Stream, deliver: Deliver) -> None:
        """Begin to stream; every request is noted before it is delivered."""
        self._withheld = () if stream.images else PIXELS
        self._note("start", msgspec.to_builtins(stream))

        def both(raw: Raw) -> None:
            counted = {} if raw.encoder is None else {ENCODER: raw.encoder}
            told = {name: said for name, said in raw.metadata.items() if name not in self._withheld}
            self._note("raw", told | counted)
            deliver(raw)

        self._hardware.start(stream, both)

    def write_roi(self, roi: Roi) -> None:
        """Write the crop."""
        self._hardware.write_roi(roi)
        self._note("roi", [roi.x, roi.y, roi.width, roi.height])

    def write_controls(self, controls: Mapping[str, Any]) -> None:
        """Set controls of libcamera."""
        self._hardware.write_controls(controls)
        self._note("controls", dict(controls))

    def now_ns(self) -> int:
        """The sensor's clock."""
        answer = self._hardware.now_ns()
        self._note("now", {"answer": answer})
        return answer

    def device(self) -> str:
        """Serial number."""
        return self._hardware.device()

    def stop(self) -> None:
        """End the stream."""
        self._hardware.stop()
        self._note("stop", {"device": self._hardware.device()})

    def close(self) -> None:
        """Let go of the camera; the recording ends."""
        self._hardware.close()
        if self._writer:
            self._writer.close()
        self._writer = None

    def _note(self, kind: str, told: Any) -> None:
        with self._lock:
            if self._writer:
                self._writer.write(Event(kind, self._clock.now_ns(), told))
