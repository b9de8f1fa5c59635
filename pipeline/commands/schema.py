"""`kensa schema`: write the JSON Schema of topology files."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from pipeline.catalog import catalog
from pipeline.schema import schema


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there; else it is printed")
    parser.epilog = "Editors find it by a first line such as: # yaml-language-server: $schema=kensa.schema.json"


def run(args: Namespace) -> int:
    """Write the schema of what the installed nodes can be told."""
    text = msgspec.json.format(msgspec.json.encode(schema(catalog())), indent=2).decode()
    if args.output is None:
        print(text)
    else:
        args.output.write_text(text + "\n", encoding="utf-8")
    return 0
