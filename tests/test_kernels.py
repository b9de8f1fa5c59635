"""The native side of masks says what pure Python says, whichever library is loaded."""

from __future__ import annotations

import sys

import cv2
import hotcoco.mask
import numpy as np
import pytest
from hypothesis import assume, given

from pipeline import kernels, runs
from pipeline.errors import MaskError
from pipeline.kernels import BAND, SMALL
from tests.strategies import hostile

Size = tuple[int, int]


@given(hostile())
def test_the_native_check_never_says_yes_where_python_says_no(hostile: tuple[Size, bytes]) -> None:
    """With and without hotcoco the same strings pass: it vouches only for what is canonical, and for all of that."""
    size, counts = hostile
    try:
        kept = runs.canonical(size, counts)
    except MaskError:
        kept = None
    assume(kept is not None or _measurable(size))
    assert kernels.plain(size, counts) is (kept == counts)


def _measurable(size: Size) -> bool:
    try:
        runs.measure(size)
    except MaskError:
        return False
    return True


def test_without_hotcoco_nothing_is_vouched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has not loaded it does not load it for a check; nor is half a module, still loading, asked."""
    assert callable(hotcoco.mask.merge)
    assert kernels.plain((4, 4), b"88")
    monkeypatch.setitem(sys.modules, "hotcoco.mask", object())
    assert not kernels.plain((4, 4), b"88")
    monkeypatch.delitem(sys.modules, "hotcoco.mask")
    assert not kernels.plain((4, 4), b"88")
    assert "hotcoco.mask" not in sys.modules


@pytest.mark.parametrize(
    "size", [(5, 7), (1, SMALL + 1), (SMALL + 1, 1), (BAND * 3 + 1, 700), (700, BAND * 3), (480, 640)]
)
def test_views_are_turned_without_a_seam(size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row-major pixels become the same pixels column-major: by OpenCV, and without it, in bands with a rest."""
    noise = np.random.default_rng(7).random(size) < 0.5
    assert cv2.__name__ in sys.modules
    by_opencv = kernels.columns(noise)
    monkeypatch.delitem(sys.modules, "cv2")
    for turned in (by_opencv, kernels.columns(noise)):
        assert turned.flags.f_contiguous
        assert np.array_equal(turned, noise)
