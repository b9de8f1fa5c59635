"""What a topology says about a virtual camera becomes hardware."""

from __future__ import annotations

import hashlib
from itertools import islice, pairwise, takewhile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from nodes.sensors.adapter import Adapter
from nodes.sensors.prompts import Prompts
from nodes.sensors.sensor import Stream
from nodes.sensors.virtual.belt import BeltScene
from nodes.sensors.virtual.brightness import brightness
from nodes.sensors.virtual.hardware import VirtualHardware
from nodes.sensors.virtual.pictures import ImageScene
from nodes.sensors.virtual.rig import FIRST, SECOND
from nodes.sensors.virtual.setup import Ready, Setup, package, ready, replayed, scene
from nodes.sensors.virtual.target import TargetScene
from nodes.sensors.virtual.truth import truth
from nodes.sources.imx500 import imx500
from pipeline.clock import FakeClock, RealClock
from pipeline.errors import NodeError
from pipeline.records import Frame
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


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_a_camera_is_found_by_its_bus_in_any_order(order: tuple[str, str]) -> None:
    """The order in which a host finds its cameras is a switch, and nothing depends on it."""
    camera = ready(Setup(bus=SECOND, buses=order), "cam1", FakeClock())
    assert camera.hardware.open().bus == SECOND
    with pytest.raises(RuntimeError, match="dev-node not found"):
        ready(Setup(bus="i2c@0", buses=order), "cam1", FakeClock()).hardware.open()


def test_a_camera_looks_at_one_thing() -> None:
    """Two scenes at once are a fault, named."""
    with pytest.raises(NodeError, match="expected one of images, video, target and page, found video and target"):
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


@pytest.mark.slow
@pytest.mark.parametrize("rate", [30.0, 12.0])
def test_the_truth_about_a_belt_is_what_the_source_shows(rate: float) -> None:
    """Which frames show a part, and which the whole of it: every frame agrees, but for one as an edge crosses."""
    virtual = {"belt": {"length": 500.0, "pitch": 2600.0, "defects": 0.5, "speed": 1500.0}}
    prompts = {"middle": {"point": [2028, 1520], "size": 1800}}
    count = int(40 * rate / 3)
    parts = truth("cam", virtual=virtual, prompts=prompts, rate=rate)
    assert parts is not None
    there = list(takewhile(lambda part: part.enters < count, parts))
    told = msgspec.convert(prompts, Prompts)
    source = imx500("cam", "s", FakeClock(BEGIN_NS), virtual=msgspec.convert(virtual, Setup), prompts=told, rate=rate)
    frames = list(islice(source, count))
    source.close()  # type: ignore[attr-defined]
    wrong = 0
    for frame in frames:
        assert isinstance(frame, Frame)
        mask = frame.layers[0].mask.dense
        shown = any(part.enters <= frame.seq <= part.leaves for part in there)
        whole = any(part.first <= frame.seq <= part.last for part in there)
        wrong += (bool(mask.any()), bool(mask.any() and not mask[:, [0, -1]].any())) != (shown, whole)
    assert len(there) > 5
    assert {part.kind for part in there} > {"good"}
    assert wrong <= len(there)


@pytest.mark.slow
def test_a_belt_that_rests_shows_parts_whole_then() -> None:
    """In the frames whose encoder says what that of the one before said, and in no other; each part has its own."""
    virtual = {"belt": {"length": 800.0, "pitch": 2000.0, "speed": 9000.0, "rest": 0.3}}
    parts = truth("cam", virtual=virtual, rate=15.0)
    assert parts is not None
    there = [part for part in takewhile(lambda part: part.enters < 120, parts) if part.views]
    source = imx500("cam", "s", FakeClock(BEGIN_NS), virtual=msgspec.convert(virtual, Setup), rate=15.0)
    counts = [frame.encoder for frame in islice(source, 120) if isinstance(frame, Frame)]
    source.close()  # type: ignore[attr-defined]
    still = [seq for seq, (before, now) in enumerate(pairwise(counts), 1) if before == now]
    assert still == [seq for part in there for seq in range(max(1, part.first), part.last + 1) if seq < 120]
    assert {part.views for part in there[1:]} == {3, 4}


def test_nobody_knows_the_truth_of_a_real_camera() -> None:
    """Nor that of photographs."""
    assert truth("cam", package="net.rpk") is None
    assert truth("cam", virtual={"images": "somewhere"}) is None
    assert truth("cam", virtual={"target": True}) is None
