"""Lay a gallery out as a contact sheet: a row per camera, its newest view, then what was judged last."""

from __future__ import annotations

from nodes.drawing.figure import Style, figure
from nodes.drawing.marks import crop
from nodes.drawing.theme import DARK, WORDS
from nodes.sensors.roi import ARRAY
from nodes.sinks.canvas import Box, Canvas, Colour
from nodes.sinks.events import iso
from nodes.sinks.gallery import Exhibit, Gallery, Row, View
from pipeline.records import Outcome, Roi

BACK, PANEL, WELL, LINE = (13, 17, 23), (22, 27, 34), (33, 39, 48), (74, 82, 94)
INK, PALE, FAINT = (240, 246, 252), (165, 175, 188), (110, 118, 129)
OUTCOMES = DARK.outcomes
HUES = ((88, 166, 255), (255, 166, 87), (121, 222, 160), (255, 123, 194), (226, 200, 90), (120, 220, 232))

MAP = (54, 40)
MARGIN, SPACE, HEADER, ROW, INFO, TILE = 28, 12, 108, 214, 208, 140
INSET = 14
VIEW = ROW - 2 * INSET


def draw(gallery: Gallery, title: str, parts: int) -> bytes:
    """The sheet as a PNG; the same gallery always gives the same bytes."""
    rows = gallery.rows
    width = 2 * MARGIN + INFO + VIEW + 3 * INSET + parts * (TILE + SPACE) - SPACE
    canvas = Canvas(width, HEADER + max(1, len(rows)) * (ROW + SPACE) + MARGIN - SPACE, BACK)
    _header(canvas, gallery, title)
    for number, (camera, row) in enumerate(rows.items()):
        _row(canvas, (MARGIN, HEADER + number * (ROW + SPACE)), camera, row, parts)
    return canvas.png()


def _header(canvas: Canvas, gallery: Gallery, title: str) -> None:
    canvas.text((MARGIN, 52), title, 34, INK, bold=True)
    when = iso(gallery.t_ns)[:19].replace("T", " ") if gallery.t_ns else "nothing seen yet"
    canvas.text((MARGIN, 82), f"{when} UTC" if gallery.t_ns else when, 16, PALE)
    canvas.text((MARGIN + INSET + INFO, HEADER - 10), "newest view", 14, FAINT)
    canvas.text((MARGIN + 2 * INSET + INFO + VIEW, HEADER - 10), "judged last, newest first", 14, FAINT)
    right = canvas.pixels.shape[1] - MARGIN
    for outcome in reversed(OUTCOMES):
        count = str(gallery.outcomes[outcome])
        right -= canvas.width(count, 20, bold=True)
        canvas.text((right, 58), count, 20, INK, bold=True)
        right = _pill(canvas, right - 10, 39, outcome, 15) - 28


