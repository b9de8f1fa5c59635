"""How the columns of a table lie in a Parquet file; chosen by what was measured, `python -m benchmarks archive`.

Names and small numbers are told once and then by number; time and what counts up, by the difference to the one before;
run lengths and JSON behind all their lengths. Measured numbers stay as they are: masks have few pixels, so that the
same numbers come again, and zstd finds them where their bytes lie together. Every page has a checksum for any reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

LEVEL = 3  # of zstd; 9 takes twice the time for half a percent
GROUP = 1 << 16  # rows: what is read at once
UPWARDS = ("seq", "t_ns", "first_seq", "best_seq", "last", "since", "part", "track", "piece", "encoder")
LONG = ("gauges", "data", "counts", "box_counts")  # no two alike: a dictionary would be written beside all of them


def options(schema: pa.Schema) -> dict[str, Any]:
    """What `pyarrow.parquet` is told when it writes rows of a schema."""
    encoded = {path: encoding for path, kind in _leaves(schema) if (encoding := _encoding(path, kind))}
    return {
        "compression": "zstd",
        "compression_level": LEVEL,
        "write_page_checksum": True,
        "row_group_size": GROUP,
        "use_dictionary": [path for path, _ in _leaves(schema) if path not in encoded],
        "column_encoding": encoded,
    }


def _encoding(path: str, kind: Any) -> str:
    """How a column lies there; empty: by a dictionary."""
    name = path.rpartition(".")[2]
    if name in LONG:
        return "DELTA_LENGTH_BYTE_ARRAY"
    if name in UPWARDS and arrow().types.is_integer(kind):
        return "DELTA_BINARY_PACKED"
    return "PLAIN" if arrow().types.is_floating(kind) else ""


def _leaves(fields: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Each column of a file by its path there."""
    for field in fields:
        yield from _leaf(before + field.name, field.type)


def _leaf(path: str, kind: Any) -> Iterator[tuple[str, Any]]:
    types = arrow().types
    if types.is_struct(kind):
        yield from _leaves(kind, f"{path}.")
    elif types.is_list(kind):
        yield from _leaf(f"{path}.list.element", kind.value_type)
    else:
        yield path, kind
