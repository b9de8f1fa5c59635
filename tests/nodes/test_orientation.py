"""Which of eight ways a shape lies: against numpy's own turns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nodes.sensors.orientation import WAYS, WORDS, Turned, boxed, laid, match, target
from nodes.sensors.virtual.target import TargetScene
from pipeline.records import Roi

CORNERS = np.array([[1, 2], [3, 4]])
BY_HAND: dict[Turned, list[list[int]]] = {
    "": [[1, 2], [3, 4]],
    "flip_x": [[2, 1], [4, 3]],
    "flip_y": [[3, 4], [1, 2]],
    "transpose": [[1, 3], [2, 4]],
    "turn_90": [[3, 1], [4, 2]],
    "turn_180": [[4, 3], [2, 1]],
    "turn_270": [[2, 4], [1, 3]],
    "transverse": [[4, 2], [3, 1]],
}
LETTER = Roi(1400, 900, 1100, 1100)


def seen(size: int = 96) -> NDArray[np.bool_]:
    """The target as a mask of another place and size shows it."""
    return TargetScene(LETTER).truth(0, Roi(1228, 720, 1600, 1600), (size, size))


@pytest.mark.parametrize("how", WAYS)
def test_each_way_is_the_one_that_is_named(how: Turned) -> None:
    """Corner by corner, as people turn a sheet; all eight have words."""
    assert laid(CORNERS, how).tolist() == BY_HAND[how]
    assert WORDS[how]


@pytest.mark.parametrize("how", WAYS)
def test_all_eight_are_told_apart(how: Turned) -> None:
    """Whatever was done to the target is what is found, by far."""
    found = match(boxed(laid(seen(), how)), target())
    assert found.turned == how
    assert found.likeness > 0.85
    assert found.next < 0.65


@given(st.sampled_from(WAYS), st.integers(40, 200), st.integers(0, 2**32 - 1))
def test_it_is_found_in_any_size_with_ragged_edges(how: Turned, size: int, seed: int) -> None:
    """Masks are not perfect: a tenth of the pixels along the edges may be wrong."""
    mask = seen(size)
    edge = mask ^ np.roll(mask, 1, 0) | mask ^ np.roll(mask, 1, 1)
    wrong = edge & (np.random.default_rng(seed).random(mask.shape) < 0.1)
    assert match(boxed(laid(mask ^ wrong, how)), target()).turned == how


def test_nothing_is_like_nothing() -> None:
    """An empty mask is no target, and no error."""
    assert match(boxed(np.zeros((96, 96), bool)), target()).likeness == 0
