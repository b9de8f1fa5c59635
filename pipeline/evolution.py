"""Rows of older versions in the columns of today: what a version did not know yet is null, or what it always was.

A column is never taken away, and never means something else. One that is added may be null, or `columns` says with
`=…` what it would have been in every row of an older version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.columns import COLUMNS, STRUCTS, VERSION, Column, arrow, datatype, schema

if TYPE_CHECKING:
    import pyarrow as pa


def evolved(rows: pa.Table, table: str) -> pa.Table:
    """Rows in the columns of a table, as any version wrote them.

    Raises:
        KeyError: If a column is missing that every version has.
        ArrowException: If one holds something else than it should.
    """
    wanted = schema(table)
    if rows.schema.equals(wanted):
        return rows.cast(wanted)
    there = {name: rows[name].combine_chunks() for name in rows.column_names}
    found = [_column(there.get(column[0]), column, len(rows)) for column in COLUMNS[table]]
    return arrow().table(found, names=wanted.names).cast(wanted)


def absent(column: Column, rows: int) -> Any:
    """A column as it stands for rows of a version that did not have it.

    Raises:
        KeyError: If every version has it.
    """
    name, kind, _ = column
    kind, later, always = kind.partition("=")
    if not later and not kind.endswith("?"):
        raise KeyError(f"no column {name}")
    value = None if not later else [] if kind.startswith("[") else always
    return arrow().array([value] * rows, datatype(kind.removesuffix("?")))


def newer(told: str) -> bool:
    """Whether a file of this version may have columns that are not known here; one that tells none has not."""
    numbers = told.split(".")
    return bool(told) and not (all(map(str.isdecimal, numbers)) and _ranked(told) <= _ranked(VERSION))


def _ranked(version: str) -> list[int]:
    return [*map(int, version.split("."))]


def _column(found: Any, column: Column, rows: int) -> Any:
    """One column as it is to be.

    Args:
        found: As it was read; None where there is none.
        column: What it is to be.
        rows: How many.
    """
    return absent(column, rows) if found is None else _shaped(found, column[1].partition("=")[0].removesuffix("?"))


def _shaped(found: Any, kind: str) -> Any:
    """A column with every field inside it that it is to have."""
    pa = arrow()
    if found.type.equals(datatype(kind)) or not pa.types.is_nested(found.type):
        return found
    if kind.startswith("["):
        return pa.ListArray.from_arrays(found.offsets, _shaped(found.values, kind[1:-1]), mask=found.is_null())
    names = [field.name for field in found.type]
    inside = [
        _column(found.field(column[0]) if column[0] in names else None, column, len(found)) for column in STRUCTS[kind]
    ]
    return pa.StructArray.from_arrays(inside, [column[0] for column in STRUCTS[kind]], mask=found.is_null())
