"""`kensa graph FILE`: draw the plan."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from pipeline.commands.plan import declare, planned
from pipeline.drawing.mermaid import mermaid
from pipeline.drawing.svg import svg

FORMATS = {"svg": svg, "mermaid": mermaid}


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    declare(parser)
    parser.add_argument("--format", choices=tuple(FORMATS), default="svg", help="svg to look at, mermaid for a page")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there; else it is printed")


def run(args: Namespace) -> int:
    """Draw the plan."""
    text = FORMATS[args.format](planned(args))
    if args.output is None:
        print(text, end="")
    else:
        args.output.write_text(text, encoding="utf-8")
    return 0
