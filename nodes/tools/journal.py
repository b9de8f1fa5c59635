"""`kensa journal FILE`: print what happened to alarms and who did what, and check that nobody changed it since."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from nodes.alarming.chain import Past, Row, files, read, recall
from pipeline.errors import KensaError
from pipeline.faults import shown

SAID = "print a journal of alarms, and check that nobody changed it"
CHANGED = 1


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = "exit status: 0 the journal is as it was written; 1 it is not, and every place is printed"
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="the journal: the alarms' file with `.alarms` behind it"
    )
    parser.add_argument("--orders", action="store_true", help="only what operators did")
    parser.add_argument("--json", action="store_true", help="whole rows, one JSON object a line")


def run(args: Namespace) -> int:
    """Print and check; returns the exit status."""
    if not args.file.is_file():
        raise KensaError(f"expected a journal of alarms, found no file at {shown(str(args.file))}")
    told = (found for file in files(args.file) for _, found in read(file))
    rows = (found[0] for found in told if not isinstance(found, str))
    for row in rows:
        if row.order or not args.orders:
            print(json.dumps(msgspec.to_builtins(row), ensure_ascii=False) if args.json else "\n".join(_lines(row)))
    past = recall(args.file)
    if args.json:
        return CHANGED if past.flaws else 0
    print("\n".join(past.flaws) or f"{args.file} is as it was written: {_said(past)}")
    return CHANGED if past.flaws else 0


def _said(past: Past) -> str:
    """How far it goes, and what of it is no longer kept."""
    if not past.last:
        return "no rows"
    gone = f"; those before row {past.first:,} are no longer kept" if past.first > 1 else ""
    return f"row {past.rows:,}, hash {past.hash}{gone}"


def _lines(row: Row) -> list[str]:
    """A row for people: what was ordered, then what came of it."""
    found = []
    if row.order:
        who = row.order.by if row.order.login in ("", row.order.by) else f"{row.order.by} ({row.order.login})"
        why = f": {row.order.reason}" if row.order.reason else ""
        said = f" – refused: {row.refused}" if row.refused else ""
        found.append(f"{row.time} {who} {row.order.verb} {row.order.alarm}{why}{said}")
    for step in row.steps:
        why = f": {step.after.because.text}" if step.what == "raised" else ""
        quiet = " (not told)" if step.quiet else ""
        found.append(f"{row.time}   {step.alarm} {step.what}, now {step.now}{quiet}{why}")
    return found
