"""One verdict on one page: what was seen, measured, allowed and decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from nodes.drawing.figure import GRAVE, Style, figure
from nodes.drawing.marks import Seen, crop
from nodes.drawing.pen import Pen
from nodes.drawing.sign import sign, word
from nodes.drawing.theme import Theme, mixed
from nodes.drawing.tooling import gauges
from nodes.drawing.words import allowed, measured, name
from nodes.sinks.canvas import Box
from pipeline.gauges import Gauge
from pipeline.masks import Mask, union
from pipeline.records import Finding, Outcome, Part, Regions, Verdict

PAGE = (980, 640)
MARGIN, HEAD, SIDE = 30, 104, 330
MOST, STEP = 4, 86  # findings that have room, and the room of each


class Shown(Struct, frozen=True):
    """A verdict with what it is about.

    Attributes:
        verdict: What was decided; None where nobody has.
        record: The part, or the frame; None where nothing of it is kept, as of a gap.
        name: What people call it, where they do.
        was: What was decided before, where that is of interest.
        gone: What was found before and is found no more.
    """

    verdict: Verdict | None
    record: Part | Regions | None = None
    name: str = ""
    was: Outcome | None = None
    gone: tuple[Finding, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """What was decided."""
        return self.verdict.outcome if self.verdict else None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Limits that were not kept; then, where the book tells them, those that were."""
        return (*self.verdict.findings, *self.verdict.kept) if self.verdict else ()

    @property
    def title(self) -> str:
        """What it is about, in a few words."""
        record = self.record or self.verdict
        assert record
        if isinstance(record, Part):
            return f"{record.camera} · part #{record.id}"
        if isinstance(record, Regions):
            return f"{record.camera} · frame {record.seq}"
        return f"{record.camera} · {record.subject if record.part is None else f'part #{record.part}'}"

    @property
    def seen(self) -> Seen | None:
        """What has an outline: a part's best view, or all regions of a frame."""
        if isinstance(self.record, Part):
            return self.record.best
        if self.record is None or not self.record.regions:
            return None
        mask = union(*(region.mask for region in self.record.regions))
        return All(mask, mask.box, tuple(gauge for region in self.record.regions for gauge in region.gauges))


class All(Struct, frozen=True):
    """Several regions at once."""

    mask: Mask
    box: tuple[int, int, int, int]
    gauges: tuple[Gauge, ...] = ()


def portrait(pen: Pen, shown: Shown, theme: Theme) -> None:
    """Draw a page of `PAGE`."""
    width, height = PAGE
    _head(pen, shown, theme)
    well = (MARGIN, HEAD, width - SIDE - 2 * MARGIN, height - HEAD - MARGIN)
    pen.panel(well, theme.well)
    if shown.seen:
        _figure(pen, well, shown.seen, shown, theme)
    else:
        _unseen(pen, well, shown, theme)
    left = width - SIDE - MARGIN + 26
    base = _findings(pen, (left, HEAD + 18), shown.findings, shown.outcome, theme)
    _facts(pen, (left, max(base + 18, height - MARGIN - 22 * len(_told(shown)) + 10)), shown, theme)


def _head(pen: Pen, shown: Shown, theme: Theme) -> None:
    sign(pen, (MARGIN + 29, 52), 58, shown.outcome, theme)
    end = pen.text((MARGIN + 76, 66), word(shown.outcome), 40, theme.colour(shown.outcome), bold=True)
    if shown.was != shown.outcome and shown.was:
        pen.text((end + 18, 66), f"was {word(shown.was)}", 20, theme.colour(shown.was), bold=True)
    room = PAGE[0] // 2 - MARGIN
    for text, base, size, bold in ((shown.title, 48, 24, True), (shown.name, 76, 18, False)):
        fitted = pen.fit(text, size, room, bold=bold)
        left = PAGE[0] - MARGIN - pen.width(fitted, size, bold=bold)
        pen.text((left, base), fitted, size, theme.ink if bold else theme.pale, bold=bold)


def _figure(pen: Pen, well: Box, seen: Seen, shown: Shown, theme: Theme) -> None:
    style = Style(theme=theme, outcome=shown.outcome, lettering=17, plain=True)
    scale = figure(pen, (well[0], well[1] + 8, well[2], well[3] - 40), seen, shown.findings, style)
    _ruler(pen, (well[0] + 16, well[1] + well[3] - 18), scale, theme)
    _whereabouts(pen, (well[0] + well[2] - 12, well[1] + well[3] - 12), seen, theme)


def _ruler(pen: Pen, at: tuple[int, int], scale: float, theme: Theme) -> None:
    """A scale bar of as many mask pixels as are about a thumb wide."""
    many = next((n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500) if n * scale >= 50), 1000)
    x, y = at
    for begin in (0, 1):
        pen.stroke([(x + begin * many * scale, y - 5), (x + begin * many * scale, y + 5)], theme.pale, 2)
    pen.stroke([(x, y), (x + many * scale, y)], theme.pale, 2)
    pen.text((round(x + many * scale) + 8, y + 5), f"{many} px", 14, theme.pale)