def _pill(canvas: Canvas, right: int, top: int, outcome: Outcome, size: int) -> int:
    """A badge that ends at `right`; returns where it begins."""
    word, pad = WORDS[outcome], size * 2 // 3
    left = right - canvas.width(word, size, bold=True) - 2 * pad
    canvas.panel((left, top, right - left, size * 8 // 5), OUTCOMES[outcome], size)
    canvas.text((left + pad, top + size * 9 // 8 + 1), word, size, INK, bold=True)
    return left


def _row(canvas: Canvas, at: tuple[int, int], camera: str, row: Row, parts: int) -> None:
    x, y = at
    canvas.panel((x, y, canvas.pixels.shape[1] - 2 * MARGIN, ROW), PANEL, 12)
    _info(canvas, (x + INSET + 6, y + INSET), camera, row)
    _view(canvas, (x + INSET + INFO, y + INSET, VIEW, VIEW), row.view)
    exhibits, left = row.recent(), x + 2 * INSET + INFO + VIEW
    scale = _scale(exhibits, (TILE - 48, VIEW - 96))
    for place in range(parts):
        box = (left + place * (TILE + SPACE), y + INSET, TILE, VIEW)
        canvas.panel(box, WELL)
        if place < len(exhibits):
            _tile(canvas, box, exhibits[place], scale)


def _info(canvas: Canvas, at: tuple[int, int], camera: str, row: Row) -> None:
    x, y = at
    room, judged = INFO - 24, sum(row.outcomes.values())
    canvas.text((x, y + 24), canvas.fit(camera, 24, room, bold=True), 24, INK, bold=True)
    canvas.text((x, y + 48), f"{judged} judged", 16, PALE)
    if row.pictured:
        canvas.text((x, y + VIEW - 4), "IMAGES LEAVE THIS CAMERA", 13, OUTCOMES["WARN"], bold=True)
    _bar(canvas, (x, y + 62, room, 8), row)
    passed = row.outcomes["PASS"] / judged if judged else 0.0
    canvas.text((x, y + 94), f"{passed:.1%} passed" if judged else "", 16, PALE)
    for line, (reason, count) in enumerate(sorted(row.reasons.most_common(4), key=lambda r: (-r[1], r[0]))):
        base = y + 122 + 21 * line
        canvas.text((x, base), canvas.fit(reason.replace("_", " "), 15, room - 40), 15, PALE)
        canvas.text((x + room - canvas.width(str(count), 15, bold=True), base), str(count), 15, INK, bold=True)


def _bar(canvas: Canvas, box: Box, row: Row) -> None:
    """Shares of the outcomes, side by side."""
    x, y, width, height = box
    total, past = sum(row.outcomes.values()), 0
    canvas.panel(box, WELL, height // 2)
    for outcome, colour in OUTCOMES.items():
        begin, past = past, past + row.outcomes[outcome]
        if past > begin:
            left, right = x + width * begin // total, x + width * past // total
            canvas.panel((min(left, x + width - 3), y, max(3, right - left - 1), height), colour, height // 2)


def _view(canvas: Canvas, box: Box, view: View | None) -> None:
    canvas.panel(box, WELL)
    if view is None or not min(view.size):
        return
    x, y, width, height = box
    scale = min((width - 8) / view.size[1], (height - 8) / view.size[0])
    left, top = x + int(width - view.size[1] * scale) // 2, y + int(height - view.size[0] * scale) // 2
    for shape in view.shapes:
        hue = HUES[(shape.id or 0) % len(HUES)]
        pixels, (dx, dy) = crop(shape)
        at = (left + int(dx * scale), top + int(dy * scale))
        canvas.mask(at, pixels, scale, _dark(hue), hue)
        name = "" if shape.id is None else f"#{shape.id}"
        canvas.text(
            (min(at[0] + 5, x + width - 4 - canvas.width(name, 14, bold=True)), at[1] + 17), name, 14, INK, bold=True
        )
    for line, said in enumerate(reversed(where(view))):
        canvas.text((x + 8, y + height - 8 - 16 * line), canvas.fit(said, 13, width - 16), 13, PALE)
    if view.roi:
        _map(canvas, (x + width - MAP[0] - 6, y + 6), view.roi)


def _map(canvas: Canvas, at: tuple[int, int], roi: Roi) -> None:
    """The whole sensor, small, and the crop on it."""
    (x, y), (across, down) = at, (MAP[0] / ARRAY[0], MAP[1] / ARRAY[1])
    canvas.panel((*at, *MAP), PANEL, 2)
    crop = (round(roi.x * across), round(roi.y * down), round(roi.width * across), round(roi.height * down))
    canvas.panel((x + crop[0], y + crop[1], max(crop[2], 3), max(crop[3], 3)), HUES[0], 1)
    canvas.frame((*at, *MAP), LINE)


def where(view: View) -> list[str]:
    """Which crop of the sensor a view is of, as far as that is told; which frame, and what it was asked to show."""
    roi = view.roi
    epoch = "" if view.epoch == "settled" else view.epoch.upper()
    told = " · ".join(filter(None, (f"frame {view.seq}", view.prompt, epoch)))
    return [f"{roi.width} × {roi.height} at ({roi.x}, {roi.y})", told] if roi else [told]


def _tile(canvas: Canvas, box: Box, exhibit: Exhibit, scale: float) -> None:
    x, y, width, height = box
    colour, right = FAINT, x + width - 6
    if exhibit.verdict:
        colour, right = OUTCOMES[exhibit.verdict.outcome], _pill(canvas, right, y + 6, exhibit.verdict.outcome, 12)
    canvas.text((x + 8, y + 20), canvas.fit(exhibit.name, 15, right - x - 12, bold=True), 15, PALE, bold=True)
    if exhibit.view:
        well = (x + 8, y + 30, width - 16, height - 68)
        if exhibit.close:
            _part(canvas, well, exhibit, scale)
        else:
            _frame(canvas, well, exhibit.view, colour, scale)
    reason, measured = _reasons(exhibit)
    canvas.text((x + 8, y + height - 24), canvas.fit(reason, 13, width - 14, bold=True), 13, INK, bold=True)
    canvas.text((x + 8, y + height - 8), canvas.fit(measured, 13, width - 14), 13, PALE if reason else FAINT)


def _part(canvas: Canvas, box: Box, exhibit: Exhibit, scale: float) -> None:
    """Close up, in the middle, with where the limit was not kept; below it stands which one."""
    outcome, findings = (exhibit.verdict.outcome, exhibit.verdict.findings) if exhibit.verdict else (None, ())
    style = Style(theme=DARK, outcome=outcome, lettering=0, scale=scale)
    assert exhibit.view
    figure(canvas, box, exhibit.view.shapes[0], findings[:1], style)


def _frame(canvas: Canvas, box: Box, view: View, colour: Colour, scale: float) -> None:
    """The whole view, everything in its place."""
    width, height = round(view.size[1] * scale), round(view.size[0] * scale)
    left, top = box[0] + (box[2] - width) // 2, box[1] + (box[3] - height) // 2
    canvas.frame((left, top, width, height), LINE)
    for shape in view.shapes:
        pixels, (x, y) = crop(shape)
        canvas.mask((left + round(x * scale), top + round(y * scale)), pixels, scale, _dark(colour), colour)


def _scale(exhibits: list[Exhibit], room: tuple[int, int]) -> float:
    """One magnification for a whole row, so that a part that is too short looks too short."""
    sizes = [size for e in exhibits if e.view and min(size := _extent(e.view, close=e.close)) > 0]
    return min((min(room[0] / width, room[1] / height) for width, height in sizes), default=1.0)


def _extent(view: View, *, close: bool) -> tuple[int, int]:
    if not close:
        return view.size[1], view.size[0]
    return view.shapes[0].box[2] + 4, view.shapes[0].box[3] + 4


def _reasons(exhibit: Exhibit) -> tuple[str, str]:
    """Two short lines: the reason, and what was measured against which limit; else where it was seen."""
    verdict, seen = exhibit.verdict, f"frame {exhibit.view.seq}" if exhibit.view else ""
    if verdict is None or not verdict.findings:
        unseen = verdict is not None and verdict.outcome == "NO_READ"
        return "not inspected" if unseen else "", seen or (f"{verdict.first_seq} to {verdict.seq}" if verdict else "")
    first, more = verdict.findings[0], len(verdict.findings) - 1
    high = f" > {_short(first.high)}" if first.high is not None and first.value > first.high else ""
    low = f" < {_short(first.low)}" if first.low is not None and first.value < first.low else ""
    measure = first.measure.removesuffix("_px").replace("_", " ")
    value = f"{_short(first.value)} {first.unit}".rstrip()
    return first.reason.replace("_", " ") + (f" +{more}" if more else ""), f"{measure} {value}{high}{low}"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _dark(colour: Colour) -> Colour:
    red, green, blue = (int(0.55 * part + 0.45 * back) for part, back in zip(colour, WELL, strict=True))
    return red, green, blue
