"""Read an archive: every row once, however often it was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.columns import TABLES, arrow, schema
from pipeline.errors import TableError

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


def read(folder: Path, table: str) -> pa.Table:
    """One table of an archive, in order of its files, each row once.

    Args:
        folder: The archive.
        table: `frames`, `regions`, `parts`, `verdicts` or `gaps`.

    Raises:
        TableError: If there is no such archive or no such table, a file is not Parquet, or pyarrow is not installed.
    """
    if table not in TABLES or not folder.is_dir():
        raise TableError(f"expected an archive with tables {', '.join(TABLES)}, found no {table!r} in {folder}")
    files = sorted(folder.glob(f"table={table}/date=*/*.parquet"), key=lambda path: (path.name, path))
    if not files:
        return schema(table).empty_table()
    return once(arrow().concat_tables([_file(path) for path in files]), SAME[table])


def once(table: pa.Table, same: tuple[str, ...]) -> pa.Table:
    """The table without rows that repeat an earlier one in the columns `same`."""
    pa = arrow()
    keys = table.select(same).append_column("row", pa.array(range(len(table)), pa.int64()))
    first = keys.group_by([*same], use_threads=False).aggregate([("row", "min")])["row_min"]
    return table.take(first.combine_chunks().sort()) if len(first) < len(table) else table


def _file(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path).read()
    except (OSError, arrow().ArrowException) as error:
        raise TableError(f"expected a Parquet file, found {path}: {error}") from error
