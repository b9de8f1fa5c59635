"""What may be measured in a view: zones, edges, the gaps between them, patterns; as layouts write it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from pipeline.golden import read_golden
from pipeline.units import Area, Ratio

Label = Annotated[str, Meta(min_length=1, max_length=128, description="text")]
Named = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="a name")]
Point = tuple[float, float]
Spot = Annotated[tuple[float, float], Meta(description="[x, y]")]
Corners = Annotated[tuple[Spot, ...], Meta(max_length=256, description="three or more")]
Line = Annotated[tuple[Point, Point], Meta(description="[[x, y], [x, y]]")]
Pair = Annotated[tuple[Label, Label], Meta(description="the names of two edges")]
Cells = Annotated[int, Meta(ge=1, le=64, description="count")]
Length = Annotated[float, Meta(ge=0, description="px or mm")]
Reach = Annotated[float, Meta(gt=0, description="px or mm")]
Turn = Annotated[float, Meta(ge=0, le=180, description="°")]
Side = Annotated[int, Meta(ge=1, le=1 << 14, description="px")]
Extent = Annotated[tuple[Side, Side], Meta(description="[width, height], px")]
GoldenFile = Annotated[str, Meta(description="a file", extra={"beside": True, "read": read_golden})]

GOLDEN = "golden"  # the tool that compares with the whole golden mask
ANY = "*"  # the view of every prompt that has none of its own
HALF = 0.5  # px from the centre of the outermost pixels to the end of the view


class Zone(Struct, frozen=True, forbid_unknown_fields=True):
    """A place in the view.

    Attributes:
        corners: Of a polygon that does not cross itself.
    """

    corners: Corners


class Edge(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an edge of the material is looked for.

    Attributes:
        line: From where to where it should run.
        reach: How far from that line it is looked for, to both sides.
        material: On which side of it the material is, for whoever walks from its first end to its second.
        least: Share of the line along which the edge must be found.
    """

    line: Line
    reach: Reach = 3.0
    material: Literal["left", "right", "any"] = "any"
    least: Ratio = 0.5


class Gap(Struct, frozen=True, forbid_unknown_fields=True):
    """Two edges, between which distances are measured.

    Attributes:
        between: Their names.
    """

    between: Pair


class Grid(Struct, frozen=True, forbid_unknown_fields=True):
    """Places in rows and columns, called `COLUMN-ROW` from `1-1`.

    Attributes:
        first: The place `1-1`.
        columns: How many there are in a row.
        rows: How many rows.
        step: (across, down): from one column to the next, from one row to the next.
    """

    first: Spot
    columns: Cells
    rows: Cells
    step: Spot


class Pattern(Struct, frozen=True, forbid_unknown_fields=True):
    """Things that should be at known places.

    Attributes:
        places: Where, by name, in the order in which each is the next one's neighbour.
        grid: Where, in rows and columns, instead.
        tolerance: How far the centroid of a thing may be from its place.
        find: Whether things are pieces of the material, or holes in it.
        min_area: What has fewer pixels is no thing.
        zone: The zone in which things count; the whole view where this is left out.
    """

    tolerance: Reach
    places: Annotated[dict[Named, Spot], Meta(min_length=1, max_length=4096)] | None = None
    grid: Grid | None = None
    find: Literal["pieces", "holes"] = "pieces"
    min_area: Area = 1
    zone: Label | None = None


class View(Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured under one prompt.

    Attributes:
        golden: What a good part looks like; `kensa golden` makes it.
        tolerance: How far an outline may be from that of the golden mask before material is missing or too much.
        align: How the golden mask is laid upon the part: as it was seen; centroid on centroid; or, from there, shifted
            and turned until their outlines go together best.
        max_shift: Farthest that it may have to move; as far as it takes where this is left out.
        max_turn: Farthest that it may have to turn, with `align: ecc`.
        alike: Least overlap (IoU) after that: what is less like it was not aligned.
        unit: What coordinates and lengths here are told in.
        size: Of the view, where no golden mask says it: so that what lies outside is told before the line runs.
        zones: Places in the view, by name.
        edges: Edges of the material, by name.
        gaps: What is measured between two edges, by name.
        patterns: Things that should be at known places, by name.
    """

    golden: GoldenFile | None = None
    tolerance: Length = 0.0
    align: Literal["none", "centroid", "ecc"] = "none"
    max_shift: Length | None = None
    max_turn: Turn = 15.0
    alike: Ratio = 0.5
    unit: Literal["px", "mm"] = "px"
    size: Extent | None = None
    zones: dict[Label, Zone] = {}
    edges: dict[Label, Edge] = {}
    gaps: dict[Label, Gap] = {}
    patterns: dict[Label, Pattern] = {}


Views = Annotated[dict[str, View], Meta(min_length=1, max_length=64, description="views by prompt")]
