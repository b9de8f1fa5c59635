"""The files of an archive, piece by piece: named by what is in them, so that every flipped bit and torn end shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, overload

from msgspec import Struct

from pipeline.columns import VERSION, arrow
from pipeline.errors import TableError
from pipeline.evolution import evolved
from pipeline.places import Where, source

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX, LEAN = ".parquet", ".lean.parquet"
SHARED = 1 << 20  # bytes of a file whose columns are worth being read by several threads
ASIDE, DAMAGED = "quarantine", ".damaged"
NAMED = re.compile(r"\d{19}-([0-9a-f]{16})(?:\.lean)?\.parquet")  # other files are judged by their page checksums alone


class Damage(Struct, frozen=True):
    """A file that cannot be trusted.

    Attributes:
        path: The file, where it lies now.
        reason: What is wrong with it.
    """

    path: Where
    reason: str


class DamageError(TableError):
    """A file of an archive that is torn or rotten, or was never one."""


def name(content: memoryview, t_ns: int, *, masks: bool) -> str:
    """The file name of a piece: its first exposure, a digest of all its bytes, and whether its masks were left out."""
    return f"{t_ns:019d}-{_digest(content)}{SUFFIX if masks else LEAN}"


@overload
def archive_of(folder: Path) -> Path: ...
@overload
def archive_of(folder: Where) -> Where: ...
def archive_of(folder: Where) -> Where:
    """The folder, where it is the archive of one line; an empty one is, too.

    Raises:
        TableError: If there is no such folder, or the archives of several lines lie in it.
    """
    if not folder.is_dir():
        raise TableError(f"expected an archive, found no folder {folder}")
    inside = () if any(folder.glob("table=*")) else (*folder.glob("*/table=*"), *folder.glob("*/*/table=*"))
    if inside:
        raise TableError(f"{folder}: expected the archive of one line, found several below it, as {inside[0].parent}")
    return folder


def days(folder: Where, tables: Iterable[str]) -> list[str]:
    """The days of exposure, UTC, of which any of some tables has files: `2026-11-22`."""
    return sorted(
        {path.name.removeprefix("date=") for table in tables for path in folder.glob(f"table={table}/date=*")}
    )


@overload
def pieces(folder: Path, table: str, day: str = "*") -> list[Path]: ...
@overload
def pieces(folder: Where, table: str, day: str = "*") -> list[Where]: ...
def pieces(folder: Where, table: str, day: str = "*") -> Sequence[Where]:
    """The files of a table by exposure; those without masks last, so that a row that is there twice has its mask."""
    found: Iterator[Where] = folder.glob(f"table={table}/date={day}/*{SUFFIX}")
    return sorted(found, key=lambda path: (path.name.endswith(LEAN), path.name, str(path)))


def load(path: Where, table: str) -> pa.Table:
    """The rows of one file, in the columns of its table; however old the version that wrote them.

    Raises:
        DamageError: If it is not, bit for bit, what was written.
        OSError: If it cannot be read; that says nothing about what is in it.
        TableError: If it has other columns, or pyarrow is not installed.
    """
    rows = verified(path)
    try:
        return evolved(rows, table)
    except (KeyError, ValueError, arrow().ArrowException) as error:
        raise TableError(f"expected the columns of {table}, version {VERSION}, found others: {error}") from error


def verified(path: Where) -> pa.Table:
    """Everything in one file.

    Raises:
        DamageError: If it is not, bit for bit, what was written.
        OSError: If it cannot be read.
        TableError: If pyarrow is not installed.
    """
    content = path.read_bytes()
    if (reason := intact(path.name, content)) is not None:
        raise DamageError(reason)
    try:
        return _parsed(content)
    except (OSError, ValueError, arrow().ArrowException) as error:
        raise DamageError(f"expected a Parquet file, found {len(content):,} bytes that are none: {error}") from error


def intact(path: str, content: bytes) -> str | None:
    """Why the bytes of a file cannot be what its name says; None where they can."""
    named = NAMED.fullmatch(path.rpartition("/")[2])
    if named and (found := _digest(content)) != named[1]:
        return f"expected bytes with the digest {named[1]}, found {found}: torn or rotten"
    return None


def span(path: Where) -> tuple[int, int]:
    """First and last exposure in a file, UTC nanoseconds, as its footer says; where it says nothing, as its name does.

    Raises:
        TableError: If pyarrow is not installed.
    """
    import pyarrow.parquet as pq

    try:
        told = pq.read_metadata(source(path))
        groups = [told.row_group(number) for number in range(told.num_row_groups)]
        times = [
            c.statistics for g in groups for c in map(g.column, range(g.num_columns)) if c.path_in_schema == "t_ns"
        ]
        return min(each.min for each in times), max(each.max for each in times)
    except (OSError, ValueError, AttributeError, arrow().ArrowException):
        named = re.match(r"\d{1,19}", path.name)  # a damaged file is told by whoever reads it
        return (int(named[0]),) * 2 if named else (0, 0)


def version(path: Where) -> str:
    """The version of the schema that a file was written with; empty where it does not say, or is no Parquet file.

    Raises:
        FileNotFoundError: If there is none.
    """
    import pyarrow.parquet as pq

    try:
        return ((pq.read_schema(source(path)).metadata or {}).get(b"kensa.schema") or b"").decode()
    except FileNotFoundError:
        raise
    except (OSError, ValueError, arrow().ArrowException):
        return ""


def sized(path: Where) -> tuple[int, int]:
    """Rows and bytes of a file, as its footer says; no rows where it has none, or has gone."""
    import pyarrow.parquet as pq

    try:
        told = pq.read_metadata(source(path))
        return told.num_rows, path.stat().st_size
    except (OSError, arrow().ArrowException):
        return 0, 0


def newest(folder: Path, most: int) -> Iterator[Path]:
    """The newest files of the newest day of each table: what a power cut can have torn on a disk that lies."""
    for table in sorted(folder.glob("table=*")):
        day = max(table.glob("date=*"), default=None)
        yield from sorted(day.glob(f"*{SUFFIX}"))[-most:] if day else ()


def set_aside(folder: Where, path: Where, reason: str) -> Damage:
    """Move a damaged file of an archive to where no reader takes it for data: `quarantine/…/NAME.damaged`.

    Raises:
        OSError: If it cannot be moved.
    """
    way = path.relative_to(folder)  # type: ignore[arg-type]  # both are of one kind
    there = folder / ASIDE / way.with_name(path.name + DAMAGED)
    if isinstance(there, Path):
        there.parent.mkdir(parents=True, exist_ok=True)
    path.replace(there)  # type: ignore[arg-type]
    return Damage(there, reason)


def aside(folder: Where) -> int:
    """How many damaged files of an archive lie aside."""
    return sum(1 for _ in (folder / ASIDE).rglob(f"*{DAMAGED}"))


def _digest(content: memoryview | bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()


def _parsed(content: bytes) -> pa.Table:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(arrow().BufferReader(content), page_checksum_verification=True)
    return file.read(use_threads=len(content) >= SHARED)
