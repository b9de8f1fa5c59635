"""`kensa archive columns [TABLE]`: what each column means, as docs/columns.md has it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from pipeline.columns import COLUMNS, STRUCTS, TABLES, VERSION, Column

HEAD = """\
# Columns of the archive

Written by `kensa archive columns`; version {version} of the schema. The same units stand in the metadata of every file:
`kensa.table` and `kensa.schema` in that of the schema, `unit` in that of each field. What is *nullable* may be null;
a struct's fields are read as `shape.length_px`. Days are UTC, by exposure, and so is `t_ns`. Coordinates are in mask px
where no other unit is told, x to the right, y down; the centre of the first pixel is 0, 0.
"""
SAID = {
    "frames": "A row per frame that was inspected, as each node tells it (`kind`), also where nothing was found.",
    "settling": "Frames that came while the crop of the camera changed: their masks may be of another place.",
    "regions": "A row per connected piece of a mask, with what was measured on it.",
    "parts": "A row per part, told once, when it had left the view, with its best view.",
    "verdicts": "A row per decision about a frame, a part, or a stretch that nobody saw.",
    "images": "Pictures, of cameras where the topology says `images: true`.",
    "gaps": "A row per stretch of frames that are missing: `seq` is the first, `last` the last of them.",
}


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("table", nargs="?", choices=TABLES, metavar="TABLE", help="only this; default all")


def run(args: Namespace) -> int:
    """Print them."""
    print("\n".join(_section(args.table) if args.table else markdown()))
    return 0


def markdown() -> Iterator[str]:
    """The manual of all columns, line by line."""
    yield HEAD.format(version=VERSION)
    for table in TABLES:
        yield from _section(table)


def _section(table: str) -> Iterator[str]:
    yield from (f"## {table}", "", SAID[table], "", "| column | type | |", "|---|---|---|")
    for column in COLUMNS[table]:
        yield from _rows(column, "")
    yield ""


def _rows(column: Column, before: str) -> Iterator[str]:
    name, kind, unit = column
    kind = kind.partition("=")[0]
    inner = kind.removesuffix("?").strip("[]")
    said = ("list of structs" if kind.startswith("[") else "struct") if inner in STRUCTS else inner
    nullable = ", nullable" if kind.endswith("?") else ""
    yield f"| `{before}{name}` | {said}{nullable} | {unit} |"
    for each in STRUCTS.get(inner, ()):
        yield from _rows(each, f"{before}{name}.")
