"""A contact sheet of verdicts: tile beside tile, under headings; all parts of a section have the same scale."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nodes.drawing.figure import Style, figure, fitting
from nodes.drawing.pen import Pen
from nodes.drawing.portrait import Shown
from nodes.drawing.sign import badge, sign, word
from nodes.drawing.theme import Theme
from nodes.drawing.words import allowed, measured
from nodes.sinks.canvas import Box
from pipeline.records import Outcome

ACROSS, MARGIN, SPACE = 6, 28, 12
TILE, WELL = (208, 268), 176
HEAD, SECTION = 96, 56
LETTERING, AIR = 12, (4.6, 2.7)


class Section(Struct, frozen=True):
    """Verdicts that have something in common.

    Attributes:
        was: What was decided before.
        now: What is decided now.
        count: How many there are; not all of them need be shown.
        shown: Some of them.
    """

    was: Outcome | None
    now: Outcome | None
    count: int
    shown: Sequence[Shown]


def extent(sections: Sequence[Section]) -> tuple[int, int]:
    """Width and height of the sheet, px."""
    width = 2 * MARGIN + ACROSS * (TILE[0] + SPACE) - SPACE
    return width, HEAD + MARGIN + max(1, sum(_high(len(section.shown)) for section in sections))


def contact(pen: Pen, title: str, said: str, sections: Sequence[Section], theme: Theme) -> None:
    """Draw a sheet as large as `extent` says.

    Args:
        pen: What draws.
        title: Head line.
        said: A line below it.
        sections: What is shown.
        theme: Its colours.
    """
    width, _ = extent(sections)
    pen.text((MARGIN, 46), pen.fit(title, 28, width - 2 * MARGIN, bold=True), 28, theme.ink, bold=True)
    pen.text((MARGIN, 74), pen.fit(said, 16, width - 2 * MARGIN), 16, theme.pale)
    top = HEAD
    for section in sections:
        _section(pen, top, section, theme)
        top += _high(len(section.shown))


def _high(tiles: int) -> int:
    return SECTION + -(-tiles // ACROSS) * (TILE[1] + SPACE)


def _section(pen: Pen, top: int, section: Section, theme: Theme) -> None:
    base = top + 34
    end = badge(pen, (MARGIN, base), 22, section.was, theme)
    pen.stroke([(end + 14, base - 8), (end + 44, base - 8)], theme.ink, 2)
    pen.fill([(end + 52, base - 8), (end + 40, base - 13), (end + 40, base - 3)], theme.ink)
    end = badge(pen, (end + 66, base), 22, section.now, theme)
    more = f", {len(section.shown)} of them shown" if section.count > len(section.shown) else ""
    pen.text((end + 18, base), f"{section.count:,}{more}", 18, theme.pale)
    room = (0, 0, TILE[0] - 16, WELL)
    style = Style(theme=theme, lettering=LETTERING, air=AIR)
    scale = min((fitting(s.seen, room, style) for s in section.shown if s.seen), default=1.0)
    for place, shown in enumerate(section.shown):
        x = MARGIN + place % ACROSS * (TILE[0] + SPACE)
        _tile(pen, (x, top + SECTION + place // ACROSS * (TILE[1] + SPACE), *TILE), shown, scale, theme)


def _tile(pen: Pen, box: Box, shown: Shown, scale: float, theme: Theme) -> None:
    x, y, width, height = box
    pen.panel(box, theme.well)
    sign(pen, (x + width - 20, y + 20), 20, shown.outcome, theme)
    pen.text((x + 10, y + 26), pen.fit(shown.title, 15, width - 50, bold=True), 15, theme.ink, bold=True)
    findings = shown.findings or shown.gone
    if shown.seen:
        style = Style(theme=theme, outcome=shown.outcome, lettering=LETTERING, scale=scale, brief=True, air=AIR)
        figure(pen, (x + 8, y + 34, width - 16, WELL), shown.seen, findings[:1], style)
    for finding in findings[:1]:
        more = f"  +{len(findings) - 1}" if len(findings) > 1 else ""
        reason = ("" if shown.findings else "was ") + finding.reason.replace("_", " ") + more
        colour = theme.colour(shown.outcome) if shown.findings else theme.pale
        pen.text((x + 10, y + height - 34), pen.fit(reason, 15, width - 20, bold=True), 15, colour, bold=True)
        said = f"{measured(finding)}  ({allowed(finding)})" if allowed(finding) else measured(finding)
        pen.text((x + 10, y + height - 13), pen.fit(said, 14, width - 20), 14, theme.ink)
    if not findings:
        said = "every limit is kept" if shown.outcome == "PASS" else word(shown.outcome)
        pen.text((x + 10, y + height - 13), pen.fit(said, 14, width - 20), 14, theme.pale)
