"""Find what an archive holds from its footers alone, and cut it into slices that can be read one by one."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct

from pipeline.batch.windows import Calendar, Window
from pipeline.columns import arrow
from pipeline.errors import TableError
from pipeline.pieces import LEAN, NAMED
from pipeline.places import Where, source

TABLES = ("frames", "regions", "verdicts", "gaps")
ROWS = 1 << 19  # of a slice, about: fewer cost more calls than counting, more leave the caches
CROWDED = 4  # times as many rows are still read together
LOOKS = 5  # at an archive that is compacted meanwhile
GONE = "expected the file that was there, found it gone: made one with others meanwhile"
EVER = (-(1 << 63), (1 << 63) - 1)


Day = tuple[date, tuple[Window, ...], int, int]  # its windows, its first nanosecond, that behind its last


class Unit(Struct, frozen=True):
    """A row group of a file: what is read at once.

    Attributes:
        path: The file, as text, relative to the archive.
        table: Whose rows they are.
        place: Which row group.
        rows: How many, as the footer says.
        first_ns: Earliest exposure, UTC nanoseconds.
        last_ns: Latest exposure.
    """

    path: str
    table: str
    place: int
    rows: int
    first_ns: int
    last_ns: int


class Dead(Struct, frozen=True):
    """What could not be read or believed.

    Attributes:
        path: The file, relative to the archive.
        table: Whose rows they are.
        reason: What was expected and found.
        rows: How many; 0 where nobody knows.
    """

    path: str
    table: str
    reason: str
    rows: int


class Home(Struct, frozen=True, order=True):
    """Whose archive rows are from."""

    plant: str
    line: str


class Slice(Struct, frozen=True):
    """Rows that are read together: those of some row groups in a stretch of time. Every row is in exactly one.

    Attributes:
        home: Whose they are.
        day: The day on which the windows begin, plant time, ISO 8601.
        windows: Of that day.
        begin_ns: First nanosecond.
        end_ns: First nanosecond that is no more of it.
        units: In the order in which they are read: a row that is there twice is taken from the first.
    """

    home: Home
    day: str
    windows: tuple[Window, ...]
    begin_ns: int
    end_ns: int
    units: tuple[Unit, ...]


def survey(folder: Where, home: Home) -> tuple[dict[Home, list[Unit]], list[Dead]]:
    """The row groups of an archive, and the files that have no footer.

    Args:
        folder: The archive; `plant=…` and `line=…` may stand anywhere among its folders.
        home: Plant and line where the folders do not say.

    Raises:
        TableError: If there is no such folder, or pyarrow is not installed.
    """
    there(folder)
    looks, (found, dead, gone) = 1, _looked(folder, home)
    while gone and looks < LOOKS:
        looks, (found, dead, gone) = looks + 1, _looked(folder, home)
    return {place: units for place, units in sorted(found.items()) if units}, dead


def there(folder: Where) -> None:
    """Expect an archive.

    Raises:
        TableError: If there is none, or pyarrow is not installed.
    """
    arrow()
    if not folder.is_dir():
        raise TableError(f"expected an archive, found no folder {folder}")


def _looked(folder: Where, home: Home) -> tuple[dict[Home, list[Unit]], list[Dead], bool]:
    """What an archive holds, and whether a file went while we looked: one that was not there yet has its rows."""
    found: dict[Home, list[Unit]] = defaultdict(list)
    dead, gone = list[Dead](), False
    for table, path in _files(folder):
        try:
            found[_home(folder, path, home)].extend(_units(folder, path, table))
        except FileNotFoundError:
            gone = True
        except (OSError, ValueError, arrow().ArrowException) as error:
            dead.append(Dead(_way(folder, path), table, str(error).splitlines()[0], 0))
    return found, dead, gone


def slices(home: Home, units: Sequence[Unit], calendar: Calendar, rows: int = ROWS) -> Iterator[Slice]:
    """Cut the rows of a line into slices, day by day.

    Args:
        home: Whose they are.
        units: Its row groups.
        calendar: How the plant divides time.
        rows: Of a slice, about.
    """
    first, last = min(unit.first_ns for unit in units), max(unit.last_ns for unit in units)
    days = [*_days(calendar, first, last)]
    for (day, windows, begin, end), mine in zip(days, _daily(units, days), strict=True):
        for since, until in _cuts(mine, begin, end, rows) if mine else ():
            some = sorted((u for u in mine if u.first_ns < until and u.last_ns >= since), key=_order)
            if some:
                yield Slice(home, day.isoformat(), windows, since, until, tuple(some))


def _daily(units: Sequence[Unit], days: Sequence[Day]) -> list[list[Unit]]:
    """The row groups that may have rows of each day."""
    begins, ends = [begin for *_, begin, _ in days], [end for *_, end in days]
    found: list[list[Unit]] = [[] for _ in days]
    for unit in units:
        for number in range(bisect_right(ends, unit.first_ns), bisect_right(begins, unit.last_ns)):
            found[number].append(unit)
    return found


def _days(calendar: Calendar, first: int, last: int) -> Iterator[Day]:
    """Each day of a stretch with its windows, its first nanosecond and that behind it; no moment is in none or in two.

    Raises:
        TableError: If there is no window at all.
    """
    days = calendar.days(first, last)
    if not days:
        raise TableError("expected a batch of the time that the archive speaks of, found none")
    windows = [calendar.day(day) for day in days]
    # What lies between two batches belongs to the day of the one before: it is counted there as outside.
    begins = [each[0].begin_ns for each in windows]
    ends = [*begins[1:], windows[-1][-1].end_ns]
    if calendar.span == "batch":
        begins[0], ends[-1] = EVER
    yield from zip(days, windows, begins, ends, strict=True)


def print_of(folder: Where, units: Iterable[Unit]) -> list[str]:
    """What tells whether files have changed: their names where these hold a digest, else size and time as well."""
    return sorted({_print(folder, unit.path) for unit in units})


def _files(folder: Where) -> Iterator[tuple[str, Where]]:
    for table in TABLES:
        found: Iterator[Where] = folder.glob(f"**/table={table}/**/*.parquet")
        for path in sorted(found, key=str):
            if not any(part.startswith((".", "_")) for part in _way(folder, path).split("/")):
                yield table, path


def _way(folder: Where, path: Where) -> str:
    """The way from an archive to a file of it."""
    return str(path.relative_to(folder))  # type: ignore[arg-type]  # both are of one kind


def _home(folder: Where, path: Where, home: Home) -> Home:
    said: Mapping[str, str] = dict(part.split("=", 1) for part in _way(folder, path).split("/")[:-1] if "=" in part)
    return Home(unquote(said.get("plant", home.plant)), unquote(said.get("line", home.line)))


def _units(folder: Where, path: Where, table: str) -> Iterator[Unit]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(source(path)) as file:
        for place in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(place).num_rows
            if rows:
                yield Unit(_way(folder, path), table, place, rows, *_span(file, place))


def _span(file: object, place: int) -> tuple[int, int]:
    """First and last exposure of a row group, of its statistics, else of the rows."""
    group = file.metadata.row_group(place)  # type: ignore[attr-defined]
    columns = [group.column(number) for number in range(group.num_columns)]
    (column,) = [each for each in columns if each.path_in_schema == "t_ns"] or [None]
    if column is None:
        raise ValueError("expected a column t_ns, found none")
    told = column.statistics
    if told is not None and told.has_min_max:
        first, last = told.min, told.max
    else:
        limits = arrow().compute.min_max(file.read_row_group(place, columns=["t_ns"])["t_ns"]).as_py()  # type: ignore[attr-defined]
        first, last = limits["min"], limits["max"]
    if not isinstance(first, int) or not isinstance(last, int):
        raise ValueError(f"expected t_ns in nanoseconds, found {column.physical_type}")  # noqa: TRY004 - of the file
    return first, last


def _cuts(units: Sequence[Unit], begin: int, end: int, rows: int) -> Iterator[tuple[int, int]]:
    """Stretches of about so many rows: cut where a row group begins, so that few are read twice.

    Where many rows lie in row groups that all begin at once, as in files sorted by camera, stretches are cut by time,
    and their row groups are read again for each: that costs time, but no memory.
    """
    held, since, earliest = 0, begin, max(begin, min(unit.first_ns for unit in units))
    for unit in sorted(units, key=lambda unit: unit.first_ns):
        if held >= rows and max(since, earliest) < unit.first_ns < end:
            yield from _pieces(since, unit.first_ns, units, held, rows)
            held, since = 0, unit.first_ns
        held += unit.rows
    yield from _pieces(since, end, units, held, rows)


def _pieces(begin: int, end: int, units: Sequence[Unit], held: int, rows: int) -> Iterator[tuple[int, int]]:
    first = max(begin, min(unit.first_ns for unit in units))
    last = min(end, max(unit.last_ns for unit in units))
    pieces = held // (CROWDED * rows) + 1
    inner = [first + (last - first) * number // pieces for number in range(1, pieces)]
    edges = sorted({begin, *(edge for edge in inner if begin < edge < end), end})
    yield from pairwise(edges)


def _order(unit: Unit) -> tuple[bool, str, int]:
    """Files without masks last, so that a row that is there twice has its mask."""
    return unit.path.endswith(LEAN), unit.path, unit.place


def _print(folder: Where, path: str) -> str:
    if NAMED.fullmatch(Path(path).name):
        return path
    told = (folder / path).stat()
    return f"{path} {told.st_size} {told.st_mtime_ns}"
