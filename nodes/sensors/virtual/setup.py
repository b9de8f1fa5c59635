"""What a topology says about a virtual camera, and the hardware that comes of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from nodes.sensors.sensor import Hardware, Package
from nodes.sensors.virtual.behaviour import Behaviour
from nodes.sensors.virtual.belt import BeltScene, belt
from nodes.sensors.virtual.driven import Driver, Steps
from nodes.sensors.virtual.hardware import VirtualHardware
from nodes.sensors.virtual.network import BUILTIN, Network, builtin, read
from nodes.sensors.virtual.page import PageScene
from nodes.sensors.virtual.pictures import ImageScene, VideoScene
from nodes.sensors.virtual.recorder import Recorder
from nodes.sensors.virtual.replay import Replay, recorded
from nodes.sensors.virtual.rig import FIRST, Rig
from nodes.sensors.virtual.scene import Scene
from nodes.sensors.virtual.target import TargetScene
from pipeline.clock import Clock, RealClock
from pipeline.errors import NodeError

Stored = Annotated[str, Meta(description="a file or a folder", extra={"beside": True})]
Long = Annotated[float, Meta(ge=16, le=100_000, description="sensor px")]
Pulse = Annotated[float, Meta(ge=0, le=100_000, description="sensor px/count")]
Moving = Annotated[float, Meta(gt=0, le=1_000_000, description="sensor px/s")]
Seconds = Annotated[float, Meta(ge=0, le=3600, description="s")]


class BeltSetup(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The belt before a virtual camera; its parts are those of `synthetic`.

    Attributes:
        seed: Another seed, other parts.
        speed: How fast it moves, to the right.
        pitch: Mean distance between the centres of parts.
        length: Size of a good part along the belt; across it has one and a half.
        defects: Share of parts that have a defect.
        pulse: How far it moves in one count of its encoder, which frames then carry; 0 where it has none.
        rest: How long it stands still whenever the centre of a part is half-way across the array; 0 is never.
    """

    seed: int = 0
    speed: Moving = 600.0
    pitch: Long = 2000.0
    length: Long = 1000.0
    defects: Annotated[float, Meta(ge=0, le=1)] = 0.1
    pulse: Pulse = 1.0
    rest: Seconds = 0.0


class Setup(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A virtual camera: what it looks at, what runs in it, how it behaves.

    Attributes:
        belt: The belt it looks at, where nothing else is named.
        images: A folder of images it looks at instead; truth may lie in its folder `truth`.
        video: A video file it looks at instead.
        target: Whether it looks at the target of `kensa camera selftest`.
        page: Whether it looks at the page of `kensa camera calibrate-roi`.
        replay: A field recording that takes the place of everything else.
        network: An ONNX file, or `brightness`: what is brighter than half is inside.
        behaviour: Its faults.
        bus: Where it is connected.
        buses: Every place where its host finds a camera, in the order in which it finds them; left out, this one alone.
        seed: Another seed, other noise.
    """

    belt: BeltSetup = BeltSetup()
    images: Stored = ""
    video: Stored = ""
    target: bool = False
    page: bool = False
    replay: Stored = ""
    network: Stored = BUILTIN
    behaviour: Behaviour = Behaviour()
    bus: str = FIRST
    buses: tuple[str, ...] = ()
    seed: int = 0


class Ready(NamedTuple):
    """Hardware with what belongs to it.

    Attributes:
        hardware: For the adapter.
        clock: For the adapter, too: where time is only told, it makes the hardware go.
        package: The network to load.
    """

    hardware: Hardware
    clock: Clock
    package: Package


def ready(setup: Setup, camera: str, clock: Clock, *, rig: Rig | None = None, record: Path | None = None) -> Ready:
    """The virtual camera that a topology describes.

    Args:
        setup: What it says.
        camera: Name of the camera: each has a belt of its own.
        clock: The line's. With a real one a thread paces the sensor; any other is moved on by whoever reads frames.
        rig: The host it is connected to, where several cameras share one.
        record: A new file for a field recording.

    Raises:
        NodeError: If a scene or a network cannot be used.
    """
    if setup.replay:
        return replayed(Path(setup.replay), clock)
    looks = scene(setup, camera)
    rig = rig or Rig(*(setup.buses or (setup.bus,)))
    hardware = VirtualHardware(looks, clock, bus=setup.bus, rig=rig, behaviour=setup.behaviour, seed=setup.seed)
    outer: Hardware = Recorder(hardware, record, clock) if record else hardware
    return Ready(outer, _clock(hardware, clock), package(setup.network))


def replayed(path: Path, clock: Clock) -> Ready:
    """A field recording as a camera; it goes on when its frames are read, at the pace of its clock.

    Raises:
        NodeError: If it is no field recording.
    """
    hardware = Replay(path, clock)
    return Ready(hardware, Driver(hardware, clock), recorded(path)[0])


def scene(setup: Setup, camera: str) -> Scene:
    """What a virtual camera looks at.

    Raises:
        NodeError: If more than one thing is named, or cannot be read.
    """
    named = [name for name in ("images", "video", "target", "page") if getattr(setup, name)]
    if len(named) > 1:
        raise NodeError(
            f"expected one of images, video, target and page, found {' and '.join(named)}; leave out all but one"
        )
    if setup.images:
        return ImageScene(Path(setup.images))
    if setup.video:
        return VideoScene(Path(setup.video))
    if setup.target:
        return TargetScene()
    if setup.page:
        return PageScene()
    told = msgspec.structs.asdict(setup.belt)
    rest = told.pop("rest")
    return BeltScene(belt(camera, **told), rest)


def package(network: str) -> Package:
    """An ONNX file, or the network that is built in, as sensors take it.

    Raises:
        NodeError: If it is no such file.
    """
    path = Path(network)
    if path.name == BUILTIN:
        return builtin()
    data = read(path)
    height, width = Network(data, path.stem).size
    return Package(path, path.stem, hashlib.sha256(data).hexdigest(), (width, height))


def _clock(hardware: Steps, clock: Clock) -> Clock:
    return clock if isinstance(clock, RealClock) else Driver(hardware, clock)
