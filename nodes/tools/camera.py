"""`kensa camera`: look at a camera, put a network on it, focus it, measure it and test it; real or virtual."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

SAID = "look at a camera, put a network on it, focus it, measure it, test it"
ACTIONS = {
    "list": "say which cameras there are, and what runs on them",
    "info": "say what a camera is and how it is; or what is in a network package",
    "upload": "put a network on a camera",
    "snapshot": "write one frame: its mask as a PNG, and what the sensor says of it",
    "focus": "show how sharp the picture is, while somebody turns the lens",
    "calibrate-roi": "measure how many frames a change of crop takes, and keep it for this camera",
    "selftest": "let the camera look at a target that shows whether its masks are flipped or transposed",
}
STEPS = """
Each works on a camera of this host, on a camera as a topology has it, and on a made-up one:
  kensa camera info --bus i2c@88000
  kensa camera info topologies/line.yaml cam-1
  kensa camera info --virtual
docs/cameras.md leads through the commissioning of a camera.
Exit status: 0 well, 1 a test found a fault or nothing was found, 2 it cannot be done: the text says what to do.
"""
STOPPED = 130  # as shells tell Ctrl-C


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    parser.epilog, parser.formatter_class = STEPS, argparse.RawDescriptionHelpFormatter
    choices = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, said in ACTIONS.items():
        _tool(name).add(choices.add_parser(name, help=said, description=said[:1].upper() + said[1:] + "."))


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    try:
        return int(_tool(args.action).run(args))
    except KeyboardInterrupt:
        print("stopped; the camera was given back", file=sys.stderr)
        return STOPPED


def _tool(action: str) -> Any:
    """The module of an action."""
    return importlib.import_module(f"nodes.tools.{MODULES.get(action, action)}")


MODULES = {"list": "listing", "calibrate-roi": "calibrate"}
