"""The scorecard: right is green, wrong is red, and what nobody needs is left out."""

from __future__ import annotations

import io

from rich.console import Console

from pipeline.commands.scorecard import cameras, percent, scorecard, summary
from pipeline.score import Ratio, Score

KINDS = ("chip", "hole")


def shown(score: Score, *, colour: bool = False) -> str:
    """What a terminal would show."""
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=colour, color_system="standard" if colour else None).print(
        scorecard(score, KINDS), summary(score)
    )
    return out.getvalue()


def test_every_number_has_its_place() -> None:
    """Rows are what parts were, columns what the line said; precision and recall follow from them."""
    text = shown(Score({("good", "pass"): 9, ("good", "hole"): 1, ("hole", "hole"): 3, ("chip", "missed"): 1}))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "pass chip hole missed" in lines
    assert "good 9 · 1 ·" in lines
    assert "hole · · 3 ·" in lines
    assert "hole 3 75.0 % 100.0 %" in lines
    assert "chip 1 – 0.0 %" in lines
    assert "Parts 13 of 14 found, 0 that were not there" in lines
    assert "Defects 3 of 4 not passed (75.0 %)" in lines
    assert "False alarms 1 of 10 good parts failed (10.0 %)" in lines


def test_each_camera_has_its_row() -> None:
    """Parts, and what a plant asks for: defects that were not passed, good parts that were failed."""
    out = io.StringIO()
    one = Score({("good", "pass"): 9, ("good", "hole"): 1, ("hole", "hole"): 3, ("chip", "missed"): 1})
    Console(file=out, width=80).print(cameras({"entry": one, "exit": Score({("good", "pass"): 2})}))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "camera parts found defects not passed good failed" in lines
    assert "entry 14 13 4 3 10 1" in lines
    assert "exit 2 2 0 0 2 0" in lines


def test_columns_that_nobody_needs_are_left_out() -> None:
    """A line that missed nothing and invented nothing shows neither column nor row for it."""
    text = shown(Score({("good", "pass"): 1}))
    assert "missed" not in text
    assert "phantom" not in text
    assert "phantom" in shown(Score({("phantom", "pass"): 1}))


def test_a_terminal_shows_right_and_wrong_in_colour() -> None:
    """Green for what was right, red for what was wrong; no colour where it is not a terminal."""
    score = Score({("good", "pass"): 7, ("hole", "pass"): 5})
    assert "\x1b[32m   7" in shown(score, colour=True)
    assert "\x1b[31m   5" in shown(score, colour=True)
    assert "\x1b" not in shown(score)


def test_nothing_to_count_is_a_dash() -> None:
    """No part of a kind is not a recall of nought."""
    assert percent(Ratio(0, 0)) == "–"
    assert percent(Ratio(1, 8)) == "12.5 %"
