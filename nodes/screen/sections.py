"""What a page is told, section by section: plain data that becomes JSON. Times are UTC, ms."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import count

from msgspec import Struct

from nodes.drawing.portrait import Shown
from nodes.drawing.words import allowed, measured, name
from nodes.screen.tally import REJECTED, Period, total
from nodes.screen.trend import Point
from nodes.sinks.gallery import Shape, View
from pipeline.orders import Shown as ShownAlarm
from pipeline.records import Finding, Outcome, Verdict

LARGEST = 1 << 14  # run lengths of one mask, bytes: of a larger one a page is told its box alone
SHAPES = 32  # of one view


class Outline(Struct, frozen=True):
    """A mask in a view: its box (x, y, width, height), px, and COCO run lengths; none where it is too large."""

    id: int | None
    box: tuple[int, int, int, int]
    counts: str


class Look(Struct, frozen=True):
    """What a camera saw last: of a frame's size (height, width), px."""

    seq: int
    t: float
    size: tuple[int, int]
    shapes: list[Outline]
    more: int
    prompt: str
    epoch: str


class Decided(Struct, frozen=True):
    """What was decided last; `id` leads to its drawing where it was rejected."""

    outcome: Outcome
    t: float
    part: int | None
    subject: str
    reason: str
    measured: str
    allowed: str
    id: str


class Eye(Struct, frozen=True):
    """One camera now.

    Attributes:
        look: What it saw last.
        last: What was decided last.
        pictured: Its pictures leave it.
        picture: Frame of the newest picture that may be looked at here; None where there is none.
        missing: Frames of it that were told missing since this screen began.
        model: Hash of its network.
    """

    look: Look | None
    last: Decided | None
    pictured: bool
    picture: int | None
    missing: int
    model: str


class Count(Struct, frozen=True):
    """A shift or a batch in numbers."""

    name: str
    begin: float
    by: str
    outcomes: dict[str, dict[str, int]]
    total: dict[str, int]
    reasons: dict[str, dict[str, dict[str, int]]]


class Found(Struct, frozen=True):
    """One limit that was not kept, in the words of the rule book."""

    reason: str
    measure: str
    measured: str
    allowed: str
    rule: str
    outcome: str
    note: str
    camera: str
    tool: str


class Reject(Struct, frozen=True):
    """A reject of the gallery; `drawn` where there is something to draw."""

    id: str
    camera: str
    outcome: str
    t: float
    subject: str
    part: int | None
    first: int
    seq: int
    session: str
    rules: str
    drawn: bool
    findings: list[Found]


class Head(Struct, frozen=True, kw_only=True):
    """What stands above everything; sent every second, so that who hears nothing knows it."""

    title: str
    line: str
    phase: str
    faults: tuple[str, ...]
    notices: tuple[str, ...]
    pictured: tuple[str, ...]
    images: bool
    rules: list[str]
    models: list[str]
    moving: float | None
    now: float
    zone: str
    lang: str
    actions: bool
    viewers: int
    skipped: int


class Alarms(Struct, frozen=True):
    """The alarms that are not normal, the gravest first.

    Attributes:
        known: Some node of the line has an alarm book.
        silent: It does not answer.
        more: Others that are left out.
        per_hour: How many were raised an hour over the last day.
    """

    known: bool
    silent: bool
    alarms: tuple[ShownAlarm, ...] = ()
    more: int = 0
    per_hour: float = 0.0


class Trend(Struct, frozen=True):
    """The chart of all cameras, and of each."""

    every: float
    line: list[Point]
    cameras: dict[str, list[Point]]


def look(view: View) -> Look:
    """A view as it travels to a page: its masks are not unpacked."""
    shapes = [_outline(shape) for shape in view.shapes[:SHAPES]]
    more = max(0, len(view.shapes) - SHAPES)
    return Look(view.seq, view.t_ns / 1e6, view.size, shapes, more, view.prompt, view.epoch)


def decided(verdict: Verdict, name: str) -> Decided:
    """A verdict in a line."""
    first = verdict.findings[0] if verdict.findings else None
    said = (first.reason, measured(first), allowed(first)) if first else ("", "", "")
    return Decided(verdict.outcome, verdict.t_ns / 1e6, verdict.part, verdict.subject, *said, name)


def counted(period: Period) -> Count:
    """A shift or a batch."""
    begin = period.begin_ns / 1e6
    return Count(period.name, begin, period.by, period.outcomes, total(period.outcomes), period.reasons)


def rejects(shown: Iterable[tuple[str, Shown]], most: int, pinned: Collection[str]) -> list[Reject]:
    """The newest rejects, and what alarms lead to, a WARN among it."""
    found, places = list[Reject](), count()
    for one, each in shown:
        if (each.outcome in REJECTED and next(places) < most) or one in pinned:
            found.append(reject(one, each))
    return found


def reject(name: str, shown: Shown) -> Reject:
    """One reject."""
    verdict = shown.verdict
    assert verdict
    return Reject(
        id=name, camera=verdict.camera, outcome=verdict.outcome, t=verdict.t_ns / 1e6, subject=verdict.subject,
        part=verdict.part, first=verdict.first_seq, seq=verdict.seq, session=verdict.session,
        rules=f"{verdict.book} {verdict.version}".strip(), drawn=shown.seen is not None,
        findings=[_found(each) for each in verdict.findings[:8]],
    )  # fmt: skip


def newest(seen: Mapping[str, str]) -> list[str]:
    """What cameras have in common, or not: each once."""
    return sorted({each for each in seen.values() if each})


def _outline(shape: Shape) -> Outline:
    counts = shape.mask.counts
    return Outline(shape.id, shape.box, counts.decode("ascii") if len(counts) <= LARGEST else "")


def _found(finding: Finding) -> Found:
    return Found(
        finding.reason, name(finding.measure), measured(finding), allowed(finding), finding.rule, finding.outcome,
        finding.note, finding.camera, finding.tool,
    )  # fmt: skip
