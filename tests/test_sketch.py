from __future__ import annotations

import doctest

import pytest

from pipeline import sketch
from pipeline.errors import KensaError
from pipeline.records import Frame, Gap


def test_examples() -> None:
    """The examples in the docstrings are true."""
    assert doctest.testmod(sketch).failed == 0


def test_scale_and_short_lines() -> None:
    """A letter becomes a square of pixels; a short line goes on as background."""
    drawn = sketch.pixels("#\n..#", scale=2)
    assert drawn.shape == (4, 6)
    assert drawn[:2].tolist() == [[True] * 2 + [False] * 4] * 2
    assert drawn[2:].tolist() == [[False] * 4 + [True] * 2] * 2


@pytest.mark.parametrize(("drawing", "got"), [("", "nothing"), ("\n \n", "nothing"), ("#x.", "'x'")])
def test_refused_drawings(drawing: str, got: str) -> None:
    """What is no drawing is refused in words."""
    with pytest.raises(KensaError, match=f"^expected a drawing of '#' and '.', got {got}$"):
        sketch.pixels(drawing, scale=1)


def test_belt_moves_to_the_right() -> None:
    """The view slides from the right end of the drawing to its left; lost frames are told as gaps."""
    seen = [*sketch.belt(sketch.pixels("#...", 1), 2, 1, camera="c", label="part", hidden={1})]
    assert [type(record) for record in seen] == [Frame, Gap, Frame]
    assert [record.seq for record in seen] == [0, 1, 2]
    areas = [record.layers[0].mask.area for record in seen if isinstance(record, Frame)]
    assert areas == [0, 1]
