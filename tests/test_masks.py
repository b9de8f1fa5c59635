"""Masks, against pycocotools to the byte, against numpy pixel by pixel, and against whatever a stranger sends."""

from __future__ import annotations

import copy
import json
import pickle
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hotcoco.mask  # in this process the native check of run lengths is the one that is used
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco

from pipeline import runs
from pipeline.errors import MaskError
from pipeline.masks import Mask, difference, intersection, iou, ious, union
from tests.strategies import hostile, pixels, sizes

Pixels = NDArray[np.bool_]
Size = tuple[int, int]

# pycocotools' own decoder warns of numpy 2; what it decodes is right.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

VECTORS = ("bdd_rle_vectors", "coco_val2014_100", "picosam2_outputs", "sav_example")

drawn_pixels = sizes().flatmap(pixels)


def pairs() -> st.SearchStrategy[tuple[Pixels, Pixels]]:
    """Two arrays of one size."""
    return sizes().flatmap(lambda size: st.tuples(pixels(size), pixels(size)))


def _coco(drawn: Pixels) -> dict[str, Any]:
    encoded: dict[str, Any] = coco.encode(np.asfortranarray(drawn.view(np.uint8)))
    return encoded


def _forms(drawn: Pixels) -> Iterator[Mask]:
    """The same mask as it can be held: row-major, column-major and as run lengths."""
    yield Mask.from_dense(drawn)
    yield Mask.from_dense(np.asfortranarray(drawn))
    yield Mask.from_counts((drawn.shape[0], drawn.shape[1]), _coco(drawn)["counts"])


@given(drawn_pixels)
def test_encoding_is_pycocotools_own_to_the_byte(drawn: Pixels) -> None:
    """Whatever form a mask is held in, its run lengths are the bytes pycocotools writes."""
    for mask in _forms(drawn):
        assert mask.counts == _coco(drawn)["counts"]
        assert mask.runs == runs.parse(mask.counts)


@given(drawn_pixels)
def test_decoding_gives_the_pixels_pycocotools_gives(drawn: Pixels) -> None:
    """Whatever form a mask is held in, its pixels are those that went in."""
    for mask in _forms(drawn):
        assert mask.dense.dtype == bool
        assert np.array_equal(mask.dense, coco.decode(_coco(drawn)).view(bool))


