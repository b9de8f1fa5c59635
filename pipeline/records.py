"""The nouns that travel between nodes.

Every record is frozen and knows which exposure it speaks of: (camera, session, seq) names a
frame for ever. Coordinates are mask pixels, x to the right, y down, unless a name says
otherwise; the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from pipeline.fields import Epoch, Int64, Measured, Name, Nat, Outcome, Tally, Text, Timing
from pipeline.findings import Finding, View
from pipeline.gauges import Gauge
from pipeline.layers import Layer, Pixels, Roi, Scores
from pipeline.masks import Side
from pipeline.readings import Reading
from pipeline.regions import Coasted, Region, Spread, Summary, Track

__all__ = [
    "KINDS",
    "AnyRecord",
    "Coasted",
    "Epoch",
    "Finding",
    "Frame",
    "Gap",
    "Gauge",
    "Image",
    "Int64",
    "Layer",
    "Measured",
    "Name",
    "Nat",
    "Outcome",
    "Part",
    "Pixels",
    "Reading",
    "Record",
    "Region",
    "Regions",
    "Roi",
    "Scores",
    "Spread",
    "Stats",
    "Summary",
    "Tally",
    "Text",
    "Timing",
    "Track",
    "Tracks",
    "Verdict",
    "View",
]


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
        timing: How `t_ns` is known: the sensor's own stamp (`sensor`); the host's clock when the frame came to it
            (`wall`), or when a library there had parsed it (`parsed`); only when it came here (`arrival`).
        encoder: Count of the belt's encoder at exposure, where it has one.
        reading: What the camera read off itself then; None where it told nothing.
    """

    size: tuple[Side, Side]
    layers: Annotated[tuple[Layer, ...], Meta(max_length=256)] = ()
    prompt: Text = ""
    roi: Roi | None = None
    model: Text = ""
    epoch: Epoch = "settled"
    timing: Timing = "sensor"
    encoder: Int64 | None = None
    reading: Reading | None = None


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


class Regions(Record, frozen=True, kw_only=True):
    """What was measured in one frame; no region at all means an empty view. Never of a settling crop.

    Attributes:
        size: (height, width) of the frame, px.
        regions: What was found.
        prompt: As in the frame, and so are the rest.
        calibration: Id of the calibration that it was measured with, also where nothing was found; empty without one.
    """

    size: tuple[Side, Side]
    regions: Annotated[tuple[Region, ...], Meta(max_length=65536)] = ()
    prompt: Text = ""
    model: Text = ""
    epoch: Measured = "settled"
    roi: Roi | None = None
    encoder: Int64 | None = None
    reading: Reading | None = None
    calibration: Text = ""


class Tracks(Record, frozen=True, kw_only=True):
    """A frame whose regions carry ids that are stable over time.

    Attributes:
        size: (height, width) of the frame, px.
        tracks: The parts that were seen.
        prompt: As in the frame, and so are the rest.
        roi: The crop the network saw, in sensor pixels, where known.
        model: Hash of the network.
        epoch: Whether the masks are of `roi`.
        coasted: The parts that must be in view as well, by their motion alone; none of them is in `tracks`.
        watermark: Every part that was last seen before this frame has been told; None where nobody knows.
        encoder: Count of the belt's encoder at exposure, where it has one.
        reading: What the camera read off itself then, as in the frame.
        calibration: Id of the calibration that it was measured with; empty without one.
    """

    size: tuple[Side, Side]
    tracks: Annotated[tuple[Track, ...], Meta(max_length=65536)] = ()
    prompt: Text = ""
    model: Text = ""
    epoch: Measured = "settled"
    roi: Roi | None = None
    coasted: Annotated[tuple[Coasted, ...], Meta(max_length=65536)] = ()
    watermark: Nat | None = None
    encoder: Int64 | None = None
    reading: Reading | None = None
    calibration: Text = ""


