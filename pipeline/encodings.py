"""How the columns of a table lie in a Parquet file; chosen by what was measured, `python -m benchmarks archive`.

Names are told once and then by number; whole numbers, among them time and frame number, by their difference to the one
before; measured numbers byte by byte, so that what they have in common lies together; run lengths and JSON behind all
their lengths. All of it is compressed by zstd, and every page has a checksum that any reader may verify.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

LEVEL = 3  # of zstd; 9 takes twice the time for half a percent
GROUP = 1 << 16  # rows: what is read at once
LONG = ("gauges", "data", "counts", "box_counts")  # no two alike: a dictionary would be written beside all of them


def options(schema: pa.Schema) -> dict[str, Any]:
    """What `pyarrow.parquet` is told when it writes rows of a schema."""
    leaves = dict(_leaves(schema))
    names = [path for path, kind in leaves.items() if arrow().types.is_string(kind) and not _long(path)]
    encoded = {path: _encoding(path, kind) for path, kind in leaves.items() if path not in names}
    return {
        "compression": "zstd",
        "compression_level": LEVEL,
        "write_page_checksum": True,
        "row_group_size": GROUP,
        "use_dictionary": names,
        "column_encoding": {path: encoding for path, encoding in encoded.items() if encoding},
    }


def _encoding(path: str, kind: Any) -> str:
    types = arrow().types
    if types.is_integer(kind):
        return "DELTA_BINARY_PACKED"
    if types.is_floating(kind):
        return "BYTE_STREAM_SPLIT"
    return "DELTA_LENGTH_BYTE_ARRAY" if _long(path) else ""


def _long(path: str) -> bool:
    return path.rpartition(".")[2] in LONG


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
