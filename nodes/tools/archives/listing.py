"""`kensa archive ls ARCHIVE`: what an archive holds, as the footers of its files say."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from msgspec import Struct
from rich import box
from rich.table import Table

from nodes.tools.archives.telling import console, located
from pipeline.columns import TABLES, arrow
from pipeline.pieces import LEAN, archive_of, aside, days, pieces, sized, version
from pipeline.places import Where, place


class Held(Struct, frozen=True):
    """One table of one day.

    Attributes:
        table: Its name.
        day: Day of exposure, UTC.
        files: How many.
        rows: In all of them; one that was sent again counts again.
        size: Bytes.
        bare: Files whose masks were left out.
        versions: Of the schema, that they were written with.
    """

    table: str
    day: str
    files: int
    rows: int
    size: int
    bare: int
    versions: tuple[str, ...]


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    located(parser)
    parser.add_argument("--days", action="store_true", help="a row for each day, not only for each table")


def run(args: Namespace) -> int:
    """List it."""
    arrow()
    folder = archive_of(place(args.archive))
    found = [*held(folder)]
    console().print(shown(found if args.days else [*_summed(found)]))
    if damaged := aside(folder):
        print(f"{damaged:,} damaged files lie in its folder quarantine")
    return 0


def held(folder: Where) -> Iterator[Held]:
    """Each table and day of an archive."""
    for table in TABLES:
        for day in days(folder, [table]):
            files = pieces(folder, table, day)
            rows, size = (sum(each) for each in zip(*map(sized, files), strict=True)) if files else (0, 0)
            bare = sum(path.name.endswith(LEAN) for path in files)
            yield Held(table, day, len(files), rows, size, bare, tuple(sorted({_version(path) for path in files})))


def _version(path: Where) -> str:
    try:
        return version(path) or "?"
    except FileNotFoundError:
        return "?"


def _summed(found: list[Held]) -> Iterator[Held]:
    for table in dict.fromkeys(each.table for each in found):
        mine = [each for each in found if each.table == table]
        span = mine[0].day if len(mine) == 1 else f"{mine[0].day} to {mine[-1].day}, {len(mine):,} days"
        versions = tuple(sorted({version for each in mine for version in each.versions}))
        files, rows, size, bare = (sum(getattr(e, n) for e in mine) for n in ("files", "rows", "size", "bare"))
        yield Held(table, span, files, rows, size, bare, versions)


def shown(found: list[Held]) -> Table:
    """As a table for people."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("table", "days", "files", "rows", "MB", "bytes a row", "without masks", "version"):
        table.add_column(name, justify="left" if name in {"table", "days"} else "right")
    for each in found:
        a_row = f"{each.size / each.rows:,.0f}" if each.rows else ""
        bare = f"{each.bare:,}" if each.bare else ""
        numbers = (f"{each.files:,}", f"{each.rows:,}", f"{each.size / 1e6:,.1f}", a_row, bare)
        table.add_row(each.table, each.day, *numbers, ", ".join(each.versions))
    return table
