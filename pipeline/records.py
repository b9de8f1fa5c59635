"""The nouns that travel between nodes.

Every record is frozen and knows which exposure it speaks of: (camera, session, seq) names a
frame for ever. Coordinates are mask pixels, x to the right, y down, unless a name says
otherwise; the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from pipeline.masks import Mask, Rle, Side
from pipeline.shapes import Metric, Name, Shape

if TYPE_CHECKING:
    Pixels = Mask
else:
    # A decoder reads a typed struct here, and `_settle` makes the mask of it: a type that msgspec does not know
    # would be read as anything at all, and 4 MB of empty lists would become 300 MB of objects.
    Pixels = Rle

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Nat = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, Meta(max_length=1024)]
Outcome = Literal["PASS", "WARN", "FAIL", "NO_READ"]
Epoch = Literal["settled", "settling", "unknown"]
Tally = Annotated[dict[Text, Nat], Meta(max_length=4096)]


class Record(Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower):
    """Anything that travels on an edge.

    Attributes:
        camera: Name of the camera that saw it.
        session: One run of one source: a boot id. A restart begins a new one.
        seq: Frame number at that camera in that session, counting from 0.
        t_ns: Exposure time, nanoseconds since the Unix epoch, UTC.
    """

    camera: Name
    session: Name
    seq: Nat
    t_ns: Int64


class Roi(Struct, frozen=True):
    """The rectangle of the sensor that the network saw, in sensor pixels; the prompt is this crop."""

    x: Nat
    y: Nat
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]


class Scores(Struct, frozen=True):
    """What the network said before any threshold: quantised logits, as the sensor gives them.

    Attributes:
        size: (height, width) in px.
        data: int8, row-major, height × width bytes; score = (value − zero_point) × scale.
        scale: Logits per step; a positive score is inside.
        zero_point: The value that means a score of 0.
    """

    size: tuple[Side, Side]
    data: Annotated[bytes, Meta(max_length=1 << 24)]
    scale: float
    zero_point: int = 0


class Layer(Struct, frozen=True):
    """One mask of a frame: what was found for one label.

    Attributes:
        label: What the pixels mean: `part`, `pit`, …
        mask: The pixels.
        score: Confidence of the whole mask, 0…1.
        scores: The logits behind the mask, where the sensor sent them.
    """

    label: Name
    mask: Pixels
    score: float = 1.0
    scores: Scores | None = None

    def __post_init__(self) -> None:
        if type(self.mask) is not Mask:
            _settle(self)


class Frame(Record, frozen=True, kw_only=True):
    """What the sensor said about one exposure, and how it was sensed.

    Attributes:
        size: (height, width) of every mask, px.
        layers: One mask per label; none at all means that nothing was found.
        prompt: Name of the point or box that was inspected; empty for the whole view.
        roi: The crop the network saw, in sensor pixels, where known.
        model: Hash of the network that segmented; empty where no network did.
        epoch: Whether the masks are of `roi`: certainly, where `settled`; not, while it is `settling` after a change:
            they may be of the crop before, and nothing is measured on them; nobody knows, where `unknown`.
    """

    size: tuple[Side, Side]
    layers: Annotated[tuple[Layer, ...], Meta(max_length=256)] = ()
    prompt: Text = ""
    roi: Roi | None = None
    model: Text = ""
    epoch: Epoch = "settled"


class Image(Record, frozen=True, kw_only=True):
    """What the sensor saw at one exposure: the only record that may hold a picture.

    A source hands it over only where the topology says `images: true` at its camera; elsewhere its lane refuses it.

    Attributes:
        size: (height, width) of the picture, px.
        format: How it is packed.
        data: The packed picture.
        roi: The crop of the sensor that it shows, in sensor pixels; None for the whole array.
        prompt: Name of the prompt that was inspected meanwhile; empty for the whole view.
    """

    size: tuple[Side, Side]
    format: Literal["jpeg", "png"]
    data: Annotated[bytes, Meta(max_length=3 << 20)]
    roi: Roi | None = None
    prompt: Text = ""


class Region(Struct, frozen=True):
    """One connected component of a mask, measured.

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

    def __post_init__(self) -> None:
        if type(self.mask) is not Mask:
            _settle(self)


