"""What a topology says about a virtual camera becomes hardware."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest

from nodes.sensors.adapter import Adapter
from nodes.sensors.sensor import Stream
from nodes.sensors.virtual.belt import BeltScene
from nodes.sensors.virtual.brightness import brightness
from nodes.sensors.virtual.hardware import VirtualHardware
from nodes.sensors.virtual.pictures import ImageScene
from nodes.sensors.virtual.setup import Ready, Setup, package, ready, replayed, scene
from nodes.sensors.virtual.target import TargetScene
from pipeline.clock import FakeClock, RealClock
from pipeline.errors import NodeError
from tests.nodes.virtual import BEGIN_NS


def test_nothing_need_be_said() -> None:
    """A belt, the built-in network, no faults: frames come at once where time is only told."""
    camera = ready(Setup(), "cam1", FakeClock(BEGIN_NS))
    frames = _frames(camera, 3)
    assert len(frames) == 3
    assert all(frame is not None for frame in frames)


def test_everything_may_be_said_in_yaml() -> None:
    """Parameters are plain data; a word that does not exist is refused by its name."""
    told = {
        "belt": {"speed": 900.0, "defects": 0.5},
        "behaviour": {"late_every": 3, "layout": 708},
        "network": "x.onnx",
    }
    setup = msgspec.convert(told, Setup)
    assert (setup.belt.speed, setup.behaviour.late_every, setup.behaviour.layout) == (900, 3, 708)
    with pytest.raises(msgspec.ValidationError, match="late_evry"):
        msgspec.convert({"behaviour": {"late_evry": 3}}, Setup)


def test_two_cameras_see_two_belts() -> None:
    """As two cameras over one belt do not."""
    scenes = [scene(Setup(), name) for name in ("left", "right")]
    assert all(isinstance(each, BeltScene) for each in scenes)
    left, right = (each.parts(10**10) for each in scenes if isinstance(each, BeltScene))
    assert [part.tilt for part, _, _ in left] != [part.tilt for part, _, _ in right]


def test_a_camera_looks_at_one_thing() -> None:
    """Two scenes at once are a fault, named."""
    with pytest.raises(NodeError, match="expected one of images, video and target, found video and target"):
        scene(Setup(video="a.mp4", target=True), "cam1")
    assert isinstance(scene(Setup(target=True), "cam1"), TargetScene)


def test_images_are_a_scene(tmp_path: Path) -> None:
    """A folder is named in the topology."""
    cv2 = pytest.importorskip("cv2")
    assert cv2.imwrite(str(tmp_path / "a.png"), np.zeros((30, 40, 3), np.uint8))
    assert isinstance(scene(Setup(images=str(tmp_path)), "cam1"), ImageScene)


def test_a_network_is_known_by_its_digest(tmp_path: Path) -> None:
    """And its input's size is read from it."""
    path = tmp_path / "mine.onnx"
    path.write_bytes(brightness(size=64))
    told = package(str(path))
    assert (told.name, told.input_size) == ("mine", (64, 64))
    assert told.sha256 == hashlib.sha256(brightness(size=64)).hexdigest()
    assert package("brightness").input_size == (96, 96)


def test_with_a_real_clock_the_adapter_has_it_too() -> None:
    """A thread paces the sensor then."""
    clock = RealClock()
    camera = ready(Setup(), "cam1", clock)
    assert camera.clock is clock
    assert isinstance(camera.hardware, VirtualHardware)


def test_a_recording_is_made_and_replayed(tmp_path: Path) -> None:
    """The second time the recording is the camera."""
    path = tmp_path / "field.take"
    said = _frames(ready(Setup(), "cam1", FakeClock(BEGIN_NS), record=path), 5)
    assert _frames(replayed(path, FakeClock()), 9) == said
    assert _frames(ready(Setup(replay=str(path)), "cam1", FakeClock()), 9) == said


def _frames(camera: Ready, count: int) -> list[object]:
    sensor = Adapter(camera.hardware, camera.clock)
    sensor.open()
    sensor.load(camera.package, lambda _done, _total: None)
    sensor.start(Stream())
    said = [frame.inference and frame.inference.values for frame in islice(sensor.frames(), count)]
    sensor.close()
    return list(said)
