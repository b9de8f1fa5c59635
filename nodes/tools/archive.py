"""`kensa archive`: look into an archive, prove that it is complete, make it smaller, and hand masks on."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

SAID = "look into an archive, verify, compact, prune, copy and export it"
ACTIONS = {
    "ls": "say what an archive holds: tables, days, files, rows, bytes",
    "columns": "say what each column means",
    "show": "print rows as JSON, one a line",
    "verify": "prove that every frame is there, or told missing",
    "compact": "make few large files of many small ones",
    "prune": "let go of masks and pictures after some days, of rows after some more",
    "copy": "copy an archive to another folder, or to an object store, or back",
    "export": "write masks as COCO JSON, or as PNG files",
}
STEPS = """
All of them work beside a running line. docs/archive.md says what the tables mean, and how others read them.
Exit status: 0 well, 1 something is missing or was left as it was: the text says what, 2 it cannot be done.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    parser.epilog, parser.formatter_class = STEPS, argparse.RawDescriptionHelpFormatter
    choices = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, said in ACTIONS.items():
        _tool(name).add(choices.add_parser(name, help=said, description=said[:1].upper() + said[1:] + "."))


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    return int(_tool(args.action).run(args))


def _tool(action: str) -> Any:
    """The module of an action."""
    return importlib.import_module(f"nodes.tools.archives.{MODULES[action]}")


MODULES = {
    "ls": "listing",
    "columns": "columns",
    "show": "showing",
    "verify": "verifying",
    "compact": "compacting",
    "prune": "pruning",
    "copy": "copying",
    "export": "exporting",
}
