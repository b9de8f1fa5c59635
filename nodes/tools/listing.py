"""`kensa camera list`: which cameras there are, and what runs on them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from nodes.sensors import advice, known
from nodes.sensors.known import Known
from nodes.sensors.picamera import MODEL, bus_of, cameras
from nodes.sensors.virtual.rig import Rig
from nodes.tools.telling import rows
from nodes.tools.which import sensed, setup
from pipeline.check import load
from pipeline.errors import KensaError

NONE = (
    "no IMX500 is connected to this host: check the ribbon cable at both ends (contacts towards the board, latch "
    "closed) and that /boot/firmware/config.txt says `camera_auto_detect=1`, then reboot; about every fifth boot from "
    "an SSD misses a camera. Without one: `kensa camera list --virtual`"
)


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("topology", nargs="?", metavar="TOPOLOGY", help="those of a topology; else those of this host")
    parser.add_argument("--virtual", nargs="?", const="", metavar="FILE", help="a made-up camera")


def run(args: Namespace) -> int:
    """List them; 1 where there are none."""
    if args.topology:
        print("\n".join(_planned(args.topology)))
        return 0
    kind, listed = ("imx500", _real()) if args.virtual is None else ("virtual", _virtual(args.virtual))
    noted = {one.id: one for one in sorted(known.everything(), key=lambda one: one.seen) if one.kind == kind}
    for info in listed:
        print(_told(info, noted.get(info["Id"])))
    if any(info.get("Model") == MODEL for info in listed):
        return 0
    print(NONE, file=sys.stderr)
    return 1


def _real() -> list[dict[str, Any]]:
    try:
        return cameras()
    except Exception as error:  # whatever libcamera raises
        raise advice.diagnose(error, "list the cameras") from error


def _virtual(file: str) -> list[dict[str, Any]]:
    told = setup(file)
    try:
        return Rig(told.bus).cameras(told.behaviour.missing)
    except RuntimeError as error:
        raise advice.diagnose(error, "list the cameras") from error


def _told(info: dict[str, Any], one: Known | None) -> str:
    """A camera, and what is known of it."""
    model = "" if info.get("Model") == MODEL else f"  {info.get('Model')}: no IMX500, of no use to Kensa"
    return f"{bus_of(info['Id'])}  {info['Id']}{model}" + (f"\n{rows(noted(one), '  ')}" if not model else "")


def noted(one: Known | None) -> list[tuple[str, str]]:
    """What this host knows of a camera, in rows."""
    if one is None:
        return [("device", "not known yet: a camera says its number when a network runs, `kensa camera upload`")]
    up = one.upload
    return [
        ("device", f"{one.device}, seen {one.seen}"),
        ("network", f"{up.name} ({up.sha256[:12]}), put on it {up.at}" if up else "none that this host has put on it"),
        ("settles", settles(one)),
    ]


def settles(one: Known | None) -> str:
    """How long a camera settles, in words."""
    told = one.settling if one else None
    return f"in {told.frames} frames, measured {told.at}" if told else f"not measured: {known.SETTLE} frames"


def _planned(file: str) -> list[str]:
    """The cameras of a topology."""
    topology = load(file)
    found = dict(sensed(topology))
    if not found:
        raise KensaError(f"{file}: expected cameras whose source is `imx500`, found none")
    width = max(map(len, found))
    return [f"{name:<{width}}  {topology.cameras[name]}  {_source(params)}" for name, params in found.items()]


def _source(params: Any) -> str:
    prompts = f", prompts: {', '.join(params.prompts)}" if params.prompts else ""
    if params.virtual is None:
        return f"{params.bus or 'the only camera of its host'}, {params.package}{prompts}"
    runs = f"replay of {params.virtual.replay}" if params.virtual.replay else params.virtual.network
    return f"virtual, {params.virtual.bus}, {runs}{prompts}"
