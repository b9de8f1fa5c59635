"""Masks of boxes: the pixels of a region are the same, told of its box alone, and read by whoever reads COCO."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from pipeline.boxes import _of_pixels, _of_runs, cropped, whole
from pipeline.errors import MaskError
from pipeline.masks import Mask
from tests.strategies import masks

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Box = tuple[int, int, int, int]


def boxes(height: int, width: int) -> st.SearchStrategy[Box]:
    """Boxes that may or may not be inside a view."""
    x, y = st.integers(-1, width), st.integers(-1, height)
    return st.tuples(x, y, st.integers(0, width + 1), st.integers(0, height + 1))


@given(masks((40, 50)), st.data())
def test_both_ways_say_the_same(mask: Mask, data: st.DataObject) -> None:
    """By runs or by pixels: the same bytes, of the same boxes."""
    x, y, width, height = mask.box if data.draw(st.booleans()) else (3, 2, 30, 30)
    counts = _of_runs(mask, (x, y, width, height))
    assert counts == _of_pixels(mask, (x, y, width, height))
    assert counts is None or whole((40, 50), (x, y, width, height), counts) == mask


@given(masks((7, 9)), boxes(7, 9))
def test_a_box_keeps_every_pixel_or_is_refused(mask: Mask, box: Box) -> None:
    """The law: whatever a box takes is given back; it takes exactly the masks that lie in it."""
    x, y, width, height = box
    inside = np.zeros((7, 9), bool)
    in_view = x >= 0 and y >= 0 and x + width <= 9 and y + height <= 7
    if in_view:
        inside[y : y + height, x : x + width] = True
    counts = cropped(mask, box)
    assert (counts is not None) == (in_view and not (mask.dense & ~inside).any())
    if counts is not None:
        assert whole((7, 9), box, counts) == mask


@given(masks())
def test_the_bounding_box_holds_a_mask_as_coco_reads_it(mask: Mask) -> None:
    """To pycocotools the text is a picture of the size of the box: the crop of the mask."""
    x, y, width, height = mask.box
    counts = cropped(mask, mask.box)
    assert counts is not None
    if width:
        found = coco.decode({"size": [height, width], "counts": counts})
        assert (found == mask.dense[y : y + height, x : x + width]).all()
        assert counts == Mask.from_dense(mask.dense[y : y + height, x : x + width]).counts


def test_a_box_outside_of_its_view_is_refused_in_words() -> None:
    """It names the view and the box."""
    with pytest.raises(MaskError, match=r"^expected a box in a view of 4×3 px, found 2×2 px at 3, 0$"):
        whole((3, 4), (3, 0, 2, 2), Mask.empty((2, 2)).counts)
    with pytest.raises(MaskError, match=r"^expected run lengths of 4 px in all for 2×2, found 6$"):
        whole((3, 4), (0, 0, 2, 2), Mask.empty((2, 3)).counts)
