"""A region, and what it is made of, as a row of a table and back."""

from __future__ import annotations

from functools import reduce
from typing import Any

from msgspec.structs import asdict

from pipeline import boxes, tooling
from pipeline.errors import TableError
from pipeline.masks import Mask
from pipeline.records import Layer, Region, Roi
from pipeline.shapes import Metric, Shape

Row = dict[str, Any]


def roi_row(roi: Roi | None) -> Row | None:
    """The crop as a row; None where it is not known."""
    return None if roi is None else {"x": roi.x, "y": roi.y, "width": roi.width, "height": roi.height}


def roi_of(row: Row) -> Roi | None:
    """The crop of a row."""
    return None if row["roi"] is None else Roi(**row["roi"])


def layer_row(layer: Layer) -> Row:
    """A layer of a frame as a row."""
    scores = layer.scores and {
        "height": layer.scores.size[0],
        "width": layer.scores.size[1],
        "data": layer.scores.data,
        "scale": layer.scores.scale,
        "zero_point": layer.scores.zero_point,
    }
    said = {"label": layer.label, "score": layer.score, "area_px": layer.mask.area, "scores": scores}
    return {**said, "height": layer.mask.size[0], "width": layer.mask.size[1], "counts": layer.mask.counts}


def pixels(mask: Mask, box: boxes.Box) -> Row:
    """The mask of a region: of its box alone, which takes two thirds of the room, where that holds all of it."""
    inside = boxes.cropped(mask, box)
    counts = mask.counts if inside is None else None
    return {"height": mask.size[0], "width": mask.size[1], "counts": counts, "box_counts": inside}


def pictured(table: Any) -> Any:
    """Which rows of a table of regions or parts have a mask, as an Arrow column of booleans.

    Args:
        table: An Arrow table; a file of an older version, or of one without masks, may lack a column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    there = [pc.is_valid(table[name]) for name in ("counts", "box_counts") if name in table.column_names]
    return reduce(pc.or_, there) if there else pa.chunked_array([pa.repeat(False, table.num_rows)])


def region_row(region: Region) -> Row:
    """A region as the columns that a row of its own and a part's have for it."""
    x, y, width, height = region.box
    return {
        "label": region.label,
        "area_px": region.area_px,
        "box_x": x,
        "box_y": y,
        "box_width": width,
        "box_height": height,
        "centroid_x": region.centroid[0],
        "centroid_y": region.centroid[1],
        "holes": region.holes,
        "hole_area_px": region.hole_area_px,
        "extent": region.extent,
        "whole": region.whole,
        "score": region.score,
        "mean_score": region.mean_score,
        "shape": region.shape and asdict(region.shape),
        "metric": region.metric and _metric(region.metric),
        "gauges": tooling.told(region.gauges),
        **pixels(region.mask, region.box),
    }


def _metric(metric: Metric) -> Row:
    told = asdict(metric)
    told["centroid_x_mm"], told["centroid_y_mm"] = told.pop("centroid_mm")
    return told


def _in_mm(row: Row | None) -> Metric | None:
    if row is None:
        return None
    same = {name: value for name, value in row.items() if not name.startswith("centroid")}
    return Metric(**same, centroid_mm=(row["centroid_x_mm"], row["centroid_y_mm"]))


def region_of(row: Row) -> Region:
    """The region of a row.

    Raises:
        TableError: If the row was written without run lengths.
    """
    if row["counts"] is None and row["box_counts"] is None:
        about = f"part {row['part']}" if "part" in row else f"a region of frame {row['seq']}"
        raise TableError(
            f"expected run lengths, found none for {about} of '{row['camera']}': the disk had no room for "
            "masks; leave out rows whose 'counts' and 'box_counts' are null"
        )
    same = {name: row[name] for name in ("label", "area_px", "holes", "hole_area_px", "extent", "whole", "score")}
    return Region(
        **same,
        box=_box(row),
        centroid=(row["centroid_x"], row["centroid_y"]),
        mask=mask_of(row),
        shape=row["shape"] and Shape(**row["shape"]),
        metric=_in_mm(row["metric"]),
        mean_score=row["mean_score"],
        gauges=tooling.read(row["gauges"]),
    )


def mask_of(row: Row) -> Mask:
    """The mask of a row that has one.

    Raises:
        MaskError: If its run lengths do not describe exactly the pixels of the box, or of the view.
    """
    size = row["height"], row["width"]
    inside = row["box_counts"]
    return Mask.from_counts(size, row["counts"]) if inside is None else boxes.whole(size, _box(row), inside)


def _box(row: Row) -> boxes.Box:
    return row["box_x"], row["box_y"], row["box_width"], row["box_height"]
