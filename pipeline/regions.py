"""The connected pieces of masks, measured; and what is followed of them from frame to frame."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from pipeline.fields import Int64, Name, Nat, Text
from pipeline.gauges import Gauge
from pipeline.layers import Pixels, settle
from pipeline.masks import Mask
from pipeline.shapes import Metric, Shape


class Region(Struct, frozen=True):
    """One connected component of a mask, measured; or, where `gauge` looked at a view as a whole, all that it shows.

    Attributes:
        label: Label of the layer it was found in.
        area_px: Pixels that belong to it (holes do not).
        box: (x, y, width, height) of the smallest upright box, whole pixels.
        centroid: (x, y), mean of the pixel centres.
        holes: Number of enclosed holes.
        hole_area_px: Pixels inside those holes.
        extent: Area over box area, 0…1: a rectangle has 1, a chipped one less.
        whole: False where the region touches the edge of the view and may go on outside.
        score: Confidence of the layer, 0…1.
        mask: Its own pixels, in the frame's size.
        shape: What its outline is like; None where an older version measured it.
        metric: The same and more in mm; None where there was no calibration.
        mean_score: Mean of its pixels' scores, logits; None where the sensor sent none.
        gauges: What tools measured of it, in the order of their layout.
    """

    label: Name
    area_px: Nat
    box: tuple[Int64, Int64, Nat, Nat]
    centroid: tuple[float, float]
    holes: Nat
    hole_area_px: Nat
    extent: float
    whole: bool
    score: float
    mask: Pixels
    shape: Shape | None = None
    metric: Metric | None = None
    mean_score: float | None = None
    gauges: Annotated[tuple[Gauge, ...], Meta(max_length=256)] = ()

    def __post_init__(self) -> None:
        if type(self.mask) is not Mask:
            settle(self)


class Track(Struct, frozen=True):
    """A region with an identity: `id` is unique in (camera, session)."""

    id: Nat
    region: Region


class Coasted(Struct, frozen=True):
    """A part that is in view but was not seen by itself: overlooked, in one region with others, or in pieces.

    Attributes:
        id: The id of its track.
        box: (x, y, width, height) of where its motion has taken it, px; what is out of view is not in it.
    """

    id: Nat
    box: tuple[float, float, float, float]


class Spread(Struct, frozen=True):
    """What was measured of one part, over all views in which it was whole and that could be measured.

    Attributes:
        measure: What was measured, with its unit in the name; of a tool, `TOOL.MEASURE`. An angle goes on beyond its
            range where views are on both sides of its end.
        mean: Mean over the views.
        low: The least of them.
        high: The greatest of them.
        deviation: Their standard deviation (of the sample); 0 of a single view.
    """

    measure: Text
    mean: float
    low: float
    high: float
    deviation: float


class Summary(Struct, frozen=True):
    """What was measured of many regions with one label; the batch gives the same numbers for the same regions.

    Attributes:
        label: Of the regions; empty where the measure is of frames.
        measure: What was measured, with its unit in the name.
        n: How many values.
        mean: Their mean, correctly rounded.
        deviation: Their standard deviation (of the sample), correctly rounded; None of a single value.
        low: The least of them.
        high: The greatest of them.
        p50: The value with the rank ⌈0.5 n⌉, within 1 %.
        p95: The value with the rank ⌈0.95 n⌉, within 1 %.
        p99: The value with the rank ⌈0.99 n⌉, within 1 %.
    """

    label: Text
    measure: Text
    n: Nat
    mean: float
    deviation: float | None
    low: float
    high: float
    p50: float
    p95: float
    p99: float
