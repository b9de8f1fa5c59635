"""`kensa archive verify ARCHIVE`: every file is what was written, and every frame is there or told missing."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

import msgspec
from rich import box
from rich.table import Table

from nodes.tools.archives.telling import console, located
from pipeline.completeness import Completeness, Session, completeness
from pipeline.places import place

FEW = 3  # holes that are told of one session


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    located(parser)
    parser.add_argument("--quick", action="store_true", help="believe files, and read only what frames and gaps say")
    parser.add_argument("--json", action="store_true", help="print everything that was found as JSON")
    parser.epilog = "Exit status: 0 complete, 1 not, 2 it is no archive."


def run(args: Namespace) -> int:
    """Verify it; returns the exit status."""
    found = completeness(place(args.archive), quick=args.quick)
    if args.json:
        print(msgspec.json.encode(found, enc_hook=str).decode())
    else:
        console().print(shown(found))
        print("\n".join(told(found)))
    return int(not found.complete)


def shown(found: Completeness) -> Table:
    """A row per camera and session."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("camera", "session", "frames", "told missing", "pruned", "unexplained", "last", ""):
        table.add_column(name, justify="left" if name in {"camera", "session", ""} else "right")
    for each in found.sessions:
        numbers = (each.frames, each.missing, each.erased, lost(each), each.last)
        table.add_row(each.camera, each.session, *(f"{number:,}" for number in numbers), _said(each))
    return table


def told(found: Completeness) -> list[str]:
    """What else there is to say, in sentences."""
    lines = [f"damaged: {each.path}: {each.reason}" for each in found.damaged]
    if found.without:
        lines.append(f"{found.without:,} frames have fewer regions in the archive than were found in them")
    holes = sum(map(lost, found.sessions))
    if found.complete:
        return [f"complete: {len(found.sessions):,} sessions in {found.files:,} files"]
    return [*lines, f"not complete: {holes:,} frames unexplained, {len(found.damaged):,} files damaged"]


def lost(session: Session) -> int:
    """Frames of which nobody knows anything."""
    return sum(last - first + 1 for first, last in session.holes)


def _said(session: Session) -> str:
    why = [f"{count:,} {reason}" for reason, count in session.reasons.items()]
    holes = [f"{first}" if first == last else f"{first} to {last}" for first, last in session.holes]
    more = [f"{len(holes) - FEW} more"] if len(holes) > FEW else []
    where = [f"no word of {', '.join([*holes[:FEW], *more])}"] if holes else []
    return "; ".join([*why, *where])