@pytest.mark.parametrize("folder", VECTORS)
def test_real_run_lengths_pass_through_to_the_byte(shared_data: Path, folder: str) -> None:
    """Every segmentation of the data set is read, decoded as pycocotools does it, and encoded to the bytes it was."""
    told = [*_segmentations(shared_data / folder)]
    assert told
    for segmentation in told[:: max(1, len(told) // 300)]:
        mask, theirs = Mask.from_coco(segmentation), _compressed(segmentation)
        assert mask.counts == theirs["counts"]
        assert np.array_equal(mask.dense, coco.decode(theirs).view(bool))
        assert Mask.from_dense(mask.dense).counts == theirs["counts"]


def _segmentations(folder: Path) -> Iterator[dict[str, Any]]:
    if not folder.is_dir():
        pytest.skip(f"no {folder.name} beside the checkout")
    for path in sorted(folder.rglob("*.json")):
        yield from _inside(json.loads(path.read_text(encoding="utf-8")))


def _inside(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and value.keys() >= {"size", "counts"}:
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _inside(inner)


def _compressed(segmentation: dict[str, Any]) -> dict[str, Any]:
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return {"size": segmentation["size"], "counts": counts.encode()}
    compressed: dict[str, Any] = coco.frPyObjects(segmentation, *segmentation["size"])
    return compressed


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int32", "int64", "float32", "float64"])
def test_any_dtype_means_its_pixels_that_are_not_zero(dtype: str) -> None:
    """Negative, fractional and large values are all set; zero is not."""
    values = np.array([[0, 1, 0], [255, 0, 2]]).astype(dtype)
    assert Mask.from_dense(values).dense.tolist() == [[False, True, False], [True, False, True]]


@given(drawn_pixels, st.sampled_from([1, 2, 3, -1, -2]))
def test_any_memory_order_means_the_same_pixels(drawn: Pixels, step: int) -> None:
    """Strided, reversed and transposed views are read as what they show."""
    shown = drawn[::step, ::step]
    assert np.array_equal(Mask.from_dense(shown).dense, shown)
    assert Mask.from_dense(shown.T) == Mask.from_dense(shown.T.copy())


def test_a_mask_neither_follows_its_array_nor_lets_itself_be_written() -> None:
    """What goes in is copied and what comes out is read-only, in every form and order."""
    drawn = np.zeros((3, 4), bool)
    mask = Mask.from_dense(drawn)
    drawn[:] = True
    assert mask.area == 0
    for held in _forms(drawn):
        with pytest.raises(ValueError, match="read-only"):
            held.dense[0, 0] = False
    with pytest.raises(AttributeError):
        mask.size = (4, 3)  # type: ignore[misc]


def test_each_form_is_derived_once() -> None:
    """Asking again gives the very same object: conversion is paid for once."""
    for mask in _forms(np.eye(9, dtype=bool)):
        assert mask.dense is mask.dense
        assert mask.counts is mask.counts


@given(drawn_pixels, drawn_pixels)
def test_masks_are_equal_exactly_where_their_pixels_are(one: Pixels, other: Pixels) -> None:
    """Equality and hash do not depend on the form a mask is held in."""
    assert len({*_forms(one)}) == 1
    same = one.shape == other.shape and np.array_equal(one, other)
    assert (Mask.from_dense(one) == Mask.from_dense(other)) is bool(same)
    assert Mask.from_dense(one) != "a mask"


@given(drawn_pixels)
def test_a_mask_survives_pickling_and_copying(drawn: Pixels) -> None:
    """Every form comes back equal, and read-only."""
    for mask in _forms(drawn):
        back = pickle.loads(pickle.dumps(mask))
        assert back == mask == copy.deepcopy(mask)
        assert not back.dense.flags.writeable


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_a_mask_without_pixels_is_a_mask(size: Size) -> None:
    """Sizes with a side of nothing pass through both forms, as pycocotools has them."""
    mask = Mask.from_dense(np.zeros(size, bool))
    assert mask.counts == _coco(np.zeros(size, bool))["counts"] == b"0"
    assert Mask.from_counts(size, b"0").dense.shape == size
    assert (mask.area, mask.box, mask) == (0, (0, 0, 0, 0), Mask.empty(size))


@given(drawn_pixels)
def test_uncompressed_run_lengths_go_in_and_come_out(drawn: Pixels) -> None:
    """A list of run lengths, as COCO's crowds have them, is the same mask; so is every spelling of a segmentation."""
    mask = Mask.from_dense(drawn)
    assert Mask.from_runs(mask.size, mask.runs) == mask
    for counts in (mask.counts, mask.counts.decode(), mask.runs):
        assert Mask.from_coco({"size": [*mask.size], "counts": counts}) == mask


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ({"size": [2, 2]}, "expected a segmentation {size: [height, width], counts: …} of run lengths"),
        ({"size": [2], "counts": "4"}, "expected a segmentation {size: [height, width], counts: …} of run lengths"),
        ({"size": [2, 2], "counts": [1, 2]}, "expected run lengths of 4 px in all for 2×2, found 3"),
        ({"size": [2, 2], "counts": [5, -1]}, "expected run lengths of 0 px or more, found -1 as run 1"),
        ({"size": [2, 2], "counts": "\ud800"}, "expected run lengths in characters '0'…'o', found byte 237 at 0"),
        ({"size": [2, 2], "counts": ["4"]}, "expected run lengths in whole px, found '4'"),
        ({"size": [2, 2], "counts": None}, "expected a segmentation {size: [height, width], counts: …} of run lengths"),
    ],
)
def test_a_segmentation_that_is_none_is_refused_in_words(segmentation: dict[str, Any], said: str) -> None:
    """Missing keys, wrong sums and wrong types are each told."""
    with pytest.raises(MaskError, match=f"^{re.escape(said)}$"):
        Mask.from_coco(segmentation)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(3), "expected an array (H, W) of numbers, found float64 (3,)"),
        (np.zeros((1, 2, 3), np.uint8), "expected an array (H, W) of numbers, found uint8 (1, 2, 3)"),
        (np.zeros((1, 2), object), "expected an array (H, W) of numbers, found object (1, 2)"),
        (np.broadcast_to(np.False_, (4097, 4096)), "expected a mask of at most 16777216 px, found 4097×4096"),
    ],
)
def test_an_array_that_is_no_mask_is_refused_in_words(array: NDArray[Any], said: str) -> None:
    """Wrong dimensions, wrong types and too many pixels are each told, before anything is copied."""
    with pytest.raises(MaskError, match=f"^{re.escape(said)}$"):
        Mask.from_dense(array)


@given(hostile())
def test_strangers_run_lengths_are_a_mask_or_a_mask_error(hostile: tuple[Size, bytes]) -> None:
    """Random, truncated, negative and overflowing run lengths never get further than `from_counts`."""
    size, counts = hostile
    try:
        mask = Mask.from_counts(size, counts)
    except MaskError:
        return
    assert sum(mask.runs) == size[0] * size[1]
    assert Mask.from_dense(mask.dense) == mask


