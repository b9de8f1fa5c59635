"""What the tools of an archive share: how they tell what was left, and which rows are meant."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nodes.upkeep.rewriting import Left
from pipeline.archive import SAME, once
from pipeline.columns import arrow
from pipeline.errors import TableError
from pipeline.pieces import Damage, archive_of, days, load, pieces
from pipeline.places import KNOWN, Where, place

WIDE = 200  # characters

if TYPE_CHECKING:
    import pyarrow as pa


def console() -> Console:
    """Where tables are printed; what nobody watches is not cut to a terminal's width."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def left(told: Iterable[Left | Damage]) -> int:
    """Print what was left as it was, and say whether there was anything."""
    status = 0
    for each in told:
        print(f"left: {each.path}: {each.reason}")
        status = 1
    return status


def day(text: str) -> str:
    """A day as people write it: `2026-11-22`."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ArgumentTypeError(f"expected a day such as 2026-11-22, found '{text}'") from error


def located(parser: ArgumentParser) -> None:
    """Declare where the archive is."""
    said = f"what lines have archived: a folder, or the URL of an object store, as {KNOWN}"
    parser.add_argument("archive", metavar="ARCHIVE", help=said)


def declare(parser: ArgumentParser) -> None:
    """Declare which rows are meant."""
    parser.add_argument("--camera", action="append", default=[], metavar="NAME", help="only what this camera saw")
    parser.add_argument("--session", action="append", default=[], metavar="ID", help="only of this session")
    parser.add_argument("--day", action="append", default=[], type=day, metavar="DAY", help="only of this day, UTC")
    parser.add_argument("--seq", type=numbers, metavar="N[-M]", help="only this frame, or these")


def numbers(text: str) -> tuple[int, int]:
    """One frame, or from one to another."""
    found = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", text)
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise ArgumentTypeError(f"expected a frame such as 7, or frames such as 7-12, found '{text}'")
    return int(found[1]), int(found[2] or found[1])


def chosen(args: Namespace, table: str, damaged: list[Damage]) -> Iterator[pa.Table]:
    """The rows that are meant, day by day, each once, by camera and exposure.

    Raises:
        TableError: If there is no such archive.
    """
    folder = archive_of(place(args.archive))
    for name in days(folder, [table]):
        if not args.day or name in args.day:
            found = [rows for path in pieces(folder, table, name) for rows in _read(args, path, table, damaged)]
            if found:
                rows = once(arrow().concat_tables(found), SAME[table])
                yield rows.sort_by([(column, "ascending") for column in ("camera", "t_ns", "seq")])


def _read(args: Namespace, path: Where, table: str, damaged: list[Damage]) -> Iterator[pa.Table]:
    try:
        rows = load(path, table)
    except (TableError, OSError) as error:
        damaged.append(Damage(path, str(error)))
        return
    found = rows.filter(_meant(args, rows))
    if len(found):
        yield found


def _meant(args: Namespace, rows: pa.Table) -> Any:
    pa = arrow()
    mine = pa.compute.is_valid(rows["seq"])
    for name, words in (("camera", args.camera), ("session", args.session)):
        if words:
            mine = pa.compute.and_(mine, pa.compute.is_in(rows[name], value_set=pa.array(words)))
    if args.seq:
        first, last = args.seq
        upto = rows["last"] if "last" in rows.column_names else rows["seq"]
        there = pa.compute.and_(pa.compute.less_equal(rows["seq"], last), pa.compute.greater_equal(upto, first))
        mine = pa.compute.and_(mine, there)
    return mine
