"""A region as a technical drawing: its pixels, its outline, and what was measured with the limit it did not keep."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from msgspec import Struct

from nodes.drawing.marks import Around, Mark, Patch, Seen, Span, Spot, across, crop, down, mark
from nodes.drawing.pen import Pen, disc
from nodes.drawing.theme import LIGHT, Theme, mixed
from nodes.drawing.tooling import Looked, cut, gauges, looked, outlines, room
from nodes.drawing.words import allowed, amount, measured, name
from nodes.sinks.canvas import Box, Colour, Point
from pipeline.records import Finding, Outcome

SOFT = 0.30  # of the outcome's colour, inside a region
GRAVE = ("FAIL", "WARN")  # verdicts in which each finding may say something else
LEADS = 2.2  # heights of a letter: what tools say needs more room beside a region
ARROW = 0.7  # of the lettering: how long the head of an arrow is


class Style(Struct, frozen=True):
    """How a figure is drawn.

    Attributes:
        theme: Its colours.
        outcome: What was decided; None where nobody has.
        lettering: Height of its letters, px; 0 leaves them out.
        plain: Whether width and height are told where no finding speaks of them.
        scale: Magnification; where it is left out, as large as there is room.
        brief: Leave the limits out: they are told elsewhere.
        air: Room beside the region, and above and below it, in heights of a letter.
    """

    theme: Theme = LIGHT
    outcome: Outcome | None = None
    lettering: int = 15
    plain: bool = False
    scale: float | None = None
    brief: bool = False
    air: tuple[float, float] = (7.5, 3.2)


class Hand(Struct, frozen=True):
    """How words and lines about a measure are drawn: their colour, and the height of letters, px."""

    colour: Colour
    size: int


class Place(Struct, frozen=True):
    """Where mask pixels are on the page."""

    left: float
    top: float
    scale: float

    def __call__(self, at: Point) -> Point:
        """A point of the mask (from the corner of its first pixel) on the page."""
        return self.left + at[0] * self.scale, self.top + at[1] * self.scale


def figure(pen: Pen, box: Box, seen: Seen, findings: Sequence[Finding], style: Style) -> float:
    """Draw a region in the middle of a box; returns the magnification.

    Args:
        pen: What draws.
        box: The room there is, dimension lines and their letters included.
        seen: The region.
        findings: Limits that were not kept.
        style: How.
    """
    scale = style.scale or fitting(seen, box, style)
    place = _placed(seen, box, scale, style)
    colour = style.theme.colour(style.outcome)
    pixels, at = crop(seen)
    x, y = place(at)
    pen.mask((round(x), round(y)), pixels, scale, mixed(colour, SOFT, style.theme.well), colour)
    for line in outlines(seen):
        pen.stroke([place(point) for point in line], style.theme.faint, dash=4)
    marks = [(finding, looked(seen, finding) if finding.tool else mark(seen, finding)) for finding in findings]
    for finding, shown in marks:
        _show(pen, place, shown, finding, style)
    beside = place((room(seen)[0], 0.0))[0]
    _tools(pen, place, beside, [(finding, shown) for finding, shown in marks if isinstance(shown, Looked)], style)
    if style.plain:
        _plain(pen, place, seen, [shown for _, shown in marks], style)
    return scale


def fitting(seen: Seen, box: Box, style: Style) -> float:
    """The largest magnification at which a region and its dimension lines have room in a box."""
    wide, high = (max(12.0, letters * style.lettering) for letters in style.air)
    wide += LEADS * style.lettering if gauges(seen) else 0
    _, _, width, height = room(seen)
    return max(0.1, min((box[2] - 2 * wide) / (width + 2), (box[3] - 2 * high) / (height + 2)))


def _placed(seen: Seen, box: Box, scale: float, style: Style) -> Place:
    x, y, width, height = room(seen)
    left = box[0] + (box[2] - width * scale) / 2 - x * scale
    lift = style.lettering if style.plain else 0
    return Place(round(left), round(box[1] + (box[3] - lift - height * scale) / 2 - y * scale), scale)


def _plain(pen: Pen, place: Place, seen: Seen, shown: Sequence[Mark | Looked | None], style: Style) -> None:
    """Width and height, where no finding tells them."""
    hand = Hand(style.theme.pale, style.lettering)
    for span, value in ((across(seen), seen.box[2]), (down(seen), seen.box[3])):
        if span not in shown:
            _span(pen, place, span, amount(f"{value}", "px"), hand)


def _said(finding: Finding, style: Style) -> tuple[str, Hand]:
    """What a finding says beside a mark, its limits after two blanks; and the hand it is written in."""
    colour = style.theme.colour(finding.outcome if style.outcome in GRAVE else style.outcome)
    limits = "" if style.brief or not allowed(finding) else f"  ({allowed(finding)})"
    return f"{measured(finding)}{limits}", Hand(colour, style.lettering)


def _show(pen: Pen, place: Place, shown: Mark | Looked | None, finding: Finding, style: Style) -> None:
    said, hand = _said(finding, style)
    colour = hand.colour
    match shown:
        case Span():
            _span(pen, place, shown, said, hand)
        case Patch():
            x, y = place(shown.at)
            pen.mask((round(x), round(y)), shown.pixels, place.scale, mixed(colour, 0.75, style.theme.well), colour)
            _lead(pen, place(shown.middle), (place(shown.beside)[0], 0.0), f"{name(finding.measure)} {said}", hand)
        case Around():
            pen.stroke([place(corner) for corner in shown.corners], colour, dash=6)
        case Looked():
            _tool(pen, place, shown, hand, style)
        case Spot():
            _cross(pen, place(shown.at), colour, max(4.0, style.lettering * 0.6))


def _tool(pen: Pen, place: Place, shown: Looked, hand: Hand, style: Style) -> None:
    """Where a tool looked, and what it found there."""
    colour = hand.colour
    if shown.pixels is not None:
        pixels, first = cut(shown.pixels)
        x, y = place(first)
        pen.mask((round(x), round(y)), pixels, place.scale, mixed(colour, 0.75, style.theme.well), colour)
    if shown.outline:
        pen.stroke([place(point) for point in (*shown.outline, shown.outline[0])], colour, 2)
    for ends in shown.edges:
        pen.stroke([place(point) for point in ends], colour, 2)
    if shown.span:
        start, end = (place(point) for point in shown.span)
        _arrows(pen, start, end, colour, max(6.0, ARROW * hand.size))
    for there in shown.there:
        pen.stroke(disc(place(there), max(3.0, hand.size * 0.4)), style.theme.colour("PASS"), 2)
    for absent in shown.absent:
        _cross(pen, place(absent), colour, max(4.0, hand.size * 0.6))


def _tools(pen: Pen, place: Place, left: float, shown: Sequence[tuple[Finding, Looked]], style: Style) -> None:
    """What tools say, on the left of everything, below one another in the order of where they looked."""
    free = 0.0
    for finding, each in sorted(shown, key=lambda told: told[1].middle[1]):
        said, hand = _said(finding, style)
        start = place(each.middle)
        end = (left, max(start[1], free))
        _lead(pen, start, end, f"{finding.tool}  {said}", hand)
        free = end[1] + hand.size * (1.2 * (2 + said.count("  ")) + 0.3)


def _lead(pen: Pen, start: Point, beside: Point, said: str, hand: Hand) -> None:
    """A line that leads from a place out of the region, to its left, and a text of two lines at its end."""
    if not hand.size:
        return
    (colour, size), end = (hand.colour, hand.size), (beside[0] - 1.2 * hand.size, max(start[1], beside[1]))
    pen.stroke([start, end], colour)
    pen.fill(disc(start, 3), colour)
    for line, words in enumerate(said.split("  ")):
        left = end[0] - 0.4 * size - pen.width(words, size, bold=True)
        pen.text((round(left), round(end[1] + size * (1.2 * line - 0.25))), words, size, colour, bold=True)


def _cross(pen: Pen, at: Point, colour: Colour, arm: float) -> None:
    pen.stroke([(at[0] - arm, at[1]), (at[0] + arm, at[1])], colour, 2)
    pen.stroke([(at[0], at[1] - arm), (at[0], at[1] + arm)], colour, 2)


def _span(pen: Pen, place: Place, span: Span, said: str, hand: Hand) -> None:
    """A dimension line: two lines that lead out of the region, one between them with an arrow at each end, its text."""
    away, colour = max(10.0, 1.4 * hand.size), hand.colour
    start, end = (place(point) for point in (span.start, span.end))
    ends = [(x + span.side[0] * away, y + span.side[1] * away) for x, y in (start, end)]
    if span.side != (0.0, 0.0):
        for foot, tip in zip((start, end), ends, strict=True):
            over = (tip[0] + span.side[0] * 4, tip[1] + span.side[1] * 4)
            pen.stroke([(foot[0] + span.side[0] * 3, foot[1] + span.side[1] * 3), over], colour)
    _arrows(pen, ends[0], ends[1], colour, max(6.0, ARROW * hand.size))
    if hand.size:
        _letter(pen, ends, span.side, said, hand)


def _arrows(pen: Pen, start: Point, end: Point, colour: Colour, head: float) -> None:
    """A line with an arrow at each end, outside where there is no room between them."""
    far = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    along = ((end[0] - start[0]) / far, (end[1] - start[1]) / far)
    out = far < 3 * head
    pen.stroke([start, end], colour)
    for tip, way in ((start, -1.0), (end, 1.0)):
        turned = -way if out else way
        back = (tip[0] - along[0] * head * turned, tip[1] - along[1] * head * turned)
        half = (-along[1] * head * 0.32, along[0] * head * 0.32)
        pen.fill([tip, (back[0] + half[0], back[1] + half[1]), (back[0] - half[0], back[1] - half[1])], colour)
        if out:
            pen.stroke([back, (back[0] - along[0] * head * turned, back[1] - along[1] * head * turned)], colour)


def _letter(pen: Pen, ends: Sequence[Point], side: Point, said: str, hand: Hand) -> None:
    """The text beside the middle of a line, on its far side; beside a steep line in two lines, it has less room."""
    x, y = (ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2
    colour, size = hand.colour, hand.size
    if abs(side[0]) <= abs(side[1]):
        low = y + (1.25 * size if side[1] >= 0 else -0.45 * size)
        pen.text((round(x - pen.width(said, size, bold=True) / 2), round(low)), said, size, colour, bold=True)
        return
    value, _, limit = said.partition("  ")
    for line, words in enumerate(filter(None, (value, limit))):
        left = x + 0.5 * size if side[0] > 0 else x - 0.5 * size - pen.width(words, size, bold=True)
        base = y + size * (0.35 + 1.2 * line - (0.6 if limit else 0))
        pen.text((round(left), round(base)), words, size, colour, bold=True)
