"""Gauges ⇄ rows of the archive: what tools measured stands beside the region that they measured it of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import asdict

from pipeline.gauges import Clearance, Fill, Fit, Gauge, Pose, Presence
from pipeline.masks import Mask

Row = dict[str, Any]

MEASURED = {"fit": Fit, "pose": Pose, "fill": Fill, "clearance": Clearance, "presence": Presence}
PIXELS = ("missing", "extra")


def rows(gauges: Iterable[Gauge]) -> list[Row]:
    """What a column of gauges holds for a region."""
    return [_row(gauge) for gauge in gauges]


def gauges(rows: Iterable[Row] | None) -> tuple[Gauge, ...]:
    """The gauges that such a column holds; none, where an older version wrote it."""
    return tuple(_gauge(row) for row in rows or ())


def bare(rows: Iterable[Row] | None) -> list[Row]:
    """The same without pixels."""
    return [{**row, **dict.fromkeys(PIXELS)} for row in rows or ()]


def _row(gauge: Gauge) -> Row:
    told = {name: None if (held := getattr(gauge, name)) is None else asdict(held) for name in MEASURED}
    pixels = {name: _pixels(getattr(gauge, name)) for name in PIXELS}
    return {**asdict(gauge), **told, **pixels, "points": [{"x": x, "y": y} for x, y in gauge.points]}


def _gauge(row: Mapping[str, Any]) -> Gauge:
    told = {name: kind(**_same(held)) for name, kind in MEASURED.items() if (held := row[name]) is not None}
    pixels = {name: _mask(row[name]) for name in PIXELS}
    points = tuple((point["x"], point["y"]) for point in row["points"])
    return Gauge(**{**row, **told, **pixels, "points": points})


def _same(row: Row) -> Row:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _pixels(mask: Mask | None) -> Row | None:
    return None if mask is None else {"height": mask.size[0], "width": mask.size[1], "counts": mask.counts}


def _mask(row: Row | None) -> Mask | None:
    return None if row is None else Mask.from_counts((row["height"], row["width"]), row["counts"])