class Regions(Record, frozen=True, kw_only=True):
    """What was measured in one frame, which tells prompt, model, epoch, ROI; no region at all means an empty view."""

    size: tuple[Side, Side]
    regions: Annotated[tuple[Region, ...], Meta(max_length=65536)] = ()
    prompt: Text = ""
    model: Text = ""
    epoch: Literal["settled", "unknown"] = "settled"
    roi: Roi | None = None


class Track(Struct, frozen=True):
    """A region with an identity: `id` is unique in (camera, session)."""

    id: Nat
    region: Region


class Tracks(Record, frozen=True, kw_only=True):
    """A frame whose regions carry ids that are stable over time."""

    size: tuple[Side, Side]
    tracks: Annotated[tuple[Track, ...], Meta(max_length=65536)] = ()


class Part(Record, frozen=True, kw_only=True):
    """One part, told once, when it has left the view; `seq` and `t_ns` are its last sight.

    Attributes:
        id: The id its track had.
        first_seq: Frame of its first sight.
        views: Frames in which it was seen whole.
        hidden: Frames in which it was or may have been in view and that nobody could see: a gap took them.
        best: Its best view: the largest one that was whole, or the largest of all.
        best_seq: Frame of that view.
    """

    id: Nat
    first_seq: Nat
    views: Nat
    hidden: Nat
    best: Region
    best_seq: Nat


class Finding(Struct, frozen=True):
    """One limit that was not kept.

    Attributes:
        rule: Name of the rule in the rule book.
        reason: Reason code for the plant, as the rule book gives it.
        measure: What was measured, with its unit in the name.
        value: The measured value.
        low: The least that is allowed, where there is such a limit.
        high: The most that is allowed, where there is such a limit.
    """

    rule: Text
    reason: Text
    measure: Text
    value: float
    low: float | None = None
    high: float | None = None


class Verdict(Record, frozen=True, kw_only=True):
    """What the line decides about a frame, a part, or a stretch that nobody saw.

    Attributes:
        outcome: PASS, WARN, FAIL, or NO_READ where it was not inspected: never *good*.
        subject: What it is about.
        part: Id of the part, where it is about one.
        first_seq: First frame it speaks of; `seq` is the last.
        findings: Every limit that was not kept.
        book: Name of the rule book that decided.
    """

    outcome: Outcome
    subject: Literal["frame", "part", "gap"]
    part: Nat | None = None
    first_seq: Nat
    findings: Annotated[tuple[Finding, ...], Meta(max_length=4096)] = ()
    book: Text = ""


class Gap(Record, frozen=True, kw_only=True):
    """Frames that are missing, told in-band: `seq` is the first, `last` the last of them.

    Attributes:
        last: Last missing frame; equal to `seq` where one is missing.
        reason: Why: `overflow`, `expired`, `error`, `sensor`, `restart`.
        where: The node or edge that lost them.
    """

    last: Nat
    reason: Text
    where: Text


class Stats(Record, frozen=True, kw_only=True):
    """Counts over a stretch of event time; `t_ns` is its end and `seq` the last frame in it.

    Attributes:
        since_ns: Start of the stretch, UTC nanoseconds.
        frames: Frames seen.
        missing: Frames told missing by gaps.
        outcomes: Verdicts per outcome.
        reasons: Findings per reason code.
    """

    since_ns: Int64
    frames: Nat
    missing: Nat
    outcomes: Tally = {}
    reasons: Tally = {}


def _settle(holder: Layer | Region) -> None:
    """Make the mask of what a decoder read."""
    force_setattr(holder, "mask", Mask.from_counts(holder.mask.size, holder.mask.counts))


KINDS: tuple[type[Record], ...] = (Frame, Regions, Tracks, Part, Verdict, Gap, Stats, Image)
AnyRecord = Frame | Regions | Tracks | Part | Verdict | Gap | Stats | Image