class Part(Record, frozen=True, kw_only=True):
    """One part, told once, when it has left the view; `seq` and `t_ns` are its last sight.

    Attributes:
        id: The id its track had.
        first_seq: Frame of its first sight.
        views: Frames in which it was seen whole.
        hidden: Frames in which it was or may have been in view and that nobody could see: a gap took them.
        best: Its best view: the largest one that was whole, or the largest of all.
        best_seq: Frame of that view.
        measures: Every number that a region has, over the views in which the part was whole: of its own, and as
            `TOOL.MEASURE` of every tool.
        mark: Where it lies on the belt: the encoder's count at which its middle is at x = 0 of the view; None where
            no encoder is read.
        piece: Its number on the whole belt, the same at every camera, where `handover` gave it one.
        prompt: Name of the prompt under which it was followed; empty for the whole view.
        epoch: Whether the masks are of `roi`, as the last frame says.
        roi: The crop the network saw, in sensor pixels, where known.
        watermark: Every part that was last seen before this frame has been told: parts come in the order in which
            they were given up, not of their last sight. None where nobody knows.
    """

    id: Nat
    first_seq: Nat
    views: Nat
    hidden: Nat
    best: Region
    best_seq: Nat
    measures: Annotated[tuple[Spread, ...], Meta(max_length=4096)] = ()
    mark: float | None = None
    piece: Nat | None = None
    prompt: Text = ""
    epoch: Measured = "settled"
    roi: Roi | None = None
    watermark: Nat | None = None


class Verdict(Record, frozen=True, kw_only=True):
    """What the line decides about a frame, a part, or a stretch that nobody saw.

    Attributes:
        outcome: PASS, WARN, FAIL, or NO_READ where it was not inspected: never *good*.
        subject: What it is about.
        part: Id of the part, where it is about one.
        first_seq: First frame it speaks of; `seq` is the last.
        findings: Every limit that was not kept.
        book: Name of the rule book that decided.
        version: Digest of that book, 12 hexadecimal digits: equal where every word of it is equal.
        kept: Every limit that was looked at and kept, where the book tells all.
        mark: Where that lies on the belt, as the part says; of a frame, what the belt's encoder counted at exposure.
        views: The verdicts that it is made of, where it is about several views of one part.
        watermark: Every part that was last seen before this frame has been judged; None where nobody knows.
    """

    outcome: Outcome
    subject: Literal["frame", "part", "gap"]
    part: Nat | None = None
    first_seq: Nat
    findings: Annotated[tuple[Finding, ...], Meta(max_length=4096)] = ()
    book: Text = ""
    version: Text = ""
    kept: Annotated[tuple[Finding, ...], Meta(max_length=4096)] = ()
    mark: float | None = None
    views: Annotated[tuple[View, ...], Meta(max_length=256)] = ()
    watermark: Nat | None = None


class Gap(Record, frozen=True, kw_only=True):
    """Frames that are missing, told in-band: `seq` is the first, `last` the last of them.

    Attributes:
        last: Last missing frame; equal to `seq` where one is missing.
        reason: Why: `overflow`, `expired`, `error`, `sensor`, `restart`.
        where: The node or edge that lost them.
        since: The frame before `seq` from which on parts may have been seen last that nobody will tell of any more:
            a node forgot them. None where it forgot none.
    """

    last: Nat
    reason: Text
    where: Text
    since: Nat | None = None


class Stats(Record, frozen=True, kw_only=True):
    """Counts over a stretch of event time; `t_ns` is its end and `seq` the last frame in it.

    Attributes:
        since_ns: Start of the stretch, UTC nanoseconds.
        frames: Frames seen.
        missing: Frames told missing by gaps.
        outcomes: Verdicts per outcome.
        reasons: Findings per reason code.
        measures: What was measured, by label and measure, where that was asked for.
    """

    since_ns: Int64
    frames: Nat
    missing: Nat
    outcomes: Tally = {}
    reasons: Tally = {}
    measures: Annotated[tuple[Summary, ...], Meta(max_length=4096)] = ()


KINDS: tuple[type[Record], ...] = (Frame, Regions, Tracks, Part, Verdict, Gap, Stats, Image)
AnyRecord = Frame | Regions | Tracks | Part | Verdict | Gap | Stats | Image
