"""Colours of pictures: on a dark screen, or on paper. What an outcome is called, and the shape of its sign."""

from __future__ import annotations

from msgspec import Struct

from nodes.sinks.canvas import Colour
from pipeline.records import Outcome

WORDS: dict[Outcome, str] = {"PASS": "PASS", "WARN": "WARN", "FAIL": "FAIL", "NO_READ": "NO READ"}


class Theme(Struct, frozen=True):
    """Colours, (red, green, blue).

    Attributes:
        back: The page.
        well: What a figure lies on.
        ink: What is read first.
        pale: What is read next.
        faint: What is hardly read.
        outcomes: Of each outcome: never the only sign of it.
        unknown: Where nobody has judged.
    """

    back: Colour
    well: Colour
    ink: Colour
    pale: Colour
    faint: Colour
    outcomes: dict[Outcome, Colour]
    unknown: Colour

    def colour(self, outcome: Outcome | None) -> Colour:
        """The colour of an outcome, or of none."""
        return self.unknown if outcome is None else self.outcomes[outcome]


DARK = Theme(
    back=(13, 17, 23),
    well=(33, 39, 48),
    ink=(240, 246, 252),
    pale=(165, 175, 188),
    faint=(110, 118, 129),
    outcomes={"PASS": (46, 160, 67), "WARN": (210, 153, 34), "FAIL": (248, 81, 73), "NO_READ": (150, 120, 245)},
    unknown=(110, 118, 129),
)
LIGHT = Theme(
    back=(255, 255, 255),
    well=(245, 246, 248),
    ink=(24, 28, 34),
    pale=(84, 92, 104),
    faint=(140, 148, 158),
    outcomes={"PASS": (26, 127, 55), "WARN": (176, 112, 0), "FAIL": (200, 30, 36), "NO_READ": (104, 70, 200)},
    unknown=(120, 128, 138),
)
THEMES = {"light": LIGHT, "dark": DARK}


def mixed(colour: Colour, share: float, other: Colour) -> Colour:
    """A colour with so much (0…1) of itself left, the rest another."""
    red, green, blue = (round(share * one + (1 - share) * two) for one, two in zip(colour, other, strict=True))
    return red, green, blue
