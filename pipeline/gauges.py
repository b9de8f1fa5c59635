"""What tools measure: material against a golden mask, in a zone, between two edges, in a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from pipeline.fields import Name, Nat, Text
from pipeline.masks import Mask, Rle

if TYPE_CHECKING:
    Difference = Mask | None
else:
    Difference = Rle | None  # as `Pixels` is


class Place(Struct, frozen=True):
    """A place in a view, mask px: whole numbers are centres of pixels."""

    x: float
    y: float


class Fit(Struct, frozen=True):
    """How material differs from a golden mask, beyond the tolerance of its outline.

    Attributes:
        missing_area_px: Pixels of the golden mask where there is no material.
        extra_area_px: Pixels of material where the golden mask has none.
        difference_area_px: Both: the symmetric difference.
        iou: Pixels of both over pixels of either, without any tolerance, 0…1; 1 where neither has any.
        missing_area_mm2: The same in the plane; None where there was no calibration, and so are the rest.
        extra_area_mm2: The same of what is too much.
        difference_area_mm2: The same of both.
    """

    missing_area_px: Nat
    extra_area_px: Nat
    difference_area_px: Nat
    iou: float
    missing_area_mm2: float | None = None
    extra_area_mm2: float | None = None
    difference_area_mm2: float | None = None


class Pose(Struct, frozen=True):
    """How a part lies, compared with its golden mask.

    Attributes:
        shift_px: How far the centroid of the golden mask had to move onto the part.
        turn_deg: By how much it had to turn, clockwise on a screen, −180 < turn ≤ 180.
        shift_mm: The first in the plane; None where there was no calibration.
    """

    shift_px: float
    turn_deg: float
    shift_mm: float | None = None


class Fill(Struct, frozen=True):
    """The material in a zone.

    Attributes:
        filled_area_px: Pixels of it whose centres lie in the zone.
        filled: Their share of the zone, 0…1.
        pieces: Connected pieces of it.
        moved_px: How far their centroid is from that of the golden mask in the zone; None where either is empty.
        filled_area_mm2: The first in the plane; None where there was no calibration.
        moved_mm: The same of the distance.
    """

    filled_area_px: Nat
    filled: float
    pieces: Nat
    moved_px: float | None = None
    filled_area_mm2: float | None = None
    moved_mm: float | None = None


class Clearance(Struct, frozen=True):
    """How two edges lie to one another, over the stretch along which they face each other.

    Attributes:
        gap_px: The least distance between them.
        distance_px: The distance in the middle of the stretch.
        parallelism_px: How much farther apart they are at one end of the stretch than at the other.
        inclination_deg: Angle between them, 0…90.
        gap_mm: The same in the plane; None where there was no calibration, and so are the rest.
        distance_mm: The same of the middle.
        parallelism_mm: The same of the ends.
    """

    gap_px: float
    distance_px: float
    parallelism_px: float
    inclination_deg: float
    gap_mm: float | None = None
    distance_mm: float | None = None
    parallelism_mm: float | None = None


class Presence(Struct, frozen=True):
    """What is there of a pattern.

    Attributes:
        expected: Places that the pattern has.
        present: Places at which something was found.
        absent: Places at which nothing was.
        found: Things that were found, at a place or not.
        surplus: Those that are at no place.
        names: The places at which nothing was found.
        offset_px: The farthest that a thing is from its place; None where none is there.
        pitch_px: Mean distance from a thing to the next one; None where no two neighbours are there.
        pitch_error_px: The farthest that a distance between neighbours is from what it should be.
        offset_mm: The same in the plane; None where there was no calibration, and so are the rest.
        pitch_mm: The same of the pitch.
        pitch_error_mm: The same of its error.
    """

    expected: Nat
    present: Nat
    absent: Nat
    found: Nat
    surplus: Nat
    names: Annotated[tuple[Name, ...], Meta(max_length=4096)] = ()
    offset_px: float | None = None
    pitch_px: float | None = None
    pitch_error_px: float | None = None
    offset_mm: float | None = None
    pitch_mm: float | None = None
    pitch_error_mm: float | None = None


class Gauge(Struct, frozen=True):
    """What one tool measured of one region; what it could not measure is None, and `fault` says why.

    Attributes:
        tool: Its name in the layout; `golden` is the comparison with the whole golden mask.
        kind: What kind of tool it is.
        fault: Why it measured nothing, as a reason code; empty where it did.
        note: The same for people.
        template: Id and digest of the golden mask that it was aligned or compared with; empty where there is none.
        calibration: Id of the calibration that its mm rest upon; empty where there are none.
        pixel_mm: Side of a mask pixel in the middle of the view; 0 where there was no calibration.
        fit: Of `golden`, and of a zone where there is a golden mask.
        pose: Of `golden`.
        fill: Of a zone.
        clearance: Of a gap.
        presence: Of a pattern.
        points: Where it looked, mask px: a zone's corners; the ends of a gap's two edges; a pattern's places, those at
            which something was found first.
        missing: Of `golden`: the pixels that are missing, in the frame's size; None where none is.
        extra: The same of those that are too many.
    """

    tool: Name
    kind: Literal["golden", "zone", "gap", "pattern"]
    fault: Text = ""
    note: Text = ""
    template: Text = ""
    calibration: Text = ""
    pixel_mm: float = 0.0
    fit: Fit | None = None
    pose: Pose | None = None
    fill: Fill | None = None
    clearance: Clearance | None = None
    presence: Presence | None = None
    points: Annotated[tuple[Place, ...], Meta(max_length=4096)] = ()
    missing: Difference = None
    extra: Difference = None

    def __post_init__(self) -> None:
        for name in ("missing", "extra"):
            if isinstance(told := getattr(self, name), Rle):
                force_setattr(self, name, Mask.from_counts(told.size, told.counts))
