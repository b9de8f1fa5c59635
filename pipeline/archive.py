"""Read an archive: every row once, however often it was written, and no row that is not what was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.columns import TABLES, arrow, schema
from pipeline.errors import TableError
from pipeline.pieces import Damage, load, pieces

if TYPE_CHECKING:
    import pyarrow as pa

# What makes a row the same row: a batch that was sent again after a crash is written again, in other company.
SAME: dict[str, tuple[str, ...]] = {
    "frames": ("camera", "session", "seq", "kind", "prompt"),
    "regions": ("camera", "session", "seq", "kind", "place", "label", "box_x", "box_y", "area_px"),
    "parts": ("camera", "session", "seq", "part"),
    "verdicts": ("camera", "session", "seq", "first_seq", "subject", "part", "book"),
    "gaps": ("camera", "session", "seq", "last", "place"),
}


def read(folder: Path, table: str, damaged: list[Damage] | None = None) -> pa.Table:
    """One table of an archive, in order of its files, each row once; rows whose masks were left out come last.

    Args:
        folder: The archive.
        table: `frames`, `regions`, `parts`, `verdicts` or `gaps`.
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


def once(table: pa.Table, same: tuple[str, ...]) -> pa.Table:
    """The table without rows that repeat an earlier one in the columns `same`."""
    pa = arrow()
    keys = table.select(same).append_column("row", pa.array(range(len(table)), pa.int64()))
    first = keys.group_by([*same], use_threads=False).aggregate([("row", "min")])["row_min"]
    return table.take(first.combine_chunks().sort()) if len(first) < len(table) else table


def _whole(folder: Path, table: str, damaged: list[Damage] | None) -> Iterator[pa.Table]:
    """The files of a table that are what was written."""
    for path in pieces(folder, table):
        try:
            yield load(path, table)
        except FileNotFoundError:
            continue  # set aside by the line's archive while we looked
        except (TableError, OSError) as error:
            if damaged is None:
                raise TableError(f"{path}: {error}") from error
            damaged.append(Damage(path, str(error)))
