"""Where on its sensor a camera looks: the whole array, small, with the crop of each prompt at its place."""

from __future__ import annotations

from nodes.sensors.roi import ARRAY
from nodes.sinks.canvas import Box, Canvas, Colour
from nodes.sinks.gallery import Row, View
from pipeline.records import Roi

ROOM = (216, 186)  # (width, height) that a chart takes, px
EDGE = 8
CAPTION = 13
SCALE = (ROOM[0] - 2 * EDGE) / ARRAY[0]
GROUND, GRID, RIM, INK, PALE = (13, 17, 23), (24, 30, 38), (74, 82, 94), (240, 246, 252), (165, 175, 188)
HUES = ((88, 166, 255), (255, 166, 87), (121, 222, 160), (255, 123, 194), (226, 200, 90), (120, 220, 232))
TENTHS = 500  # sensor pixels from one line of the grid to the next


def hue(row: Row, prompt: str) -> Colour:
    """The colour of a prompt, on the chart and around its view."""
    return HUES[[*row.crops].index(prompt) % len(HUES)] if prompt in row.crops else RIM


def chart(canvas: Canvas, at: tuple[int, int], row: Row) -> Box | None:
    """Draw a camera's crops, and on the newest what was found in it; returns where that one is, if there is one."""
    x, y = at[0] + EDGE, at[1] + EDGE
    _array(canvas, (x, y))
    view, newest = row.view, None
    for prompt, crop in row.crops.items():
        box, colour = _placed((x, y), crop), hue(row, prompt)
        looks = view is not None and view.prompt == prompt and view.roi == crop
        canvas.panel(box, _mixed(colour, 0.3 if looks else 0.12), 1)
        if looks and view:
            newest = box
            _found(canvas, box, view, colour)
        canvas.frame(box, colour)
        _name(canvas, box, y, prompt, INK if looks else PALE)
    _caption(canvas, (at[0] + EDGE, at[1] + ROOM[1] - EDGE), view)
    return newest


def _name(canvas: Canvas, box: Box, top: int, prompt: str, colour: Colour) -> None:
    """A prompt's name, above its crop where there is room, else inside."""
    base = box[1] - 4 if box[1] - 14 > top else box[1] + 13
    canvas.text((box[0] + 2, base), canvas.fit(prompt, 11, max(box[2], 24)), 11, colour)


def _array(canvas: Canvas, at: tuple[int, int]) -> None:
    """The array itself, with a line at every 500 px."""
    (x, y), (width, height) = at, (round(side * SCALE) for side in ARRAY)
    canvas.panel((x, y, width, height), GROUND, 2)
    for step in range(TENTHS, ARRAY[0], TENTHS):
        canvas.panel((x + round(step * SCALE), y, 1, height), GRID, 0)
    for step in range(TENTHS, ARRAY[1], TENTHS):
        canvas.panel((x, y + round(step * SCALE), width, 1), GRID, 0)
    canvas.frame((x, y, width, height), RIM)


def _found(canvas: Canvas, box: Box, view: View, colour: Colour) -> None:
    """The masks of a view, as small as its crop is."""
    if not min(view.size):
        return
    scale = box[2] / view.size[1]
    for shape in view.shapes:
        canvas.mask((box[0], box[1]), shape.mask.dense, scale, _mixed(colour, 0.8), colour)


def _caption(canvas: Canvas, at: tuple[int, int], view: View | None) -> None:
    if view and view.roi:
        canvas.text(at, canvas.fit(said(view.roi), CAPTION, ROOM[0] - 2 * EDGE), CAPTION, PALE)


def said(roi: Roi) -> str:
    """A crop in numbers."""
    return f"{roi.width} × {roi.height} at ({roi.x}, {roi.y})"


def _placed(at: tuple[int, int], roi: Roi) -> Box:
    left, top = at[0] + round(roi.x * SCALE), at[1] + round(roi.y * SCALE)
    return left, top, max(round(roi.width * SCALE), 3), max(round(roi.height * SCALE), 3)


def _mixed(colour: Colour, share: float) -> Colour:
    """A colour on the ground of the chart."""
    red, green, blue = (round(share * part + (1 - share) * under) for part, under in zip(colour, GROUND, strict=True))
    return red, green, blue
