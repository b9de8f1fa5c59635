"""Tests of `pipeline.runtime.generic`."""

from __future__ import annotations

import json

import numpy as np

from pipeline.codec import decode_generic, encode
from pipeline.masks import Mask
from pipeline.records import Frame, Layer, Scores
from pipeline.runtime.generic import full, line

PIXELS = np.zeros((4, 6), bool)
PIXELS[1:3, 2:5] = True
FRAME = Frame(
    camera="cam-1",
    session="s",
    seq=42,
    t_ns=1_500_000_000,
    size=(4, 6),
    layers=(
        Layer(
            label="part",
            mask=Mask.from_dense(PIXELS),
            score=0.98765,
            scores=Scores(size=(1, 2), data=b"\x01\xff", scale=0.5),
        ),
    ),
)


def test_a_mask_is_told_by_size_and_area() -> None:
    """Six pixels are worth more to a reader than their run lengths."""
    assert line(decode_generic(encode(FRAME))) == (
        "00:00:01.500 cam-1 #42 frame size=[4 6] layers=[{label=part mask=<mask 4×6, 6 px> score=0.9877 "
        'scores={size=[1 2] data=<2 bytes> scale=0.5 zero_point=0}}] prompt="" roi=null model="" epoch=settled '
        "timing=sensor encoder=null reading=null"
    )


def test_json_leaves_nothing_out() -> None:
    """The run lengths are there as text, as COCO files have them, and the mask can be made again."""
    whole = json.loads(json.dumps(full(decode_generic(encode(FRAME)))))
    mask = whole["layers"][0]["mask"]
    assert Mask.from_counts(tuple(mask["size"]), mask["counts"].encode()) == Mask.from_dense(PIXELS)
    assert whole["layers"][0]["scores"]["data"] == "Af8="


def test_a_mask_that_cannot_be_read_is_still_shown() -> None:
    """A tap is what one looks at when something is wrong."""
    found = line({"kind": "frame", "camera": "c", "seq": 1, "t_ns": 0, "mask": {"size": [2, 2], "counts": b"zz"}})
    assert "<mask 2×2, unreadable: " in found


def test_text_cannot_move_the_cursor() -> None:
    """A record from a stranger does not command the terminal."""
    assert line({"kind": "x", "camera": "a\x1b[2J", "seq": 1, "t_ns": 0}) == '00:00:00.000 "a\\u001b[2J" #1 x'


def test_long_lists_are_cut_and_counted() -> None:
    """One line stays one line."""
    found = line({"kind": "x", "camera": "c", "seq": 1, "t_ns": "?", "values": list(range(100))})
    assert found == "--:--:-- c #1 x values=[0 1 2 3 4 5 … 94 more]"