def _whereabouts(pen: Pen, corner: tuple[int, int], seen: Seen, theme: Theme) -> None:
    """The whole view, small, and where the region is in it."""
    height, width = seen.mask.size
    scale = 72 / max(height, width, 1)
    left, top = corner[0] - round(width * scale), corner[1] - round(height * scale)
    pen.panel((left, top, round(width * scale), round(height * scale)), theme.back, 2)
    pixels, (x, y) = crop(seen)
    inside = mixed(theme.pale, 0.6, theme.back)
    pen.mask((left + round(x * scale), top + round(y * scale)), pixels, scale, inside, theme.pale)
    pen.frame((left, top, round(width * scale), round(height * scale)), theme.faint)


def _unseen(pen: Pen, well: Box, shown: Shown, theme: Theme) -> None:
    """Hatching where nothing was seen: it is not empty, it is unknown."""
    x, y, width, height = well
    for shift in range(-height, width, 22):
        begin, end = max(0, shift), min(width, shift + height)
        pen.stroke([(x + begin, y + begin - shift), (x + end, y + end - shift)], mixed(theme.faint, 0.35, theme.well))
    text = "nothing in view" if shown.record else "not seen" if shown.outcome == "NO_READ" else "no mask is kept of it"
    wide = pen.width(text, 26, bold=True)
    left, base = x + (width - wide) // 2, y + height // 2
    pen.panel((left - 16, base - 32, wide + 32, 46), theme.well)
    pen.text((left, base), text, 26, theme.pale, bold=True)


def _findings(pen: Pen, at: tuple[int, int], found: Sequence[Finding], outcome: Outcome | None, theme: Theme) -> int:
    """Every limit that was not kept, below one another; returns the last base line."""
    x, base = at
    if not found:
        pen.text((x, base), "every limit was kept" if outcome == "PASS" else "nothing was found", 17, theme.pale)
        return base
    for place, finding in enumerate(found[:MOST]):
        top = base + STEP * place
        colour = theme.colour(finding.outcome if outcome in GRAVE else outcome)
        pen.text((x, top), pen.fit(finding.reason.replace("_", " "), 19, SIDE - 26, bold=True), 19, colour, bold=True)
        told = [finding.tool, name(finding.measure), finding.rule, finding.note]
        if finding.note and finding.outcome == "NO_READ":  # why is what a person wants to know
            told = [finding.tool, finding.note]
        about = " · ".join(filter(None, dict.fromkeys(told)))
        first, more = _broken(pen, about, 15, SIDE - 26) if finding.outcome == "NO_READ" else (about, "")
        pen.text((x, top + 22), pen.fit(first, 15, SIDE - 26), 15, theme.pale)
        if more:
            pen.text((x, top + 42), more, 15, theme.pale)
            continue
        end = pen.text((x, top + 46), measured(finding), 19, theme.ink, bold=True)
        pen.text((end + 12, top + 46), f"allowed {allowed(finding)}" if allowed(finding) else "", 16, theme.ink)
    if len(found) > MOST:
        pen.text((x, base + STEP * MOST), f"and {len(found) - MOST} more", 16, theme.pale)
    return base + STEP * min(len(found), MOST) - 38


def _broken(pen: Pen, text: str, size: int, room: int) -> tuple[str, str]:
    """A text in two lines, the second cut where it is too long; with the second empty where one is enough."""
    if pen.width(text, size) <= room:
        return text, ""
    words = text.split(" ")
    count = next((n for n in range(len(words) - 1, 0, -1) if pen.width(" ".join(words[:n]), size) <= room), 0)
    if not count:
        return text, ""
    return " ".join(words[:count]), pen.fit(" ".join(words[count:]), size, room)


def _told(shown: Shown) -> list[tuple[str, str]]:
    """Names and values of what else is known."""
    record = shown.record or shown.verdict
    assert record
    rows = [("seen", f"{datetime.fromtimestamp(record.t_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC")]
    rows += [("session", record.session), ("frames", f"{getattr(record, 'first_seq', record.seq)} to {record.seq}")]
    if isinstance(record, Part):
        whole = f"one of {record.views} that are whole" if record.views else "not whole"
        rows += [("best view", f"frame {record.best_seq}, {whole}")]
        rows += [("hidden", f"{record.hidden} frames")] if record.hidden else []
        rows += [("area", f"{record.best.area_px} px²")]
    if verdict := shown.verdict:
        rows += [("golden", each) for each in _goldens(shown)]
        rows += [("rule book", " ".join(filter(None, (verdict.book, verdict.version))))]
    return rows


def _goldens(shown: Shown) -> list[str]:
    """The golden masks that it was held against, or should have been."""
    named = [finding.template for finding in shown.findings] + [gauge.template for gauge in gauges(shown.seen)]
    return [each for each in dict.fromkeys(named) if each]


def _facts(pen: Pen, at: tuple[int, int], shown: Shown, theme: Theme) -> None:
    x, base = at
    for place, (key, value) in enumerate(_told(shown)):
        pen.text((x, base + 22 * place), key, 15, theme.faint)
        size = next((each for each in (15, 14, 13, 12) if pen.width(value, each) <= SIDE - 112), 12)
        pen.text((x + 86, base + 22 * place), pen.fit(value, size, SIDE - 112), size, theme.ink)
