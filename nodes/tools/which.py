"""Which camera is meant: on this host, in a topology, or a virtual one; and how it is opened for a moment."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from nodes.sensors import known, roi
from nodes.sensors.adapter import Adapter
from nodes.sensors.package import package as packed
from nodes.sensors.picamera import Picamera
from nodes.sensors.prompts import Aim, aims
from nodes.sensors.sensor import Hardware, Package, Progress, Stream
from nodes.sensors.virtual.setup import Setup, package, ready
from nodes.sources.imx500 import imx500
from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.clock import Clock, RealClock
from pipeline.conform import Conform
from pipeline.conversion import convert
from pipeline.errors import KensaError
from pipeline.faults import listed, meant
from pipeline.located import read
from pipeline.records import Roi
from pipeline.topology import Topology

NO_PACKAGE = (
    "expected a network, for a camera without one shows nothing: add `--package FILE.rpk`; `apt install "
    "imx500-models` puts some into /usr/share/imx500-models"
)


class Camera(Struct, frozen=True, kw_only=True):
    """A camera that is meant, not opened yet.

    Attributes:
        name: What people call it.
        kind: What kind of camera.
        hardware: For the adapter.
        clock: For the adapter.
        package: The network that a topology or somebody names; None where nobody does.
        aims: Where it is to look.
        rate: Frames per second.
        discard: Frames after a start that are thrown away.
        output: Which output is the mask.
        threshold: Above which a pixel is inside.
    """

    name: str
    kind: Literal["imx500", "virtual"]
    hardware: Hardware
    clock: Clock
    package: Package | None
    aims: tuple[Aim, ...]
    rate: float = 30.0
    discard: int = 20
    output: int = 0
    threshold: float = 0.0

    def network(self) -> Package:
        """The network to load: what is named, else what was put on it last.

        Raises:
            KensaError: If there is none.
        """
        if self.package is not None:
            return self.package
        found = known.at(self.kind, getattr(self.hardware, "bus", ""))
        if found is None or found.upload is None or not Path(found.upload.path).exists():
            raise KensaError(NO_PACKAGE)
        return packed(Path(found.upload.path))


def declare(parser: ArgumentParser, *, package: bool = True) -> None:
    """Declare how a camera is named, and with `package` how its network is."""
    which = parser.add_argument_group("which camera", "left out, the only one that is connected to this host")
    which.add_argument("topology", nargs="?", metavar="TOPOLOGY", help="the camera as a topology has it")
    which.add_argument("camera", nargs="?", metavar="CAMERA", help="its name there; not needed where there is one")
    which.add_argument("--bus", default="", metavar="BUS", help="where it is connected, such as i2c@88000")
    said = "a made-up camera; FILE holds what stands below `virtual:` in topologies"
    which.add_argument("--virtual", nargs="?", const="", metavar="FILE", help=said)
    if package:
        said = "its network; else what was put on it last"
        which.add_argument("--package", metavar="FILE", help=said)
    which.add_argument("--rate", type=float, metavar="N", help="frames per second; default 30")


def declare_aim(parser: ArgumentParser) -> None:
    """Declare where a camera is to look."""
    parser.add_argument("--prompt", metavar="NAME", help="look where this prompt of the topology does; else the first")
    said = "look at a square of SIDE around a point, sensor px; else at the whole view"
    parser.add_argument("--at", type=_square, metavar="X,Y,SIDE", help=said)


def _square(text: str) -> Roi:
    try:
        x, y, side = (int(each) for each in text.split(","))
    except ValueError as error:
        raise ArgumentTypeError(f"expected three whole numbers such as 2028,1520,800, got '{text}'") from error
    found = roi.around(x, y, side)
    if found is None or roi.faults(found):
        largest = roi.reach(x, y)
        fits = f"at most {largest} around that point" if largest >= roi.LEAST else f"a point {roi.LEAST // 2} px inside"
        raise ArgumentTypeError(f"expected SIDE from {roi.LEAST} and {fits}, got '{text}'")
    return found


def meant_by(args: Namespace, **virtual: Any) -> Camera:
    """The camera that the arguments name.

    Args:
        args: As `declare` has them.
        **virtual: What a made-up camera is given beside what its file says.

    Raises:
        KensaError: If they name none.
    """
    if args.topology is not None:
        if args.virtual is not None or args.bus:
            raise KensaError("expected a camera of a topology, or `--bus`, or `--virtual`; found several of them")
        found = _in_topology(args.topology, args.camera)
    elif args.virtual is not None:
        found = virtual_one(msgspec.structs.replace(setup(args.virtual), **virtual, **_network(args)), "virtual")
    else:
        named = packed(Path(args.package)) if args.package else None
        clock, hardware = RealClock(), Picamera(args.bus)
        found = Camera(name=args.bus, kind="imx500", hardware=hardware, clock=clock, package=named, aims=aims(None))
    told = {"rate": args.rate or found.rate, "aims": aimed(found, args)}
    if args.topology is not None and args.package:
        told["package"] = (packed if found.kind == "imx500" else lambda path: package(str(path)))(Path(args.package))
    return msgspec.structs.replace(found, **told)


def _network(args: Namespace) -> dict[str, str]:
    return {"network": args.package} if args.package else {}


def aimed(camera: Camera, args: Namespace) -> tuple[Aim, ...]:
    """Where the camera is to look first, then the rest.

    Raises:
        KensaError: If there is no such prompt.
    """
    name = getattr(args, "prompt", None)
    if getattr(args, "at", None) is not None:
        return (Aim("", args.at),)
    if name is None:
        return camera.aims
    names = [aim.name for aim in camera.aims if aim.name]
    if name not in names:
        known_ones = f"it has {listed(names, 'and')}" if names else "it has none"
        raise KensaError(f"camera '{camera.name}' has no prompt '{name}'{meant(name, names)}; {known_ones}")
    return tuple(sorted(camera.aims, key=lambda aim: aim.name != name))


def setup(file: str) -> Setup:
    """What a file says about a virtual camera; one that needs nothing said where there is no file.

    Raises:
        KensaError: If it is no such file; with every fault at its place.
    """
    if not file:
        return Setup()
    document = read(file)
    if not document.faults:
        Conform(document)(document.data, Setup, ())
    if document.faults:
        raise KensaError(document.show())
    found = convert(document.data, Setup)
    return msgspec.structs.replace(found, **{name: _beside(file, getattr(found, name)) for name in BESIDE})


BESIDE = ("images", "video", "replay", "network")


def _beside(file: str, path: str) -> str:
    """A path in a file starts at the folder of that file, where there is such a one."""
    beside = Path(file).parent / path
    return str(beside) if path and beside.exists() else path


def virtual_one(told: Setup, name: str, **more: Any) -> Camera:
    """A made-up camera."""
    if told.network.endswith(".rpk"):
        raise KensaError(
            f"{told.network}: a virtual camera runs ONNX files, not packages of the real sensor; name the `.onnx` it "
            "was made of, or `brightness`"
        )
    found = ready(told, name, RealClock())
    more.setdefault("aims", aims(None))
    return Camera(name=name, kind="virtual", hardware=found.hardware, clock=found.clock, package=found.package, **more)


def _in_topology(file: str, name: str | None) -> Camera:
    cameras = dict(sensed(load(file)))
    if not cameras:
        raise KensaError(f"{file}: expected cameras whose source is `imx500`, found none")
    if name is None and len(cameras) > 1:
        raise KensaError(f"{file} has several cameras: {listed([*cameras], 'and')}; say which")
    name = name or next(iter(cameras))
    if name not in cameras:
        raise KensaError(f"{file} has no camera '{name}'{meant(name, cameras)}; it has {listed([*cameras], 'and')}")
    params = cameras[name]
    more = {key: getattr(params, key) for key in ("rate", "discard", "output", "threshold")}
    told = {**more, "aims": aims(params.prompts, params.dwell)}
    if params.virtual:
        return virtual_one(params.virtual, name, **told)
    named = packed(Path(params.package)) if params.package else None
    hardware, clock = Picamera(params.bus), RealClock()
    return Camera(name=name, kind="imx500", hardware=hardware, clock=clock, package=named, **told)


def sensed(topology: Topology) -> Iterator[tuple[str, Any]]:
    """Each camera of a topology whose source is `imx500`, with the parameters of that."""
    nodes = catalog()
    for step in topology.nodes.values():
        if not step.inputs and nodes[step.use].fn is imx500:
            for camera in topology.cameras:
                told = {**step.params, **step.overrides.get(camera, {})}
                yield camera, convert(told, nodes[step.use].params)


@contextmanager
def opened(camera: Camera) -> Iterator[Adapter]:
    """The camera, held for a moment; it is given back whatever happens.

    Raises:
        SensorError: If it cannot be opened; its text says what to do.
    """
    sensor = Adapter(camera.hardware, camera.clock)
    try:
        sensor.open()
        yield sensor
    finally:
        sensor.close()


@contextmanager
def streaming(camera: Camera, progress: Progress | None = None, **stream: Any) -> Iterator[Adapter]:
    """The camera with its network on it, streaming what it is to look at.

    Raises:
        SensorError: If it cannot.
    """
    network = camera.network()
    told = Stream(rate=camera.rate, discard=camera.discard, **stream)
    with opened(camera) as sensor:
        sensor.load(network, progress or _quiet)
        sensor.set_roi(camera.aims[0].roi, camera.aims[0].name)
        sensor.start(told)
        yield sensor


def _quiet(_done: int, _total: int) -> None:
    """Nobody waits for it."""
