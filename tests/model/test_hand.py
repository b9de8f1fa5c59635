"""Masks as people draw them: around what is meant, by no more than is promised; the picture stays what it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.data.sample import Look, Sample
from model.procedural.hand import AWAY, CORNERS, LEAST, SMOOTH, drawn
from model.procedural.shapes import Shape, Stroke, blob, draw, moved
from model.procedural.source import Procedural
from model.prompt import Crop, Mask, box_of

ROOM = 400


def _thing(dice: np.random.Generator) -> Mask:
    """A blob or a line, somewhere; it may leave the picture."""
    place = dice.uniform(60, ROOM - 60, 2)
    if dice.random() < 0.5:
        shape = Shape((moved(blob(dice, dice.uniform(10, 80), 0.4), (place[0], place[1]), 1.0),))
    else:
        ends = np.stack([place, dice.uniform(0, ROOM, 2)]).astype(np.float32)
        shape = Shape(strokes=(Stroke(ends, np.array([dice.uniform(1, 9)], np.float32)),))
    found: Mask = draw(shape, Crop(0, 0, ROOM), ROOM) > 0
    return found


def _away(mask: Mask) -> np.ndarray:
    """How far each pixel is from a mask, px."""
    return cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


@given(st.integers(0, 1 << 32))
def test_what_is_drawn_holds_what_is_meant_and_little_more(seed: int) -> None:
    """All of it but what lies between two corners; nothing further away than the hand, the bays and the corners go."""
    dice = np.random.default_rng(seed)
    meant = _thing(dice)
    found = drawn(meant.view(np.uint8), dice) > 0
    length = max(box_of(meant)[2:])
    slack = max(CORNERS * length, LEAST) + 1.5  # pixels are whole
    assert _away(found)[meant].max() <= slack
    assert _away(meant)[found].max() <= 1.05 * (AWAY + SMOOTH) * length + slack


def test_a_line_becomes_a_band() -> None:
    """On average half of the most away on either side: 3 px of a line of 100."""
    line = Shape(strokes=(Stroke(np.array([[100, 200], [200, 200]], np.float32), np.array([3], np.float32)),))
    meant = draw(line, Crop(0, 0, ROOM), ROOM)
    heights = [box_of(drawn(meant, np.random.default_rng(seed)) > 0)[3] for seed in range(60)]
    wide, thick = box_of(meant > 0)[2:]
    assert np.mean(heights) == pytest.approx(thick + AWAY * wide, rel=0.1)
    assert max(heights) > min(heights) + 5


def _samples(hand: float) -> list[Sample]:
    source = Procedural(5, kinds=("scratch", "part"), look=Look(jitter=0.0), hand=hand)
    return [source.sample(index, np.random.default_rng(index)) for index in range(40)]


def test_some_masks_are_drawn_by_hand() -> None:
    """The share that was asked for; they are larger in the picture, and their own box is the prompt."""
    exact, some, every = (_samples(hand) for hand in (0.0, 0.5, 1.0))
    larger = [one.area > other.area for one, other in zip(some, exact, strict=True)]
    assert 10 <= sum(larger) <= 30
    assert np.mean([one.area / other.area for one, other in zip(every, exact, strict=True)]) > 1.3
    whole = [sample for sample in every if sample.picture.min() > 0]  # no end of a picture in view
    assert whole
    for sample in whole:
        assert 58 <= max(box_of(sample.mask)[2:]) <= 68
