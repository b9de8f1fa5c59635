"""`kensa backtest RULES... ARCHIVE`: judge an archive again, and show which parts change their verdict."""

from __future__ import annotations

import csv
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nodes.drawing.contact import Section, contact, extent
from nodes.drawing.files import known, write
from nodes.drawing.sign import word
from nodes.drawing.theme import THEMES
from nodes.tools.changes import COLUMNS, Changes
from nodes.tools.rejudge import Reader
from pipeline.errors import KensaError
from pipeline.records import Outcome

SAID = "judge an archive again by other rules, and show which verdicts change"
COLOURS = {"PASS": "green", "WARN": "yellow", "FAIL": "red", "NO_READ": "magenta", None: "dim"}
OUTCOMES: tuple[Outcome | None, ...] = ("PASS", "WARN", "FAIL", "NO_READ", None)
STEPS = "Exit status: 0 no verdict changes, 1 some do, or something could not be judged again; 2 it cannot be done."


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "rules", nargs="+", metavar="RULES", help="rule books; each is compared with what the line said"
    )
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="what a line has archived")
    parser.add_argument(
        "--camera", action="append", default=[], metavar="NAME", help="only what this camera, or station, saw"
    )
    parser.add_argument("--before", metavar="BOOK", help="compare with this book's verdicts, by its name")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw the parts that change: a .png or .svg file")
    parser.add_argument("--tiles", type=int, default=12, metavar="N", help="parts drawn per kind of change; default 12")
    parser.add_argument("--theme", choices=tuple(THEMES), default="light", help="of the sheet; default light")
    parser.add_argument("--changes", type=Path, metavar="FILE", help="write every change as a row of a CSV file")
    parser.epilog = STEPS


def run(args: Namespace) -> int:
    """Judge again; returns the exit status."""
    if args.sheet:
        known(args.sheet)
    reader = Reader(args.archive, args.rules, cameras=args.camera, before=args.before)
    began = time.perf_counter()
    was, found = _judged(args, reader)
    took = time.perf_counter() - began
    if not sum(was.values()):
        raise KensaError("\n".join([f"{args.archive}: nothing to judge again{_empty(args)}", *reader.untold()]))
    console = Console(highlight=False)
    console.print(_overview(was, found))
    for changes in found:
        console.print(_table(changes))
    for changes in (each for each in found if each.other):
        print(f"{changes.book}: {changes.other:,} keep their verdict, for other reasons")
    print(_pace(sum(was.values()), reader.seconds, took))
    untold = [*reader.untold()]
    print("\n".join([*_gaps(reader), *untold]), end="\n" if reader.gaps or untold else "")
    if args.sheet:
        _draw(args, found)
    return int(any(changes.changed for changes in found) or bool(untold))


def _judged(args: Namespace, reader: Reader) -> tuple[Counter[Outcome | None], list[Changes]]:
    was: Counter[Outcome | None] = Counter()
    with ExitStack() as stack:
        sheet = stack.enter_context(args.changes.open("w", encoding="utf-8", newline="")) if args.changes else None
        if sheet:
            csv.writer(sheet).writerow(COLUMNS)
        found = [Changes(book, args.tiles, sheet) for book in args.rules]
        for again in reader:
            was[again.was.outcome if again.was else None] += 1
            for changes, now in zip(found, again.now, strict=True):
                changes.add(again, now)
    return was, found


def _overview(was: Counter[Outcome | None], found: Sequence[Changes]) -> Table:
    """How many of each verdict: of the line, and of each book."""
    rows = [("the line", was, "")] + [(c.book, c.outcomes, f"{c.changed:,}") for c in found]
    shown = [o for o in OUTCOMES if any(counts[o] for _, counts, _ in rows)]
    table = Table(title="Verdicts", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("")
    for outcome in shown:
        table.add_column(Text(word(outcome), COLOURS[outcome]), justify="right")
    table.add_column("changed", justify="right")
    for name, counts, changed in rows:
        table.add_row(Text(name, "bold"), *(f"{counts[o]:,}" for o in shown), changed)
    return table


def _table(changes: Changes) -> Table | Text:
    """Which verdicts become which, and why."""
    if not changes.changed:
        return Text(f"{changes.book}: no verdict changes")
    table = Table(title=f"{changes.book} changes", box=box.SIMPLE_HEAD, title_justify="left")
    for name, justify in (("from", "left"), ("to", "left"), ("parts", "right"), ("why", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for (was, now), count, reasons in changes.rows():
        why = ", ".join(f"{reason} {n:,}" for reason, n in sorted(reasons.items(), key=lambda r: (-r[1], r[0])))
        table.add_row(Text(word(was), COLOURS[was]), Text(word(now), COLOURS[now]), f"{count:,}", why)
    return table


def _pace(judged: int, seconds: float, took: float) -> str:
    pace = f", {seconds / took:,.0f} × real time" if seconds and took else ""
    return f"{judged:,} judged again: {seconds:,.0f} s of exposure in {took:.1f} s{pace}"


def _gaps(reader: Reader) -> Iterator[str]:
    if reader.gaps:
        yield f"{reader.gaps:,} stretches that nobody saw: NO READ under every book"


def _empty(args: Namespace) -> str:
    asked = f" of {', '.join(args.camera)}" if args.camera else ""
    return f": expected parts{asked}, or frames with verdicts, found none"


def _draw(args: Namespace, found: Sequence[Changes]) -> None:
    theme = THEMES[args.theme]
    for changes in found:
        sections: list[Section] = changes.sections()
        path = args.sheet if len(found) == 1 else args.sheet.with_stem(f"{args.sheet.stem}-{Path(changes.book).stem}")
        title = f"What {Path(changes.book).stem} changes: {changes.changed:,} of {sum(changes.counts.values()):,}"
        said = f"{args.archive}, judged by {changes.book}; the sign is the new verdict"
        write(path, extent(sections), theme, lambda pen, t=title, s=said, c=sections: contact(pen, t, s, c, theme))  # type: ignore[misc]
        print(f"drawn: {path}")
