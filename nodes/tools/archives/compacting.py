"""`kensa archive compact ARCHIVE`: few large files of many small ones."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from nodes.tools.archives.telling import day, left, located
from nodes.upkeep.compaction import ROWS, compact
from nodes.upkeep.rewriting import Left
from pipeline.columns import TABLES
from pipeline.places import place


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    located(parser)
    parser.add_argument("--table", action="append", choices=TABLES, help="only this; repeatable; default all")
    parser.add_argument("--until", type=day, default="9999-12-31", metavar="DAY", help="only days up to this one, UTC")
    parser.add_argument("--rows", type=int, default=ROWS, metavar="N", help=f"rows of a file, about; default {ROWS:,}")


def run(args: Namespace) -> int:
    """Compact it; returns the exit status."""
    told: list[Left] = []
    before = after = repeated = 0
    for done in compact(place(args.archive), told, tables=args.table or TABLES, until=args.until, rows=args.rows):
        print(f"{done.table} {done.day}: {done.before:,} files are now {done.after:,}, {done.rows:,} rows", flush=True)
        before, after, repeated = before + done.before, after + done.after, repeated + done.repeated
    twice = f"; {repeated:,} rows stood there more than once" if repeated else ""
    print(f"{before:,} files are now {after:,}{twice}" if before else "nothing to do: no files are small")
    return left(told)
