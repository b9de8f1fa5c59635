"""Drawings of rejects for a page: what was seen, and on it what was measured. The words beside them are the page's."""

from __future__ import annotations

from nodes.drawing.figure import Style, figure
from nodes.drawing.portrait import Shown
from nodes.drawing.svg import Svg
from nodes.drawing.theme import DARK, Theme

LARGE, SMALL = (720, 560), (240, 200)  # px
LETTERING = 20
NAMES = {"PASS": "pass", "WARN": "warn", "FAIL": "fail", "NO_READ": "noread"}


def picture(shown: Shown, *, small: bool) -> bytes | None:
    """A reject as SVG; None where nothing of it was seen.

    Raises:
        NodeError: If OpenCV is not installed.
    """
    if shown.seen is None:
        return None
    size = SMALL if small else LARGE
    pen = Svg(*size, DARK.well)
    findings = shown.findings[:1] if small else shown.findings
    style = Style(theme=DARK, outcome=shown.outcome, lettering=0 if small else LETTERING, plain=not small)
    figure(pen, (0, 8, size[0], size[1] - 16), shown.seen, findings, style)
    return pen.file()


def sheet(theme: Theme = DARK) -> bytes:
    """The colours of a theme as custom properties of CSS: one palette for pictures and pages."""
    named = {"back": theme.back, "well": theme.well, "ink": theme.ink, "pale": theme.pale, "faint": theme.faint}
    named |= {NAMES[outcome]: colour for outcome, colour in theme.outcomes.items()}
    said = "".join(f"  --{name}: rgb({red} {green} {blue});\n" for name, (red, green, blue) in named.items())
    return f":root {{\n{said}}}\n".encode()
