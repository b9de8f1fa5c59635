"""Files of results: Parquet with units and page checksums, whole or not there; the same rows give the same bytes."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

SOUGHT = ("begin_ns",)  # by which people choose rows: readers pass over what cannot have them
COUNTS = ("n", "of", "frames")
PAGE = 1 << 17  # rows
VERSION = "2.0"  # of the results; a minor one adds columns or tables

Listed = tuple[str, int, str]  # file below the folder of results, rows, and BLAKE2b of the file


def documented(table: str, columns: Mapping[str, tuple[str, str]]) -> pa.Schema:
    """The schema of a result.

    Args:
        table: Its name.
        columns: Names, with type and unit.
    """
    pa = arrow()
    told = ((name, kind, {"unit": unit} if unit else None) for name, (kind, unit) in columns.items())
    fields = [pa.field(name, kind, metadata=metadata) for name, kind, metadata in told]
    return pa.schema(fields, metadata={"kensa.results": table, "kensa.schema": VERSION})


def keep(folder: Path, name: str, rows: pa.Table) -> Listed:
    """Write rows to a file below a folder; the same rows give the same bytes."""
    content = parquet(rows)
    put(folder / name, content)
    return name, len(rows), blake2b(content, digest_size=16).hexdigest()


def parquet(rows: pa.Table) -> bytes:
    """Rows as a Parquet file; names that are indices into dictionaries are strings to whoever reads it."""
    import pyarrow.parquet as pq

    pa = arrow()
    fields = [each.with_type(each.type.value_type) if _worded(each.type) else each for each in rows.schema]
    said = pa.schema(fields, metadata=rows.schema.metadata)
    sink = pa.BufferOutputStream()
    # pyarrow would say of a dictionary that it is one: what it is to be read as is told in its place. Least and most
    # of columns that say the same in every row would take half of the time.
    limits = [name for name in SOUGHT if name in rows.column_names]
    # Names come as indices, and counts are alike; other numbers would be looked up one by one, to no end.
    indexed = [each.name for each in rows.schema if _worded(each.type) or each.name in COUNTS]
    told = {"compression": "zstd", "write_page_checksum": True, "store_schema": False, "write_statistics": limits}
    told["write_batch_size"] = PAGE
    with pq.ParquetWriter(sink, rows.schema, use_dictionary=indexed, **told, **_paged()) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata({**(said.metadata or {}), b"ARROW:schema": b64encode(said.serialize())})
    return bytes(sink.getvalue())


@cache
def _paged() -> dict[str, int]:
    """How many rows a page has at most, where pyarrow asks: each costs a start of the compression."""
    import pyarrow.parquet as pq

    asks = "max_rows_per_page" in signature(pq.ParquetWriter).parameters
    return {"max_rows_per_page": PAGE} if asks else {}


def fitting(rows: pa.Table, told: pa.Schema) -> pa.Table:
    """Rows with the columns, types and units of a schema; names may stay indices into dictionaries."""
    kinds = [rows[field.name].type for field in told]
    held = [field.with_type(kind) if _worded(kind) else field for field, kind in zip(told, kinds, strict=True)]
    return rows.select(told.names).cast(arrow().schema(held, metadata=told.metadata))


def _worded(kind: pa.DataType) -> bool:
    return bool(arrow().types.is_dictionary(kind))


def put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, whoever else writes the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    begun.write_bytes(content)
    begun.replace(path)
