"""Prompts: the crop that a network is trained on is the one that a sensor, real or virtual, is told."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model.prompt import SIDE, Crop, back, box_of, crop_of, cut, cut_mask, jittered, point_of
from nodes.sensors.prompts import Prompt, aims, flaws
from nodes.sensors.roi import ARRAY
from nodes.sensors.virtual.exposure import COLOUR, EXPOSURE_US, GAIN, Exposed
from nodes.sensors.virtual.eye import Eye
from nodes.sensors.virtual.normaliser import Normaliser
from nodes.sensors.virtual.pictures import ImageScene
from nodes.sensors.virtual.setup import Setup
from nodes.sources.imx500 import imx500
from pipeline.clock import FakeClock
from pipeline.records import Frame, Roi
from tests.nodes.virtual import BEGIN_NS, quick

SCALE = 8  # sensor pixels per pixel of the picture below, which covers the array
SIZE = ARRAY[1] // SCALE, ARRAY[0] // SCALE

points = st.builds(Prompt, point=st.tuples(st.integers(0, 4055), st.integers(0, 3039)), size=st.integers(1, 3040))
boxes = st.builds(
    Prompt,
    box=st.tuples(*(st.integers(0, 3000),) * 2, *(st.integers(1, 3000),) * 2),
    margin=st.none() | st.floats(1, 4),
)
# Far enough from the border that hardly any of them is refused.
inner = st.tuples(st.integers(900, 3100), st.integers(900, 2100))
legal = st.builds(Prompt, point=inner, size=st.integers(96, 800).map(lambda half: 2 * half)) | st.builds(
    Prompt,
    box=st.builds(lambda at, size: (*at, *size), inner, st.tuples(*(st.integers(200, 500),) * 2)),
    margin=st.none() | st.floats(1, 2),
)


def _picture() -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 256, (SIZE[0] // 4 + 1, SIZE[1] // 4 + 1, 3), np.uint8)
    return cv2.resize(noise, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def test_the_crop_is_the_one_that_a_sensor_is_told() -> None:
    """A point with a size, and a box with a margin on its longer side, squared."""
    assert crop_of(Prompt(point=(2028, 1520), size=640)) == (1708, 1200, 640)
    assert crop_of(Prompt(box=(1000, 800, 300, 200))) == (924, 676, 450)
    assert crop_of(Prompt(box=(1000, 800, 300, 200), margin=1.0)) == (1000, 750, 300)


@given(legal)
def test_every_legal_prompt_has_the_same_crop(prompt: Prompt) -> None:
    """What `aims` gives to a sensor, real or virtual, is what `crop_of` gives to training."""
    assume(not any(flaws({"one": prompt})))
    (aim,) = aims({"one": prompt})
    left, top, side = crop_of(prompt)
    assert aim.roi == Roi(left, top, side, side)


@given(points | boxes)
def test_a_crop_is_square_and_centred_wherever_it_lies(prompt: Prompt) -> None:
    """Beyond the border too: nothing is clipped, so nothing is stretched or moved aside."""
    left, top, side = crop_of(prompt)
    box = prompt.box or (*(prompt.point or ()), 1, 1)
    x, y = box[0] + box[2] / 2 - 0.5, box[1] + box[3] / 2 - 0.5
    assert side % 2 == 0
    assert abs(left + side / 2 - 0.5 - x) <= 1
    assert abs(top + side / 2 - 0.5 - y) <= 1


@pytest.mark.parametrize("crop", [Roi(1216, 720, 1600, 1600), Roi(0, 0, 768, 768), Roi(2504, 2272, 768, 768)])
def test_training_sees_what_a_virtual_sensor_sees(tmp_path: Path, crop: Roi) -> None:
    """The same picture and the same prompt are the same pixels, and the same numbers at the network's input."""
    picture = _picture()
    cv2.imwrite(str(tmp_path / "one.png"), picture[..., ::-1])
    eye = Eye(ImageScene(tmp_path), noise=0, seed=0)
    exposed = Exposed(EXPOSURE_US, GAIN, COLOUR, settled=True)
    seen = eye.crop(0, 0, crop, (SIDE, SIDE), exposed)
    mine = cut(picture, Crop(crop.x // SCALE, crop.y // SCALE, crop.width // SCALE))
    np.testing.assert_array_equal(mine, seen)
    steps = Normaliser().quantised(seen)
    np.testing.assert_array_equal((mine.astype(np.float32) - 128) / 128, steps.transpose(1, 2, 0) / np.float32(128))


def test_a_running_camera_is_told_the_same_crop() -> None:
    """Through the source, its schedule and its adapter: the frame says which crop its mask was seen in."""
    pytest.importorskip("onnxruntime", reason="a virtual camera runs its network in onnxruntime: make test")
    prompts = {"point": Prompt(point=(2028, 1520), size=640), "box": Prompt(box=(1500, 1400, 410, 300))}
    virtual = Setup(behaviour=quick(settle=0))
    source = imx500("test", "s", FakeClock(BEGIN_NS), virtual=virtual, prompts=prompts, discard=0, settle=0)
    frames = [record for record in islice(source, 30) if isinstance(record, Frame)]
    told = {frame.prompt: frame.roi for frame in frames if frame.epoch == "settled"}
    crops = {name: crop_of(prompt) for name, prompt in prompts.items()}
    assert told == {name: Roi(left, top, side, side) for name, (left, top, side) in crops.items()}


def test_what_lies_outside_is_black_and_the_rest_is_where_it_was() -> None:
    """At a corner three quarters are black; the object keeps its size and its place at the centre."""
    picture = np.full((200, 300, 3), 200, np.uint8)
    crop = crop_of(Prompt(point=(0, 0), size=SIDE))
    seen = cut(picture, crop)
    assert (seen[48:, 48:] == 200).all()
    assert seen[:48].max() == seen[:, :48].max() == 0
    mask = np.zeros((200, 300), bool)
    mask[:10, :20] = True
    assert box_of(cut_mask(mask, crop)) == (48, 48, 20, 10)


@given(st.integers(-60, 220), st.integers(-60, 160), st.sampled_from([4, 6, 8, 12, 16, 24, 48]))
def test_a_mask_comes_back_to_where_it_was(x: int, y: int, half: int) -> None:
    """Where a whole number of a network's pixels covers each of the picture's, no pixel inside the crop is lost."""
    dice = np.random.default_rng(abs(x) + 7 * abs(y) + half)
    mask = cv2.blur(dice.random((160, 220), np.float32), (9, 9)) > 0.5
    crop = Crop(x, y, 2 * half)
    inside = np.zeros_like(mask)
    inside[max(0, y) : max(0, y + crop.side), max(0, x) : max(0, x + crop.side)] = True
    np.testing.assert_array_equal(back(cut_mask(mask, crop), crop, mask.shape), mask & inside)


def test_a_point_lies_on_its_mask() -> None:
    """The middle of the box where that is inside, else the nearest pixel that is."""
    ring = np.zeros((40, 40), np.uint8)
    cv2.circle(ring, (20, 20), 12, 1, 3)
    x, y = point_of(ring.astype(bool))
    assert ring[y, x]
    assert abs(np.hypot(x - 20, y - 20) - 12) < 3
    cv2.circle(ring, (20, 20), 12, 1, -1)
    assert point_of(ring.astype(bool)) == (20, 20)


def test_an_empty_mask_has_no_box() -> None:
    """It says so."""
    with pytest.raises(ValueError, match="expected a mask with a pixel set, found an empty one"):
        box_of(np.zeros((4, 4), bool))


def test_jitter_is_as_large_as_it_says() -> None:
    """Without it the box stays; with 20 % the centre moves by at most a tenth, and sides vary by a tenth."""
    box, dice = (1000, 2000, 400, 300), np.random.default_rng(1)
    assert jittered(box, 0.0, dice) == box
    found = np.array([jittered(box, 0.2, dice) for _ in range(2000)])
    centres = found[:, :2] + found[:, 2:] / 2 - (1200, 2150)
    assert np.abs(centres / (400, 300)).max() <= 0.1 + 1 / 300
    assert np.std(found[:, 2] / 400) == pytest.approx(0.1, rel=0.1)
    assert np.std(centres[:, 0] / 400) == pytest.approx(0.2 / np.sqrt(12), rel=0.1)
