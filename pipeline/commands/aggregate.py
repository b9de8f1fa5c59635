"""`kensa aggregate ARCHIVE --output DIR`: rates, quantiles, heat maps and more, by a Beam pipeline."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.batch.aggregating import Outcome, Request, aggregate
from pipeline.batch.measures import MEASURES, chosen
from pipeline.batch.mirroring import worked
from pipeline.batch.observing import Asked
from pipeline.batch.parcels import total
from pipeline.batch.publishing import LETTERS
from pipeline.batch.studies import CHARTS, Study, named, rules, tolerance
from pipeline.batch.surveying import Home
from pipeline.batch.windows import SPANS, Calendar, batches, known_zone, shifts
from pipeline.errors import TableError
from pipeline.places import KNOWN, Where, place

MORE = True  # the options of Beam
SHOWN = ("rows", "counted", "repeated", "dead", "outside")
ROOM = "for capability; repeatable; as part.length_mm=19.8:20.2, or found=1:1"
STEPS = """Whatever else stands behind ARCHIVE goes to Beam, as --runner=…; without a runner, the job runs in this
process. What is written is in docs/statistics.md. Exit status: 0 all was counted, 1 there are dead letters, 2 nothing
was published."""


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.allow_abbrev = False  # a word of Beam's is no short form of ours
    said = f"what lines have archived: a folder, or the URL of an object store, as {KNOWN}"
    parser.add_argument("archive", metavar="ARCHIVE", help=said)
    parser.add_argument("--output", required=True, metavar="DIR", help="where results go, likewise; one per archive")
    parser.add_argument("--zone", default="UTC", help="time zone of the plant, as Europe/Berlin; default UTC")
    parser.add_argument("--window", choices=SPANS, default="hour", help="what is counted together; default hour")
    parser.add_argument("--shifts", default="06:00,14:00,22:00", metavar="TIMES", help="when shifts begin, plant time")
    parser.add_argument("--batches", type=Path, metavar="FILE", help="CSV of batches: batch, begin, end (ISO 8601)")
    parser.add_argument("--plant", default="", metavar="NAME", help="where the archive's folders do not say plant=…")
    parser.add_argument("--line", default="", metavar="NAME", help="where the archive's folders do not say line=…")
    parser.add_argument("--measure", action="append", choices=[m.name for m in MEASURES], help="only this; repeatable")
    parser.add_argument("--part", default="part", metavar="LABEL", help="of the regions on which others lie")
    parser.add_argument("--recent", type=int, default=7, metavar="DAYS", help="held against the days before; default 7")
    parser.add_argument("--charts", default=",".join(Study().charts), metavar="NAMES", help=f"of {', '.join(CHARTS)}")
    parser.add_argument("--rules", default="N1,N2", help="that flag points: N1…N8 (Nelson), W1…W4 (Western Electric)")
    parser.add_argument("--baseline", type=int, default=0, metavar="N", help="windows of a phase that make its limits")
    parser.add_argument("--tolerance", action="append", default=[], metavar="LABEL.MEASURE=LEAST:GREATEST", help=ROOM)
    parser.add_argument("--no-pixels", action="store_true", help="count centroids, not every pixel of a mask")
    parser.add_argument("--verify", action="store_true", help="hold each file against the digest in its name")
    parser.epilog = STEPS


def run(args: Namespace) -> int:
    """Aggregate; returns the exit status."""
    home, output = Home(args.plant, args.line), place(args.output)
    with worked(output) as folder:
        request = Request(place(args.archive), folder, _calendar(args), home, _asked(args), _study(args))
        outcome = aggregate(request, args.more, print)
    account = total(day.account for day in outcome.manifest.days)
    Console(highlight=False).print(_accounts(account.tables))
    print("\n".join(_told(outcome, output)))
    return int(bool(account.dead or outcome.manifest.dead))


def _calendar(args: Namespace) -> Calendar:
    zone = known_zone(args.zone)
    if (args.window == "batch") != (args.batches is not None):
        raise TableError("expected --window batch and --batches FILE together, found one of them")
    lots = batches(args.batches, zone) if args.batches else ()
    return Calendar(zone, args.window, shifts(args.shifts), lots)


def _asked(args: Namespace) -> Asked:
    measures = chosen(args.measure or [measure.name for measure in MEASURES])
    return Asked(measures, args.part, pixels=not args.no_pixels, verify=args.verify)


def _study(args: Namespace) -> Study:
    asked = named(args.charts, {**CHARTS}, "charts")
    return Study(args.recent, asked, rules(args.rules), args.baseline, tuple(map(tolerance, args.tolerance)))


def _accounts(tables: dict[str, dict[str, int]]) -> Table:
    """What became of every row."""
    shown = Table(title="What the archive holds", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("", *SHOWN):
        shown.add_column(name, justify="left" if not name else "right")
    for table, entries in tables.items():
        own = {**entries, "rows": entries["rows"] - entries["elsewhere"]}
        shown.add_row(table, *(f"{own[name]:,}" for name in SHOWN))
    return shown


def _told(outcome: Outcome, output: Where) -> list[str]:
    days = outcome.manifest.days
    letters = [*outcome.manifest.dead, *(letter for day in days for letter in day.account.dead)]
    told = [f"{len(outcome.fresh):,} of {len(days):,} days read, every row accounted for: {output}"]
    if outcome.kept:
        told.append(f"{len(outcome.kept):,} of them had more rows once: what was published then stays")
    if letters:
        unknown = f", and {len(outcome.manifest.dead):,} files without a footer" if outcome.manifest.dead else ""
        told.append(f"{sum(letter.rows for letter in letters):,} rows are dead letters{unknown}: {output / LETTERS}")
    return told
