"""The columns that statistics need, flat: which leaves of a file to read, and how they become one column each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.batch.measures import MEASURES
from pipeline.batch.observing import Asked
from pipeline.columns import COLUMNS as TOLD
from pipeline.columns import arrow, schema
from pipeline.evolution import absent

if TYPE_CHECKING:
    import pyarrow as pa

# Name here and place in the table; what is measured and the run lengths are read where asked for.
WHO = {name: name for name in ("camera", "session", "seq", "t_ns")}
ROI = {f"roi_{name}": f"roi.{name}" for name in ("x", "y", "width", "height")}
# Names, few of which differ: they are read as indices into a dictionary.
WORDS = ("camera", "session", "kind", "label", "prompt", "model")
MASKS = ("counts", "box_counts")
BOX = ("box_x", "box_y", "box_width", "box_height", "area_px", "centroid_x", "centroid_y", "height", "width")
COLUMNS: dict[str, dict[str, str]] = {
    "frames": {**WHO, **{name: name for name in ("kind", "prompt", "model")}, **ROI},
    "regions": {
        **WHO,
        **{name: name for name in ("kind", "place", "label", *BOX)},
        "plane_x": "metric.centroid_x_mm",
        "plane_y": "metric.centroid_y_mm",
    },
    "verdicts": {
        **WHO,
        **{name: name for name in ("outcome", "subject", "part", "first_seq", "book", "version")},
        "reasons": "findings.reason",
    },
    "gaps": {**WHO, **{name: name for name in ("last", "place")}},
}


def wanted(table: str, asked: Asked) -> dict[str, str]:
    """The columns that are needed of a table: their names here, and where they stand there."""
    measured = {MEASURES[n].name: MEASURES[n].column for n in asked.measures if MEASURES[n].table == table}
    masks = {name: name for name in MASKS} if table == "regions" and asked.pixels else {}
    return COLUMNS[table] | measured | masks


def leaves(file: Any, table: str, asked: Asked) -> list[str]:
    """The leaves to read of a Parquet file, by their paths in it."""
    asked_for = {*wanted(table, asked).values()}
    paths = [file.schema.column(number).path for number in range(len(file.schema.names))]
    return [path for path in paths if _plain(path) in asked_for]


def flattened(rows: pa.Table, table: str, asked: Asked) -> pa.Table:
    """Rows as one column per name, `WORDS` with dictionaries; what an older version did not know is null.

    Raises:
        KeyError: If a column is missing that every version has.
        ArrowException: If one holds something else than it should.
    """
    flat = {name: _flat(rows, table, path) for name, path in wanted(table, asked).items()}
    return arrow().table({name: _words(column) if name in WORDS else column for name, column in flat.items()})


def kind(table: str, path: str) -> Any:
    """The Arrow type of a place in a table; of a list, of what stands in it."""
    root, *inner = path.split(".")
    found = schema(table).field(root).type
    for name in inner:
        found = (found.value_type if arrow().types.is_list(found) else found).field(name).type
    return found


def _flat(rows: pa.Table, table: str, path: str) -> pa.ChunkedArray:
    pa = arrow()
    root, *inner = path.split(".")
    field, target = schema(table).field(root), kind(table, path)
    listed = pa.types.is_list(field.type)
    if root not in rows.column_names:
        (column,) = [each for each in TOLD[table] if each[0] == root]
        found = absent(column, len(rows))
        return pa.chunked_array([pa.nulls(len(rows), target) if inner else found])
    if listed:
        return _reasons(rows[root], inner[0])
    found = pa.compute.struct_field(rows[root], inner) if inner else rows[root]
    return found if _told(found.type) == target else found.cast(target)


def _told(kind: pa.DataType) -> pa.DataType:
    """What values of a type are, where these stand in a dictionary."""
    return kind.value_type if arrow().types.is_dictionary(kind) else kind


def _words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    pa = arrow()
    if pa.types.is_dictionary(column.type) and pa.types.is_int32(column.type.index_type):
        return column
    return column.cast("string").dictionary_encode()


def _reasons(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """A list of one field of a list of structs."""
    pa = arrow()
    whole = column.combine_chunks()
    inside = pa.compute.struct_field(whole.values, name).cast(pa.string())
    return pa.chunked_array([pa.ListArray.from_arrays(whole.offsets, inside)])


def _plain(path: str) -> str:
    """A leaf's path without what Parquet puts between a list and its elements."""
    return path.replace(".list.element.", ".").replace(".list.item.", ".")
