"""The archive's columns: golden schemas, and words for what is not there."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest

from pipeline.columns import COLUMNS, STRUCTS, TABLES, VERSION, schema
from pipeline.errors import TableError
from tests.conftest import Golden


@pytest.mark.parametrize("table", TABLES)
def test_the_schema_is_the_golden_one(table: str, golden: Golden) -> None:
    """Names, types, nullability, units and version of every table are what an archive on disk has."""
    said = schema(table).to_string(truncate_metadata=False, show_field_metadata=True, show_schema_metadata=True)
    golden(f"schema/{table}.txt", said + "\n")


@pytest.mark.parametrize("table", TABLES)
def test_the_schema_says_which_table_and_version_it_is(table: str) -> None:
    """A file that lies alone still says what it holds."""
    assert schema(table).metadata == {b"kensa.table": table.encode(), b"kensa.schema": VERSION.encode()}
    assert schema(table) is schema(table)


def test_measured_columns_have_a_unit() -> None:
    """Every number that is not a mere switch or place says in its metadata what it counts."""
    told = [column for columns in (*COLUMNS.values(), *STRUCTS.values()) for column in columns]
    assert [name for name, kind, unit in told if kind.startswith(("int", "float")) and not unit] == []


def test_an_unknown_table_is_refused_in_words() -> None:
    """The tables that there are stand in the error."""
    known = "frames, settling, regions, parts, verdicts, images, gaps"
    with pytest.raises(TableError, match=rf"^expected a table of {known}, found 'alarms'$"):
        schema("alarms")


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line runs without pyarrow until a table is asked for."""
    schema.cache_clear()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TableError, match=r"^expected pyarrow, found none: pip install 'kensa\[archive\]'$"):
        schema("gaps")
    monkeypatch.undo()
    assert isinstance(schema("gaps"), pa.Schema)