def test_a_thousand_mutilated_masks_leave_the_process_alive() -> None:
    """Real run lengths with bytes changed, dropped and added are refused or read, in well under a second."""
    chance = random.Random(3)
    whole = Mask.from_dense(np.random.default_rng(3).random((40, 40)) < 0.3).counts
    read = sum(_reads((40, 40), _mutilate(whole, chance)) for _ in range(1000))
    assert 0 < read < 1000


def _reads(size: Size, counts: bytes) -> bool:
    try:
        Mask.from_counts(size, counts).dense.sum()
    except MaskError:
        return False
    return True


def _mutilate(counts: bytes, chance: random.Random) -> bytes:
    at, other = chance.randrange(len(counts)), chance.randrange(256)
    forms = (counts[:at], counts[:at] + bytes([other]) + counts[at + 1 :], counts[:at] + counts[at + 1 :], counts)
    return chance.choice(forms)


def test_reading_and_passing_on_a_mask_loads_no_numpy() -> None:
    """A process that only carries masks stays light: run lengths are checked, compared and hashed in pure Python."""
    told = (
        "import sys; from pipeline.masks import Mask; mask = Mask.from_counts((4, 4), b'88'); "
        "assert mask == Mask.from_runs((4, 4), [8, 8]) and hash(mask) and mask.counts == b'88'; "
        "print({'numpy', 'hotcoco'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "set()"


@given(pairs())
def test_algebra_is_numpys_in_every_form(drawn: tuple[Pixels, Pixels]) -> None:
    """Union, intersection and difference are those of the pixels, however the two masks are held."""
    one, other = drawn
    for a, b in zip(_forms(one), reversed([*_forms(other)]), strict=True):
        assert np.array_equal(union(a, b).dense, one | other)
        assert np.array_equal(intersection(a, b).dense, one & other)
        assert np.array_equal(difference(a, b).dense, one & ~other)
        assert union(a) == intersection(a) == a


@given(sizes().flatmap(lambda size: st.lists(pixels(size), min_size=3, max_size=4)))
def test_algebra_takes_any_number_of_masks(drawn: list[Pixels]) -> None:
    """Three and more are folded as two are, dense or as run lengths."""
    dense = [Mask.from_dense(each) for each in drawn]
    lengths = [Mask.from_counts(mask.size, mask.counts) for mask in dense]
    assert union(*lengths) == union(*dense) == Mask.from_dense(np.logical_or.reduce(drawn))
    assert intersection(*lengths) == intersection(*dense) == Mask.from_dense(np.logical_and.reduce(drawn))


@given(drawn_pixels)
def test_area_and_box_are_those_of_the_pixels(drawn: Pixels) -> None:
    """Measured on run lengths and on pixels alike; a mask with nothing set has a box of zeros."""
    rows, columns = np.nonzero(drawn)
    box = (0, 0, 0, 0)
    if len(rows):
        left, top = int(columns.min()), int(rows.min())
        box = (left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1)
    for mask in _forms(drawn):
        assert (mask.area, mask.box) == (len(rows), box)


@given(pairs())
def test_iou_is_shared_pixels_over_all_pixels(drawn: tuple[Pixels, Pixels]) -> None:
    """Symmetric, 1 for a mask with itself, 0 where neither has a pixel, and the same for pairs as for tables."""
    one, other = drawn
    a, b = Mask.from_dense(one), Mask.from_dense(other)
    either = np.count_nonzero(one | other)
    expected = np.count_nonzero(one & other) / either if either else 0.0
    assert iou(a, b) == iou(b, a) == pytest.approx(expected)
    assert ious([a, b], [b]).tolist() == [[iou(a, b)], [iou(b, b)]]
    assert iou(a, a) == (1.0 if a.area else 0.0)


def test_a_table_of_ious_may_be_empty() -> None:
    """No rows or no columns give an array of that shape, so that a tracker needs no special case."""
    mask = Mask.empty((2, 2))
    assert ious([], [mask]).shape == (0, 1)
    assert ious([mask], []).shape == (1, 0)


@pytest.mark.parametrize("together", [union, intersection, difference, iou])
def test_masks_of_two_sizes_have_nothing_in_common(together: Any) -> None:
    """Every operation refuses them, and says which sizes met."""
    said = "expected masks of one size, found (2, 3) and (3, 2)"
    with pytest.raises(MaskError, match=f"^{re.escape(said)}$"):
        together(Mask.empty((2, 3)), Mask.empty((3, 2)))


def test_a_mask_says_what_it_is() -> None:
    """A log line shows size and area, not ten thousand pixels."""
    assert repr(Mask.from_counts((4, 4), b"88")) == "Mask(4×4, 8 px)"
    assert hotcoco.mask.area({"size": (4, 4), "counts": b"88"}) == 8
