"""`kensa archive prune ARCHIVE`: masks and pictures go after some days, rows after some more."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import UTC, datetime

from nodes.tools.archives.telling import left, located
from nodes.upkeep.pruning import Rule, prune
from nodes.upkeep.rewriting import Left
from pipeline.columns import TABLES
from pipeline.places import place

NEVER = "never"


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    located(parser)
    said = "days after which masks and pictures go, or never; what was measured stays; default 30"
    parser.add_argument("--masks", type=_days, default=30, metavar="DAYS", help=said)
    said = "days after which everything goes, or never; default never"
    parser.add_argument("--rows", type=_days, default=None, metavar="DAYS", help=said)
    parser.add_argument("--camera", action="append", default=[], metavar="NAME", help="only what this camera saw")
    parser.add_argument("--table", action="append", choices=TABLES, help="only this; repeatable; default all")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.epilog = "A day is so many days old when it ended so many days before today, UTC. What goes is gone."


def run(args: Namespace) -> int:
    """Prune it; returns the exit status."""
    told: list[Left] = []
    rule = Rule(args.masks, args.rows, tuple(args.camera), tuple(args.table or TABLES))
    bare = gone = freed = 0
    for done in prune(place(args.archive), rule, datetime.now(UTC).date(), told, dry=args.dry_run):
        what = [f"{done.bare:,} rows without masks"] * bool(done.bare) + [f"{done.rows:,} rows gone"] * bool(done.rows)
        print(f"{done.table} {done.day}: {', '.join(what)}", flush=True)
        bare, gone, freed = bare + done.bare, gone + done.rows, freed + done.freed
    would = "would have " if args.dry_run else ""
    print(f"{would}pruned: {bare:,} rows lost their masks, {gone:,} rows went; {freed / 1e6:,.1f} MB are free again")
    return left(told)


def _days(text: str) -> int | None:
    if text == NEVER:
        return None
    if not text.isdecimal():
        raise ArgumentTypeError(f"expected a number of days, or {NEVER}, found '{text}'")
    return int(text)
