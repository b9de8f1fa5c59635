"""`kensa camera calibrate-roi`: measure how many frames a change of crop takes, and keep it for this camera."""

from __future__ import annotations

import random
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from nodes.sensors import known
from nodes.sensors.adapter import Adapter
from nodes.sensors.known import Settling
from nodes.sensors.prompts import Aim
from nodes.sensors.settling import Change, Found, crops, measure, summed
from nodes.sensors.virtual.page import blocks
from nodes.tools.snapshot import png, written
from nodes.tools.telling import rows
from nodes.tools.which import declare, meant_by, streaming
from pipeline.errors import KensaError

SIDE = 32  # px of a block of the page


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    declare(parser)
    parser.add_argument("--changes", type=int, default=40, metavar="N", help="how many are looked at; default 40")
    said = "write a page to print that suits it as a PNG, and do nothing else"
    parser.add_argument("--sheet", type=Path, metavar="FILE", help=said)
    parser.add_argument("--dry", action="store_true", help="only measure, keep nothing")
    parser.epilog = (
        "Let the camera look at something still that is full of different things, such as the page of `--sheet`. What "
        "is kept is what the `imx500` node takes for `settle` where a topology leaves it out; `kensa plan` says which."
    )


def run(args: Namespace) -> int:
    """Measure it."""
    if args.changes < 1:
        raise KensaError(f"--changes: expected at least 1, got {args.changes}")
    if args.sheet:
        written(args.sheet, png(blocks().repeat(SIDE, 0).repeat(SIDE, 1)))
        print(f"{args.sheet}: print it, and let it fill the view of the camera")
        return 0
    camera = meant_by(args, **({"page": True} if args.virtual == "" else {}))
    pair = crops(camera.network().input_size)
    camera = msgspec.structs.replace(camera, aims=(Aim("old", pair[0]),))
    with streaming(camera, images=True, input_tensor=True) as sensor:
        found = summed(measure(sensor, pair, args.changes, _tell, random.Random()))  # noqa: S311 - no secret
    told = _settling(found, camera.rate)
    print(rows(_rows(sensor, told, keep=not args.dry)))
    return 0


def _tell(number: int, change: Change) -> None:
    """A line for each change, where somebody watches."""
    if sys.stdout.isatty():
        print(f"change {number}: {change.frames} frames", end="\r", flush=True)


def _settling(found: Found, rate: float) -> Settling:
    return Settling(
        frames=found.frames, p95=found.p95, torn=found.torn, changes=found.changes, rate=rate, at=known.now()
    )


def _rows(sensor: Adapter, told: Settling, *, keep: bool) -> list[tuple[str, str]]:
    identity = sensor.identity
    assert identity is not None, "it was opened"
    path = known.note(identity, settling=told) if keep else None
    return [
        ("camera", f"{identity.bus}, {identity.device}"),
        ("changes", f"{told.changes}, at {told.rate:g} frames/s"),
        ("settles in", f"{told.frames} frames at most, {told.p95} in 95 of 100 changes"),
        ("torn", f"a frame with a mixture of both crops in {told.torn} of {told.changes} changes"),
        ("kept in", str(path) if path else "nothing: it was a dry run" if not keep else ""),
    ]
