"""`kensa camera info`: what a camera is and how it is; or what is in a network package, without any camera."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from nodes.sensors import known
from nodes.sensors.adapter import Adapter
from nodes.sensors.package import INPUT_LINES, OUTPUT_LINES, Contents, contents, digest, read
from nodes.sensors.sensor import Identity, Sensed
from nodes.tools.listing import settles
from nodes.tools.telling import rows, size
from nodes.tools.which import Camera, declare, meant_by, opened, streaming
from pipeline.errors import KensaError

FRAMES = 10  # that are looked at
Rows = list[tuple[str, str]]


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    declare(parser)
    parser.epilog = "A file that ends in .rpk in place of TOPOLOGY is inspected without a camera."


def run(args: Namespace) -> int:
    """Tell it."""
    if args.topology and Path(args.topology).suffix == ".rpk":
        path = Path(args.topology)
        data = read(path)
        print(rows([("package", str(path)), ("sha256", digest(data)), *inspected(contents(path, data), len(data))]))
        return 0
    camera = meant_by(args)
    print(rows(_seen(camera)))
    return 0


def _seen(camera: Camera) -> Rows:
    """What a camera says with its network on it; only who it is, where no network is known."""
    try:
        camera.network()
    except KensaError as error:
        with opened(camera) as sensor:
            return [*_who(sensor), ("state", str(sensor.state)), ("network", str(error))]
    with streaming(camera) as sensor:
        frames = [*islice(sensor.frames(), FRAMES)]
        return [*_who(sensor), *_how(sensor, frames)]


def _who(sensor: Adapter) -> Rows:
    identity = sensor.identity or Identity("imx500", "", "")
    device = identity.device or "not known yet: it is read through a network that runs"
    versions = ", ".join(f"{name} {number}" for name, number in identity.versions.items())
    told = known.of(identity.device) if identity.device else known.at(identity.kind, identity.bus)
    return [
        ("bus", identity.bus),
        ("id", identity.id),
        ("device", device),
        ("versions", versions),
        ("settles", settles(told)),
    ]


def _how(sensor: Adapter, frames: list[Sensed]) -> Rows:
    """How it is, after some frames."""
    health, last, package = sensor.health(), frames[-1], sensor.package
    runs = [(run.dnn_us, run.dsp_us) for frame in frames if (run := frame.inference) and run.dnn_us]
    shapes = next((frame.inference.layout.shapes for frame in frames if frame.inference), ())
    kpi = [f"{sum(each) / len(runs) / 1000:.1f} ms" for each in zip(*runs, strict=True)] if runs else []
    metadata, crop = last.metadata, last.epoch.roi if last.epoch else None
    warm, period = metadata.get("SensorTemperature"), metadata.get("FrameDuration")
    return [
        ("state", str(health.state) + (f": {health.advice}" if health.advice else "")),
        ("package", f"{package.name} ({package.sha256[:12]}), input {_sides(package.input_size)}" if package else ""),
        ("outputs", ", ".join(_sides(shape) for shape in shapes)),
        ("roi", f"{crop.width} × {crop.height} px at ({crop.x}, {crop.y})" if crop else "unknown"),
        ("temperature", "not told" if warm is None else f"{warm:.0f} °C"),
        ("kpi", f"network {kpi[0]}, after it {kpi[1]}" if kpi else "not told"),
        ("rate", f"{1e6 / period:.1f} frames/s" if period else "not told"),
        ("exposure", f"{metadata.get('ExposureTime', 0)} µs, gain {metadata.get('AnalogueGain', 1):.2f}"),
        ("inferences", f"{len(runs)} in {len(frames)} frames"),
    ]


def _sides(sides: tuple[int, ...]) -> str:
    return " × ".join(map(str, sides)) + " px" * (len(sides) == 2)


def inspected(found: Contents, total: int) -> Iterator[tuple[str, str]]:
    """What a package holds, in rows."""
    blocks = f"{len(found.blocks)} ({', '.join(map(size, found.blocks))})"
    yield "size", size(total)
    yield "blocks", blocks + ("; runs on one device alone" if found.locked else "")
    yield "network", ", ".join(f"{key} {found.info[key]}" for key in ("networkID", "networkNum") if key in found.info)
    yield "input", f"{_sides(found.input_size)}, {found.input_format}"
    for number, (count, width) in enumerate(zip(found.outputs, found.element, strict=True)):
        yield f"output {number}", f"{count} numbers of {8 * width} bits"
    yield "lines", _lines(found)
    for key, value in found.intrinsics.items():
        yield f"{key}", value if isinstance(value, str) else _short(value)


def _lines(found: Contents) -> str:
    """How many lines the tensors take, by formula, and whether the registers of the package agree."""
    of, said = found.lines, (found.registers.get(INPUT_LINES), found.registers.get(OUTPUT_LINES))
    told = f"{of[0]} of input and {of[1]} of output on the wire"
    if None in said:
        return f"{told}; its registers say nothing of them"
    return f"{told}, as its registers say" if of == said else f"{told}, but its registers say {said[0]} and {said[1]}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 70 else text[:69] + "…"
