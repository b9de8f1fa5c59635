"""Run lengths of many masks: the runs and pixels that each mask has by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import runs as scalar
from pipeline.batch import runlengths
from pipeline.batch.runlengths import Boxes, Ints, Signed, merged, placed, runs
from pipeline.boxes import cropped
from pipeline.errors import MaskError
from pipeline.masks import Mask
from tests.strategies import hostile, masks

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[batch]'")


def column(*texts: bytes | None) -> Any:
    """A column of run lengths."""
    return pa.chunked_array([pa.array([*texts], pa.binary())])


def _painted(begin: Signed, end: Signed, pixels: int) -> Ints:
    """How often each pixel is set, (pixels,), by runs of masks of one size."""
    return np.cumsum(np.bincount(begin, minlength=pixels + 1) - np.bincount(end, minlength=pixels + 1))[:pixels]


@given(st.lists(masks((7, 9)), max_size=6))
def test_pixels_are_painted_as_often_as_masks_have_them(drawn: list[Mask]) -> None:
    """The sum of the dense masks, down the columns."""
    found = runs(column(*(mask.counts for mask in drawn)), np.full(len(drawn), 63))
    dense = sum((mask.dense.astype(int) for mask in drawn), np.zeros((7, 9), int))
    assert found.sound.all()
    assert _painted(found.begin, found.end, 63).tolist() == dense.ravel(order="F").tolist()


@given(st.lists(masks(), max_size=6))
def test_each_mask_keeps_its_runs(drawn: list[Mask]) -> None:
    """Of whatever sizes: as many runs, as long, of the mask they belong to."""
    found = runs(column(*(m.counts for m in drawn)), np.array([m.size[0] * m.size[1] for m in drawn], np.int64))
    for number, mask in enumerate(drawn):
        mine = found.row == number
        assert (found.end - found.begin)[mine].tolist() == mask.runs[1::2]
        assert found.begin[mine].tolist() == np.cumsum(mask.runs)[0:-1:2].tolist()[: mine.sum()]


@given(st.lists(hostile(), min_size=1, max_size=8))
def test_what_is_no_mask_is_not_sound(drawn: list[tuple[tuple[int, int], bytes]]) -> None:
    """The verdict on each text is that of the reader of single masks, whatever stands beside it."""
    held = [(size, text) for size, text in drawn if 0 <= size[0] * size[1] <= scalar.MAX_PIXELS]
    found = runs(column(*(text for _, text in held)), np.array([a * b for (a, b), _ in held], np.int64))
    for (size, text), sound in zip(held, found.sound.tolist(), strict=True):
        assert sound == (_sound(size, text) and text != b"")


@given(st.lists(masks() | hostile().map(lambda told: told[1]), max_size=6))
def test_numbers_of_either_width_tell_the_same(drawn: list[Mask | bytes]) -> None:
    """Where sums of runs might not fit into 32 bits, they are told in 64."""
    texts = [each if isinstance(each, bytes) else each.counts for each in drawn]
    pixels = np.array([63 if isinstance(each, bytes) else each.size[0] * each.size[1] for each in drawn], np.int64)
    narrow = runs(column(*texts), pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runlengths, "NARROW", 0)
        wide = runs(column(*texts), pixels)
    assert (narrow.begin.itemsize, wide.begin.itemsize) == (4, 8)
    for name in ("many", "begin", "end", "sound"):
        assert getattr(narrow, name).tolist() == getattr(wide, name).tolist()


def test_nothing_has_no_runs() -> None:
    """A mask that was left out is null: it has none, and nobody calls it sound."""
    found = runs(column(None, Mask.empty((2, 2)).counts, b"", Mask.from_dense(np.ones((2, 2))).counts), np.full(4, 4))
    assert found.sound.tolist() == [False, True, False, True]
    assert (found.row.tolist(), found.begin.tolist(), found.end.tolist()) == ([3], [0], [4])
    assert runs(column(), np.empty(0, np.int64)).row.tolist() == []


def _sound(size: tuple[int, int], text: bytes) -> bool:
    try:
        return min(size) >= 0 and bool(scalar.canonical(size, text) or True)
    except MaskError:
        return False


@given(st.lists(masks((7, 9)), max_size=6))
def test_a_mask_told_of_its_box_has_the_runs_of_its_view(drawn: list[Mask]) -> None:
    """Pixel for pixel, beside masks that are told whole."""
    box = Boxes(*np.array([mask.box for mask in drawn], np.int64).reshape(-1, 4).T)
    told = [cropped(mask, mask.box) if number % 2 else None for number, mask in enumerate(drawn)]
    full = [None if number % 2 else mask.counts for number, mask in enumerate(drawn)]
    height, width = np.full(len(drawn), 7), np.full(len(drawn), 9)
    found = merged(
        runs(column(*full), height * width),
        placed(runs(column(*told), box.width * box.height), box, height, width),
    )
    assert found.sound.all()
    for number, mask in enumerate(drawn):
        mine = found.row == number
        assert (_painted(found.begin[mine], found.end[mine], 63) > 0).tolist() == mask.dense.ravel(order="F").tolist()


def test_a_box_that_is_no_part_of_its_view_is_not_sound() -> None:
    """Its pixels would be somewhere else."""
    text, one = column(Mask.from_dense(np.ones((2, 2))).counts), np.ones(1, np.int64)
    box = Boxes(3 * one, 0 * one, 2 * one, 2 * one)
    found = placed(runs(text, 4 * one), box, 4 * one, 4 * one)
    assert (found.sound.tolist(), found.row.tolist()) == ([False], [])
    assert placed(runs(text, 4 * one), box, 4 * one, 5 * one).begin.tolist() == [12, 16]
