"""`kensa camera upload PACKAGE`: put a network on a camera, and see that it runs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import islice
from pathlib import Path

import msgspec

from nodes.sensors import known
from nodes.sensors.adapter import Adapter
from nodes.sensors.package import package as packed
from nodes.sensors.sensor import Package, Sensed
from nodes.sensors.virtual.setup import package as virtual_package
from nodes.tools.telling import rows, uploading
from nodes.tools.which import declare, meant_by, streaming
from pipeline.errors import KensaError

FRAMES = 60  # in which an inference must come


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="PACKAGE", help="an .rpk; for a virtual camera an .onnx, or `brightness`")
    declare(parser, package=False)
    parser.epilog = "The first time takes minutes, for the camera's bridge is slow; Kensa waits up to ten of them."


def run(args: Namespace) -> int:
    """Put it there."""
    args.package = None
    camera = meant_by(args)
    camera = msgspec.structs.replace(camera, package=_named(camera.kind, args.file))
    network = camera.network()
    with uploading(network.name) as progress, streaming(camera, progress, lock=False) as sensor:
        first = _first(sensor)
    print(rows(_done(sensor, network, first)))
    return 0


def _named(kind: str, file: str) -> Package:
    if kind == "virtual" and file.endswith(".rpk"):
        raise KensaError(f"{file}: a virtual camera runs ONNX files; name the .onnx it was made of, or `brightness`")
    if kind == "imx500" and not file.endswith(".rpk"):
        raise KensaError(f"{file}: a camera takes network packages (.rpk); make one of it with `imx500-package`")
    return packed(Path(file)) if kind == "imx500" else virtual_package(file)


def _first(sensor: Adapter) -> Sensed:
    """The first frame with an inference: only that proves that the network runs."""
    for sensed in islice(sensor.frames(), FRAMES):
        if sensed.inference is not None:
            return sensed
    raise KensaError(
        f"the network is on the camera, but {FRAMES} frames came without an inference: it may run too slowly for "
        "this rate (`--rate`), or the package may be for another firmware; see `kensa camera info`"
    )


def _done(sensor: Adapter, network: Package, first: Sensed) -> list[tuple[str, str]]:
    identity, run = sensor.identity, first.inference
    assert identity is not None, "it was opened"
    assert run is not None, "it is the first with one"
    noted = known.note(identity, upload=known.uploaded(network))
    took = f", {run.dnn_us / 1000:.1f} ms" if run.dnn_us else ""
    return [
        ("network", f"{network.name} ({network.sha256[:12]}) runs{took}"),
        ("outputs", ", ".join(" × ".join(map(str, shape)) for shape in run.layout.shapes)),
        ("camera", f"{identity.bus}, {identity.device}"),
        ("kept in", str(noted or "")),
    ]
