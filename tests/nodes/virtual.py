"""A virtual camera that tests step by hand, and what they read of its frames."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes.sensors import tensors
from nodes.sensors.sensor import Metadata, Package, Raw, Stream
from nodes.sensors.virtual.behaviour import Behaviour
from nodes.sensors.virtual.belt import BeltScene, belt
from nodes.sensors.virtual.hardware import VirtualHardware
from nodes.sensors.virtual.network import builtin
from nodes.sensors.virtual.rig import FIRST, Rig
from nodes.sensors.virtual.scene import Scene
from pipeline.clock import FakeClock
from pipeline.records import Roi

BEGIN_NS = 1_700_000_000_000_000_000
CENTRE = Roi(1228, 720, 1600, 1600)


class Flat:
    """A scene whose every pixel has the same brightness; with a bright square where the test wants one."""

    def __init__(self, square: Roi | None = None) -> None:
        self.square = square

    def picture(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.float32]:
        """Dark, but for the square."""
        return np.where(self.truth(t_ns, crop, size), 200.0, 40.0).astype(np.float32)[..., None].repeat(3, 2)

    def truth(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Where the square is."""
        x = crop.x + (np.arange(size[1]) + 0.5) * crop.width / size[1]
        y = (crop.y + (np.arange(size[0]) + 0.5) * crop.height / size[0])[:, None]
        at = self.square or Roi(0, 0, 0, 0)
        inside: NDArray[np.bool_] = (x >= at.x) & (x < at.x + at.width) & (y >= at.y) & (y < at.y + at.height)
        return inside


class Stepped:
    """A camera that streams; its frames are fetched one by one, and time passes only then."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        scene: Scene | None = None,
        package: Package | None = None,
        bus: str = FIRST,
        rig: Rig | None = None,
    ) -> None:
        self.clock = FakeClock(BEGIN_NS)
        self.scene = scene or BeltScene(belt("test"))
        self.hardware = VirtualHardware(self.scene, self.clock, bus=bus, rig=rig, behaviour=behaviour or quick())
        self.package = package or builtin()
        self._raws: list[Raw] = []

    def start(self, **stream: Any) -> Stepped:
        """Open it, put its network on it and stream."""
        self.hardware.open()
        self.hardware.load(self.package)
        return self.again(**stream)

    def again(self, **stream: Any) -> Stepped:
        """Stream once more."""
        self.hardware.start(Stream(**stream), self._raws.append)
        return self

    def raw(self) -> Raw:
        """The next frame."""
        assert self.hardware.step(), "expected a frame, found the end"
        return self._raws.pop()

    def frame(self) -> Metadata:
        """What libcamera says about the next frame."""
        return self.raw().metadata

    def frames(self, count: int) -> list[Metadata]:
        """The next frames."""
        return [self.frame() for _ in range(count)]

    def scene_ns(self, metadata: Metadata) -> int:
        """When a frame was exposed, in the time of the scene."""
        return int(metadata["FrameWallClock"]) - BEGIN_NS


def quick(**switches: Any) -> Behaviour:
    """A sensor that needs no time to be ready, and has no noise; plus what a test switches on."""
    calm = {"cold_s": 0, "warm_s": 0, "ae_settle": 0, "noise": 0, "jitter_ms": 0, "settle": 0}
    return Behaviour(**{**calm, **switches})


def logits(metadata: Metadata) -> NDArray[np.float32]:
    """The first output, as the adapter reads it."""
    run = tensors.inference(metadata)
    assert run is not None, "expected an inference, found none"
    return tensors.outputs(run)[0]


def mask(metadata: Metadata) -> NDArray[np.bool_]:
    """Where the first output is above 0."""
    found: NDArray[np.bool_] = logits(metadata) > 0
    return found


def count(metadata: Metadata) -> int | None:
    """The sensor's number of an inference."""
    run = tensors.inference(metadata)
    return run.frame if run else None


def packed(data: bytes, path: Path) -> Package:
    """An ONNX file as a package."""
    path.write_bytes(data)
    return Package(path, path.stem, hashlib.sha256(data).hexdigest(), (96, 96))
