"""The command line: each command is a module of `pipeline.commands` with `add(parser)` and `run(args) -> int`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from pipeline.errors import KensaError

COMMANDS = {
    "demo": "run a line of made-up cameras and judge its verdicts",
    "check": "report every reason a topology cannot run",
    "plan": "print processes, lanes, edges and policies, and why each cut",
    "graph": "draw the plan as SVG or Mermaid",
    "schema": "write the JSON Schema of topology files",
    "nodes": "print the manual of nodes",
    "run": "run a line",
    "calibrate": "say how pixels become millimetres",
    "keys": "say which hosts may speak with this one",
    "reload": "let a running line become what the file says",
    "top": "watch a running line",
    "tap": "print the records that a node of a running line gives",
    "record": "write down what the sources of a topology give",
    "replay": "run a whole topology over a recording, in one thread",
    "test": "run the cases written beside topologies",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    words = [*sys.argv[1:]] if argv is None else [*argv]
    command = next((word for word in words if word in COMMANDS), None)
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, said in COMMANDS.items():
        sub = choices.add_parser(name, help=said, description=said.capitalize() + ".")
        if name == command:
            importlib.import_module(f"pipeline.commands.{name}").add(sub)
    args = parser.parse_args(words)
    try:
        return int(importlib.import_module(f"pipeline.commands.{args.command}").run(args))
    except KensaError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="kensa", description="Carry masks from smart cameras to verdicts.")
