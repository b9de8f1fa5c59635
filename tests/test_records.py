"""Records: frozen, self-describing, and their masks settled however they were made."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given

from pipeline.errors import MaskError
from pipeline.masks import Mask, Rle
from pipeline.records import KINDS, AnyRecord, Layer, Record, Region
from tests.strategies import masks, records


def _region(mask: Any) -> Region:
    return Region("pit", 1, (0, 0, 1, 1), (0.0, 0.0), 0, 0, 1.0, whole=True, score=1.0, mask=mask)


def test_every_kind_is_listed_and_is_tagged_with_its_name_in_small_letters() -> None:
    """The union that decoders read, the list that tests draw from and the classes there are agree."""
    assert {*KINDS} == {*get_args(AnyRecord)} == {*Record.__subclasses__()}
    assert [kind.__struct_config__.tag for kind in KINDS] == [kind.__name__.lower() for kind in KINDS]


@given(records())
def test_a_record_cannot_be_changed(record: AnyRecord) -> None:
    """No field of any kind can be set again: records are passed by reference."""
    for name in record.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(record, name, None)


@given(records())
def test_a_record_names_its_exposure(record: AnyRecord) -> None:
    """Every kind has the four fields that name a frame for ever."""
    assert record.__struct_fields__[:4] == ("camera", "session", "seq", "t_ns")


@given(masks())
def test_what_a_decoder_reads_becomes_a_mask(mask: Mask) -> None:
    """Run lengths in a layer or a region are checked and settled at once; a mask stays the object it was."""
    told = Rle(mask.size, mask.counts)
    assert Layer("pit", told).mask == _region(told).mask == mask  # type: ignore[arg-type]
    assert Layer("pit", mask).mask is mask
    assert _region(mask).mask is mask


def test_run_lengths_that_are_no_mask_never_get_into_a_record() -> None:
    """The check is part of making the record, whoever makes it."""
    wrong: Any = Rle((2, 2), b"5")
    for make in (_region, lambda mask: Layer("pit", mask)):
        with pytest.raises(MaskError, match=r"^expected run lengths of 4 px in all for 2×2, found 5$"):
            make(wrong)


def test_a_field_may_be_replaced_in_a_copy() -> None:
    """A node that changes one thing copies the rest, the mask by reference."""
    layer = Layer("pit", Mask.empty((2, 2)), 0.5)
    assert msgspec.structs.replace(layer, label="rim") == Layer("rim", layer.mask, 0.5)
    assert msgspec.structs.replace(layer, label="rim").mask is layer.mask
