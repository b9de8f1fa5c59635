"""Read an archive: every row once, however often it was written, and no row that is not what was written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pipeline.columns import TABLES, arrow, schema
from pipeline.errors import TableError
from pipeline.pieces import Damage, days, load, pieces, span

if TYPE_CHECKING:
    import pyarrow as pa

# What makes a row the same row: a batch that was sent again after a crash is written again, in other company.
SAME: dict[str, tuple[str, ...]] = {
    "frames": ("camera", "session", "seq", "kind", "prompt"),
    "regions": ("camera", "session", "seq", "kind", "place", "label", "box_x", "box_y", "area_px"),
    "parts": ("camera", "session", "seq", "part"),
    "verdicts": ("camera", "session", "seq", "first_seq", "subject", "part", "book"),
    "gaps": ("camera", "session", "seq", "last", "place"),
    "settling": ("camera", "session", "seq", "kind", "prompt"),
    "images": ("camera", "session", "seq", "prompt"),
}
ERASED = "erased.jsonl"
STRETCH = 60.0  # seconds
KEPT = 64  # files: a minute of four tables has about fifty


class Erased(Struct, frozen=True):
    """Rows that were pruned, as a line of `erased.jsonl` tells it.

    Attributes:
        table: Whose rows they were.
        day: Day of exposure, UTC, ISO 8601.
        camera: Whose they were.
        session: The same.
        first: Smallest frame number among them.
        last: Largest.
        rows: How many.
    """

    table: str
    day: str
    camera: str
    session: str
    first: int
    last: int
    rows: int


def read(folder: Path, table: str, damaged: list[Damage] | None = None) -> pa.Table:
    """One table of an archive, in order of its files, each row once; rows whose masks were left out come last.

    Args:
        folder: The archive.
        table: One of `TABLES`, as `frames` or `regions`.
        damaged: Files that cannot be trusted are left out and told here; where nobody asks, one is an error.

    Raises:
        TableError: If there is no such archive or no such table, a file is damaged and nobody asked for such, or
            pyarrow is not installed.
    """
    if table not in TABLES or not folder.is_dir():
        raise TableError(f"expected an archive with tables {', '.join(TABLES)}, found no {table!r} in {folder}")
    empty = schema(table).empty_table()
    found = [*_whole(folder, table, damaged)]
    return once(arrow().concat_tables(found), SAME[table]) if found else empty


class Stretch:
    """The rows of an archive that were exposed in a stretch of time, table by table: what is about one moment is here.

    Attributes:
        begin_ns: First nanosecond of it, UTC.
        end_ns: First nanosecond that is no more of it.
    """

    def __init__(self, reels: _Reels, begin_ns: int, end_ns: int) -> None:
        self._reels = reels
        self.begin_ns, self.end_ns = begin_ns, end_ns

    def around(self, more: int) -> Stretch:
        """The same with as many stretches before and after it, of its day."""
        wide = more * (self.end_ns - self.begin_ns)
        return Stretch(self._reels, self.begin_ns - wide, self.end_ns + wide)

    def read(self, table: str) -> pa.Table:
        """One table, each row once, by exposure.

        Raises:
            TableError: If there is no such table.
        """
        import pyarrow.compute as pc

        found = [schema(table).empty_table()]
        for rows in self._reels.over(table, self.begin_ns, self.end_ns):
            times = rows["t_ns"]
            found.append(rows.filter(pc.and_(pc.greater_equal(times, self.begin_ns), pc.less(times, self.end_ns))))
        return once(arrow().concat_tables(found), SAME[table]).sort_by("t_ns")


def stretches(
    folder: Path, damaged: list[Damage], lead: Sequence[str] = ("parts", "verdicts"), seconds: float = STRETCH
) -> Iterator[Stretch]:
    """An archive from its first exposure to its last, piece by piece: a long one needs no more memory than a day.

    All rows about one exposure, and all repetitions of a row, have the same time: they are in the same stretch.

    Args:
        folder: The archive.
        damaged: Files that cannot be trusted are left out and told here.
        lead: Stretches in which none of these tables has a file are left out.
        seconds: How long each is.

    Raises:
        TableError: If there is no such archive, or pyarrow is not installed.
    """
    if not folder.is_dir():
        raise TableError(f"expected an archive, found no folder {folder}")
    long = int(seconds * 1e9)
    for day in days(folder, lead):
        reels = _Reels(folder, day, damaged)
        spans = [(first, last) for table in lead for first, last, _ in reels.files(table)]
        for number in sorted({n for first, last in spans for n in range(first // long, last // long + 1)}):
            yield Stretch(reels, number * long, (number + 1) * long)


class _Reels:
    """The files of a day by what time they are about; those read last are kept, for a stretch ends within one."""

    def __init__(self, folder: Path, day: str, damaged: list[Damage]) -> None:
        self._folder, self._day, self._damaged = folder, day, damaged
        self._files: dict[str, list[tuple[int, int, Path]]] = {}
        self._kept: OrderedDict[Path, pa.Table | None] = OrderedDict()

    def files(self, table: str) -> list[tuple[int, int, Path]]:
        """First and last exposure of each file of a table."""
        if table not in SAME:
            raise TableError(f"expected one of {', '.join(SAME)}, found {table!r}")
        if table not in self._files:
            self._files[table] = [(*span(path), path) for path in pieces(self._folder, table, self._day)]
        return self._files[table]

    def over(self, table: str, begin: int, end: int) -> Iterator[pa.Table]:
        """The files that may hold rows of a stretch."""
        told: set[Path] = set()
        while True:
            mine = [path for first, last, path in self.files(table) if first < end and last >= begin]
            for path in (path for path in mine if path not in told):
                told.add(path)
                if (rows := self._rows(path, table)) is not None:
                    yield rows
            if all(path in self._kept or path.exists() for path in mine):
                return
            del self._files[table]  # others took the place of one that went: they are read as well

    def _rows(self, path: Path, table: str) -> pa.Table | None:
        if path not in self._kept:
            try:
                self._kept[path] = _trusted(path, table, self._damaged)
            except FileNotFoundError:
                return None
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[path]


def once(table: pa.Table, same: tuple[str, ...]) -> pa.Table:
    """The table without rows that repeat an earlier one in the columns `same`."""
    pa = arrow()
    keys = table.select(same).append_column("row", pa.array(range(len(table)), pa.int64()))
    first = keys.group_by([*same], use_threads=False).aggregate([("row", "min")])["row_min"]
    return table.take(first.combine_chunks().sort()) if len(first) < len(table) else table


def _whole(folder: Path, table: str, damaged: list[Damage] | None) -> Iterator[pa.Table]:
    """The files of a table that are what was written; where one goes meanwhile, those that took its place as well."""
    told: set[Path] = set()
    gone = True
    while gone:
        gone = False
        for path in (path for path in pieces(folder, table) if path not in told):
            told.add(path)
            try:
                rows = _trusted(path, table, damaged)
            except FileNotFoundError:
                gone = True
            else:
                if rows is not None:
                    yield rows


def _trusted(path: Path, table: str, damaged: list[Damage] | None) -> pa.Table | None:
    """The rows of a file; None where it is not what was written.

    Raises:
        FileNotFoundError: If it was set aside, or made one with others, while we looked.
        TableError: If it is not what was written and nobody asked for such.
    """
    try:
        return load(path, table)
    except FileNotFoundError:
        raise
    except (TableError, OSError) as error:
        if damaged is None:
            raise TableError(f"{path}: {error}") from error
        if all(path != told.path for told in damaged):
            damaged.append(Damage(path, str(error)))
        return None
