"""The sign of an outcome: colour, word and shape each say it alone, for whoever sees no colours or reads no English."""

from __future__ import annotations

from math import cos, pi, sin

from nodes.drawing.pen import Pen, disc
from nodes.drawing.theme import WORDS, Theme
from nodes.sinks.canvas import Point
from pipeline.records import Outcome

WHITE = (255, 255, 255)


def sign(pen: Pen, at: Point, size: float, outcome: Outcome | None, theme: Theme) -> None:
    """A disc with a tick, a triangle with `!`, an octagon with a cross, a diamond with `?`; a ring where nobody judged.

    Args:
        pen: What draws.
        at: The middle.
        size: How wide it is, px.
        outcome: What was decided.
        theme: Its colours.
    """
    x, y = at
    colour, r = theme.colour(outcome), size / 2
    match outcome:
        case "PASS":
            pen.fill(disc(at, r), colour)
            pen.stroke([(x - 0.45 * r, y), (x - 0.1 * r, y + 0.38 * r), (x + 0.48 * r, y - 0.36 * r)], WHITE, _thick(r))
        case "WARN":
            pen.fill([(x, y - r), (x + 1.05 * r, y + 0.85 * r), (x - 1.05 * r, y + 0.85 * r)], colour)
            _centred(pen, (x, y + 0.68 * r), "!", r * 1.35)
        case "FAIL":
            pen.fill(_polygon(at, r, 8, pi / 8), colour)
            pen.stroke([(x - 0.4 * r, y - 0.4 * r), (x + 0.4 * r, y + 0.4 * r)], WHITE, _thick(r))
            pen.stroke([(x - 0.4 * r, y + 0.4 * r), (x + 0.4 * r, y - 0.4 * r)], WHITE, _thick(r))
        case "NO_READ":
            pen.fill(_polygon(at, 1.1 * r, 4, 0), colour)
            _centred(pen, (x, y + 0.48 * r), "?", r * 1.35)
        case None:
            pen.fill(disc(at, r), colour)
            pen.fill(disc(at, 0.7 * r), theme.back)


def word(outcome: Outcome | None) -> str:
    """What an outcome is called."""
    return "NOT JUDGED" if outcome is None else WORDS[outcome]


def badge(
    pen: Pen, at: tuple[int, int], size: int, outcome: Outcome | None, theme: Theme, *, bare: bool = False
) -> int:
    """Sign and word on one base line, or the sign alone; returns where they end."""
    x, y = at
    sign(pen, (x + size / 2, y - 0.36 * size), size, outcome, theme)
    return (
        x + size if bare else pen.text((x + size + size // 3, y), word(outcome), size, theme.colour(outcome), bold=True)
    )


def _thick(radius: float) -> int:
    return max(1, round(radius * 0.22))


def _centred(pen: Pen, at: Point, text: str, size: float) -> None:
    letters, colour = max(6, round(size)), WHITE
    pen.text((round(at[0] - pen.width(text, letters, bold=True) / 2), round(at[1])), text, letters, colour, bold=True)


def _polygon(at: Point, radius: float, corners: int, turn: float) -> list[Point]:
    angles = [turn + 2 * pi * n / corners for n in range(corners)]
    return [(at[0] + radius * cos(angle), at[1] + radius * sin(angle)) for angle in angles]
