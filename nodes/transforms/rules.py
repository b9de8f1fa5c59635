"""Decide what is good."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated

from msgspec import Meta

from nodes.transforms.book import Book, Rule, open_book, read_book
from pipeline.node import node
from pipeline.records import Finding, Gap, Outcome, Part, Region, Regions, Verdict

BookFile = Annotated[str, Meta(description="a file", extra={"beside": True, "read": read_book})]

OF_REGIONS: dict[str, Callable[[Region], float]] = {
    "area_px": lambda region: region.area_px,
    "width_px": lambda region: region.box[2],
    "height_px": lambda region: region.box[3],
    "extent": lambda region: region.extent,
    "holes": lambda region: region.holes,
    "hole_area_px": lambda region: region.hole_area_px,
    "score": lambda region: region.score,
    "x_px": lambda region: region.centroid[0],
    "y_px": lambda region: region.centroid[1],
}


@node()
def rules(record: Regions | Part | Gap, *, book: BookFile) -> Verdict:
    """Judge frames or parts by a rule book; what was not seen is NO_READ, never good.

    A part is judged by its best view. One that no frame showed whole is NO_READ; one of which
    frames were hidden is FAIL if what was seen is bad, else NO_READ. A gap becomes a verdict of its
    own, so it does not go on as a gap. A frame in which nothing was found breaks no rule but those
    on `count` and `total_area_px`.

    Args:
        book: The rule book; a relative path starts at the folder of the topology.
    """
    known = open_book(book)
    if isinstance(record, Gap):
        return _verdict(record, known, "NO_READ", [missing(record)])
    if isinstance(record, Part):
        return _verdict(record, known, *of_part(record, known))
    return _verdict(record, known, *of_frame(record, known))


def of_frame(frame: Regions, book: Book) -> tuple[Outcome, list[Finding]]:
    """What the rules say of everything in one frame: one finding per rule, about the worst region."""
    broken = [*_broken(book.rules, frame.regions, book.label)]
    return _worst(broken), [finding for _, finding in broken]


def of_part(part: Part, book: Book) -> tuple[Outcome, list[Finding]]:
    """What the rules say of a part, as far as it was seen."""
    if part.views < book.min_views:
        return "NO_READ", [Finding("views", "NOT_SEEN_WHOLE", "views", part.views, low=book.min_views)]
    limits = [rule for rule in book.rules if rule.measure in OF_REGIONS]
    broken = [*_broken(limits, (part.best,), book.label)]
    findings = [finding for _, finding in broken]
    if part.hidden > book.max_hidden and _worst(broken) != "FAIL":
        return "NO_READ", [*findings, Finding("hidden", "HIDDEN", "hidden", part.hidden, high=book.max_hidden)]
    return _worst(broken), findings


def missing(gap: Gap) -> Finding:
    """Why nobody can say anything: how many frames are missing, and what took them."""
    return Finding("gap", gap.reason.upper() or "GAP", "frames", gap.last - gap.seq + 1, high=0)


def values(rule: Rule, regions: Iterable[Region], label: str) -> list[float]:
    """What a rule looks at: one value per region, or one of them all."""
    wanted = rule.label or label
    about = [each for each in regions if each.label == wanted and (each.whole or not rule.whole)]
    if rule.measure == "count":
        return [len(about)]
    if rule.measure == "total_area_px":
        return [sum(each.area_px for each in about)]
    return [OF_REGIONS[rule.measure](each) for each in about]


def _broken(limits: Sequence[Rule], regions: Iterable[Region], label: str) -> Iterator[tuple[Rule, Finding]]:
    for rule in limits:
        worst = max(values(rule, regions, label), key=lambda value: _beyond(rule, value), default=None)
        if worst is not None and _beyond(rule, worst) > 0:
            yield rule, Finding(rule.name, rule.reason, rule.measure, worst, rule.low, rule.high)


def _beyond(rule: Rule, value: float) -> float:
    """How far a value is beyond the nearest limit; not positive where it is allowed."""
    low = rule.low - value if rule.low is not None else -math.inf
    high = value - rule.high if rule.high is not None else -math.inf
    return max(low, high)


def _worst(broken: Sequence[tuple[Rule, Finding]]) -> Outcome:
    severities = {rule.severity for rule, _ in broken}
    return "FAIL" if "FAIL" in severities else "WARN" if severities else "PASS"


def _verdict(record: Regions | Part | Gap, book: Book, outcome: Outcome, findings: Sequence[Finding]) -> Verdict:
    part = record if isinstance(record, Part) else None
    return Verdict(
        camera=record.camera,
        session=record.session,
        seq=record.last if isinstance(record, Gap) else record.seq,
        t_ns=record.t_ns,
        outcome=outcome,
        subject="part" if part else "gap" if isinstance(record, Gap) else "frame",
        part=part.id if part else None,
        first_seq=part.first_seq if part else record.seq,
        findings=tuple(findings),
        book=book.name or "",
    )
