"""The command line of training: each command is a module with `add(parser)` and `run(args) -> int`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from pipeline.cli import answered
from pipeline.heap import keep

NEEDED = ("cv2", "torch")  # what the extra `model` brings
KEPT, PIECE = (1 << 31) - 1, 1 << 30  # bytes: a step takes the same hundreds of megabytes as the one before

COMMANDS = {
    "catalogue": "draw a sheet of the samples that are made",
    "evaluate": "score a network beside answers without one",
    "export": "write a network as ONNX, with its card",
    "gain": "tell what a teacher is worth, over several runs with it and without",
    "loss": "tell what int8 takes from a network",
    "networks": "list the networks with their parameters and multiplications",
    "sony": "write a network as the IMX500 loads it, with its card",
    "speed": "time networks beside each other on this machine",
    "train": "train a network",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    try:
        return answered(_run, argv)
    except SystemExit as left:  # argparse has told why
        return left.code if isinstance(left.code, int) else 2
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        print(f"expected {error.name} to do this, found none; install it: pip install 'kensa[model]'", file=sys.stderr)
        return 2
    except OSError as error:  # a folder that cannot be made, a disk that is full
        print(f"{error.filename or 'cannot go on'}: {error.strerror or error}", file=sys.stderr)
        return 2


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="kensa-model", description="Train and score networks for the sensor.")
    command = next((word for word in words if not word.startswith("-")), None)
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, said in COMMANDS.items():
        sub = choices.add_parser(name, help=said, description=said[:1].upper() + said[1:] + ".")
        if name == command:
            importlib.import_module(f"model.commands.{name}").add(sub)
    args = parser.parse_args(words)
    keep(KEPT, PIECE)
    return int(importlib.import_module(f"model.commands.{args.command}").run(args))
