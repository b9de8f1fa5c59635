"""A region, and what it is made of, as a row of a table and back."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from pipeline import tooling
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
    return {**said, **_pixels(layer.mask)}


def _pixels(mask: Mask) -> Row:
    return {"height": mask.size[0], "width": mask.size[1], "counts": mask.counts}


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
        **_pixels(region.mask),
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
    if row["counts"] is None:
        about = f"part {row['part']}" if "part" in row else f"a region of frame {row['seq']}"
        raise TableError(
            f"expected run lengths, found none for {about} of '{row['camera']}': the disk had no room for "
            "masks; leave out rows whose 'counts' is null"
        )
    same = {name: row[name] for name in ("label", "area_px", "holes", "hole_area_px", "extent", "whole", "score")}
    return Region(
        **same,
        box=(row["box_x"], row["box_y"], row["box_width"], row["box_height"]),
        centroid=(row["centroid_x"], row["centroid_y"]),
        mask=Mask.from_counts((row["height"], row["width"]), row["counts"]),
        shape=row["shape"] and Shape(**row["shape"]),
        metric=_in_mm(row["metric"]),
        mean_score=row["mean_score"],
        gauges=tooling.read(row["gauges"]),
    )
