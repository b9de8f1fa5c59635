"""The columns of the archive's tables, as data: names, types and units; Arrow schemas are made of them on demand."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.errors import TableError

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "1.6"

# Name, type, and unit or meaning. `?` allows null, `[…]` is a list, a name of `STRUCTS` is a struct; behind `=` stands
# what a column would have said in files of versions that did not have it, where that is not null.
Column = tuple[str, str, str]

# Time is a whole number: Arrow's own nanoseconds do not become Python values without pandas, nor BigQuery's at all.
WHO: tuple[Column, ...] = (
    ("camera", "string", "name of the camera"),
    ("session", "string", "one run of one source; a restart begins another"),
    ("seq", "int64", "frame number"),
    ("t_ns", "int64", "ns since 1970, UTC"),
)
SHAPE: tuple[Column, ...] = (("height", "int32", "px"), ("width", "int32", "px"))
COUNTS = "COCO compressed run lengths, column-major; null where the disk had no room for masks"
PIXELS: tuple[Column, ...] = (*SHAPE, ("counts", "binary?", COUNTS))
BOXED = (
    "COCO compressed run lengths of the box alone, box_height × box_width, column-major; null where masks were left out"
)
VIEWED = "the same of the whole view, height × width: before version 1.5, and of a mask that is not inside its box"
REGION: tuple[Column, ...] = (
    ("label", "string", "what it is, as the network or the topology says"),
    ("area_px", "int64", "px²"),
    ("box_x", "int64", "px"),
    ("box_y", "int64", "px"),
    ("box_width", "int64", "px"),
    ("box_height", "int64", "px"),
    ("centroid_x", "float64", "px"),
    ("centroid_y", "float64", "px"),
    ("holes", "int64", "count"),
    ("hole_area_px", "int64", "px²"),
    ("extent", "float64", "0…1"),
    ("whole", "bool", "false where the edge of the view cuts it"),
    ("score", "float64", "0…1"),
    ("mean_score", "float64?", "logits"),
    ("shape", "shape?", "what the outline is like; null where an older version measured it"),
    ("metric", "metric?", "lengths in mm; null without a calibration"),
    ("gauges", "string?", "JSON: what tools measured of it; null where none did"),
    *SHAPE,
    ("counts", "binary?", VIEWED),
    ("box_counts", "binary?", BOXED),
)
# What the camera read off itself; null where it did not say.
READING: tuple[Column, ...] = (
    ("exposure_us", "int64?", "µs; how long each row was exposed"),
    ("gain", "float64?", "1 is none; of the sensor's amplifiers (analogue)"),
    ("temperature_c", "float64?", "°C; of the sensor"),
    ("dnn_us", "int64?", "µs; run time of the network"),
    ("dsp_us", "int64?", "µs; run time of what follows it on the sensor"),
    ("lux", "float64?", "lx; libcamera's estimate of how light the scene is"),
    ("brightness", "float64?", "0…255; mean of red, green and blue in roi, where pictures may leave the camera"),
)
STRUCTS: dict[str, tuple[Column, ...]] = {
    "roi": (
        ("x", "int64", "sensor px"),
        ("y", "int64", "sensor px"),
        ("width", "int64", "sensor px"),
        ("height", "int64", "sensor px"),
    ),
    "scores": (
        *SHAPE,
        ("data", "binary", "int8, row-major; (value − zero_point) × scale"),
        ("scale", "float64", "logits per step"),
        ("zero_point", "int64", "the value that means 0"),
    ),
    "shape": (
        ("perimeter_px", "float64", "px"),
        ("length_px", "float64", "px"),
        ("width_px", "float64", "px"),
        ("angle_deg", "float64", "degrees, clockwise on a screen from the x axis"),
        ("diameter_px", "float64", "px"),
        ("eccentricity", "float64", "0…1"),
        ("solidity", "float64", "0…1"),
    ),
    "metric": (
        ("area_mm2", "float64", "mm²"),
        ("hole_area_mm2", "float64", "mm²"),
        ("centroid_x_mm", "float64", "mm"),
        ("centroid_y_mm", "float64", "mm"),
        ("perimeter_mm", "float64", "mm"),
        ("length_mm", "float64", "mm"),
        ("width_mm", "float64", "mm"),
        ("angle_deg", "float64", "degrees, from the plane's x axis to its y axis"),
        ("diameter_mm", "float64", "mm"),
        ("pixel_mm", "float64", "mm"),
        ("calibration", "string", "id"),
    ),
    "layer": (
        ("label", "string", "what it is, as the network or the topology says"),
        ("score", "float64", "0…1"),
        ("area_px", "int64", "px²"),
        *PIXELS,
        ("scores", "scores?", "what the network said of each pixel"),
    ),
    "finding": (
        ("rule", "string", "name of the rule"),
        ("reason", "string", "reason code"),
        ("measure", "string", "what was looked at"),
        ("value", "float64", "as `unit` says"),
        ("low", "float64?", "as `unit` says"),
        ("high", "float64?", "as `unit` says"),
        ("unit", "string=", "of value, low, high and guard"),
        ("outcome", "string=FAIL", "what it alone makes of it"),
        ("severity", "string=", "critical, major or minor"),
        ("guard", "float64?", "uncertainty by which the limits were drawn in"),
        ("calibration", "string=", "id"),
        ("note", "string=", "what else a person should know"),
        ("camera", "string=", "who saw it, in a verdict on several views"),
        ("tool", "string?", "what measured it, where that was a tool"),
        ("template", "string?", "id and digest of the golden mask"),
    ),
    "view": (
        ("camera", "string", "name of the camera"),
        ("session", "string", "one run of one source"),
        ("seq", "int64", "frame number"),
        ("outcome", "string", "PASS, WARN, FAIL or NO_READ"),
        ("part", "int64?", "id in (camera, session)"),
        ("book", "string", "rule book"),
        ("version", "string", "digest of the rule book"),
    ),
    "spread": (
        ("measure", "string", "column that was measured"),
        ("mean", "float64", "as the measure's name says"),
        ("low", "float64", "as the measure's name says"),
        ("high", "float64", "as the measure's name says"),
        ("deviation", "float64", "as the measure's name says"),
    ),
}
SEEN: tuple[Column, ...] = (
    *WHO,
    ("kind", "string", "record it was told by"),
    *SHAPE,
    ("prompt", "string", "name of what was inspected; empty for the whole view"),
    ("model", "string", "hash"),
    ("roi", "roi?", "crop of the sensor that the network saw"),
    ("epoch", "string?", "settled, settling or unknown: whether the masks are of roi"),
    ("timing", "string?", "sensor, wall, parsed or arrival: how t_ns is known"),
    ("encoder", "int64?", "counts of the belt's encoder"),
    ("found", "int32", "count"),
    ("layers", "[layer]", "masks of a frame as it came, one per label"),
    *READING,
    ("calibration", "string?", "id of what mm were measured with; empty: nothing; null where nobody had measured yet"),
)
COLUMNS: dict[str, tuple[Column, ...]] = {
    "frames": SEEN,
    "settling": SEEN,
    "regions": (
        *WHO,
        ("kind", "string", "record it was told by"),
        ("place", "int32", "position in its frame"),
        ("track", "int64?", "id in (camera, session)"),
        *REGION,
    ),
    "parts": (
        *WHO,
        ("part", "int64", "id in (camera, session)"),
        ("first_seq", "int64", "frame number"),
        ("views", "int64", "frames"),
        ("hidden", "int64", "frames"),
        ("best_seq", "int64", "frame number"),
        ("prompt", "string?", "name of what was inspected; empty for the whole view"),
        ("epoch", "string?", "settled or unknown: whether the masks are of roi"),
        ("roi", "roi?", "crop of the sensor that the network saw"),
        *REGION,
        ("measures", "[spread]?", "over the whole views"),
        ("mark", "float64?", "encoder count at which its middle is at x = 0"),
        ("piece", "int64?", "number on the whole belt"),
    ),
    "verdicts": (
        *WHO,
        ("outcome", "string", "PASS, WARN, FAIL or NO_READ"),
        ("subject", "string", "frame, part or gap"),
        ("part", "int64?", "id in (camera, session)"),
        ("first_seq", "int64", "frame number"),
        ("findings", "[finding]", "limits that were not kept"),
        ("book", "string", "rule book"),
        ("version", "string=", "digest of the rule book"),
        ("kept", "[finding]=", "limits that were kept, where the book tells all"),
        ("mark", "float64?", "encoder count at which x = 0 of the view is where it lies"),
        ("views", "[view]=", "of a verdict on several views"),
    ),
    "images": (
        *WHO,
        *SHAPE,
        ("format", "string", "jpeg or png"),
        ("data", "binary?", "the packed picture; null where the disk had no room for it"),
        ("roi", "roi?", "what it shows; null for the whole array"),
        ("prompt", "string", "name of what was inspected; empty for the whole view"),
    ),
    "gaps": (
        *WHO,
        ("last", "int64", "frame number"),
        ("reason", "string", "why, in a word, as overflow or restart"),
        ("place", "string", "node or edge"),
        ("since", "int64?", "frame number; from then on a node had followed parts that it forgot"),
    ),
}

TABLES = tuple(COLUMNS)


@cache
def schema(table: str) -> pa.Schema:
    """The Arrow schema of a table; units and the schema's version stand in its metadata.

    Raises:
        TableError: If there is no such table, or pyarrow is not installed.
    """
    if table not in COLUMNS:
        raise TableError(f"expected a table of {', '.join(TABLES)}, found {table!r}")
    metadata = {"kensa.table": table, "kensa.schema": VERSION}
    return arrow().schema([_field(column) for column in COLUMNS[table]], metadata=metadata)


def arrow() -> Any:
    """pyarrow, imported when a table is first asked for.

    Raises:
        TableError: If it is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise TableError("expected pyarrow, found none: pip install 'kensa[archive]'") from error
    return pa


def _field(column: Column) -> Any:
    name, kind, unit = column
    metadata, kind = {"unit": unit} if unit else None, kind.partition("=")[0]
    return arrow().field(name, datatype(kind.removesuffix("?")), nullable=kind.endswith("?"), metadata=metadata)


def datatype(kind: str) -> Any:
    """The Arrow type of a kind, said without `?` and `=`."""
    pa = arrow()
    if kind.startswith("["):
        return pa.list_(pa.field("element", datatype(kind[1:-1]), nullable=False))
    if kind in STRUCTS:
        return pa.struct([_field(column) for column in STRUCTS[kind]])
    return pa.type_for_alias(kind)
