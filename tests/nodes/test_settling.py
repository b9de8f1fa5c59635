"""How a camera obeys a change of crop: what is measured is what the virtual sensor was told to do."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors.adapter import Adapter
from nodes.sensors.roi import ARRAY, faults
from nodes.sensors.sensor import Stream
from nodes.sensors.settling import Change, Found, crops, measure, summed
from nodes.sensors.tensors import Seen
from nodes.sensors.views import ahead, correlation, likeness, mixtures, view
from nodes.sensors.virtual.behaviour import Behaviour
from nodes.sensors.virtual.setup import Setup, ready
from pipeline.clock import FakeClock
from pipeline.errors import KensaError
from pipeline.records import Roi
from tests.nodes.virtual import BEGIN_NS

METADATA = {"ScalerCrop": (0, 0, *ARRAY)}


def measured(changes: int = 4, setup: Setup | None = None, **behaviour: Any) -> Found:
    """What is measured on a virtual camera, whose time is a test's."""
    told = setup or Setup(page=True, behaviour=Behaviour(**behaviour))
    camera = ready(told, "cam", FakeClock(BEGIN_NS))
    sensor, pair = Adapter(camera.hardware, camera.clock), crops()
    sensor.open()
    sensor.load(camera.package, lambda _done, _total: None)
    sensor.set_roi(pair[0], "old")
    sensor.start(Stream(images=True, input_tensor=True))
    told_changes: list[int] = []
    try:
        found = measure(sensor, pair, changes, lambda number, _: told_changes.append(number), random.Random(1))
    finally:
        sensor.close()
    assert told_changes == [*range(1, changes + 1)]
    return summed(found)


@pytest.mark.slow
@pytest.mark.parametrize("settle", [0, 1, 2, 5, 9])
def test_the_settling_that_is_measured_is_the_one_that_was_set(settle: int) -> None:
    """Frame for frame, wherever in a frame the crop is written."""
    assert measured(settle=settle) == Found(settle, settle, 0, 4)


@pytest.mark.slow
def test_a_torn_frame_is_seen_and_waited_for() -> None:
    """It has the corner of the new crop and the size of the old one: neither counts as the new one."""
    assert measured(settle=2, torn=True) == Found(3, 3, 4, 4)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [{"late_every": 5}, {"gap_every": 7}, {"layout": 708}, {"noise": 8.0}])
def test_frames_that_are_missing_change_no_result(fault: dict[str, Any]) -> None:
    """A change that cannot be judged is made again; noise and an older libcamera are no matter."""
    assert measured(settle=2, **fault).frames == 2


@pytest.mark.slow
def test_a_network_that_is_too_slow_is_told() -> None:
    """Where each second frame has no inference, half of all latencies cannot be known: the text says what to do."""
    with pytest.raises(
        KensaError, match=r"changes of crop were begun, .* missing or unclear: lower the rate .* \(`--rate`\)"
    ):
        measured(settle=2, dnn_ms=60.0)


@pytest.mark.slow
def test_a_crop_that_is_never_obeyed_is_told() -> None:
    """Nobody waits for ever."""
    with pytest.raises(KensaError, match="the crop was not obeyed within 30 frames"):
        measured(settle=100)


def test_a_plain_scene_is_refused(tmp_path: Path) -> None:
    """Where every crop looks alike nothing can be measured, and the text says what the camera should look at."""
    import cv2

    cv2.imwrite(str(tmp_path / "grey.png"), np.full((760, 1014, 3), 128, np.uint8))
    with pytest.raises(KensaError, match=r"like the old crop by -?\d+ %, the new crop by .* such as the page of"):
        measured(setup=Setup(images=str(tmp_path)))


@given(st.tuples(st.integers(32, 640), st.integers(32, 640)))
def test_crops_and_their_mixtures_are_legal(aspect: tuple[int, int]) -> None:
    """A network of any shape can be measured where the sensor takes its whole view."""
    if max(aspect) > 2 * min(aspect):
        return
    old, new = crops(aspect)
    assert (faults(old, aspect), faults(new, aspect)) == ((), ())
    for torn in (*mixtures(old, new).values(), *mixtures(new, old).values()):
        assert torn.x + torn.width <= ARRAY[0]
        assert torn.y + torn.height <= ARRAY[1]


def test_the_most_counts_and_one_in_twenty_may_be_worse() -> None:
    """The worst change decides; the 95th percentile says how rare it was."""
    changes = [*[Change(2, 0)] * 19, Change(4, 1)]
    assert summed(changes) == Found(4, 2, 1, 20)
    assert summed(changes[1:]) == Found(4, 4, 1, 19)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3), st.floats(-40, 40))
def test_light_does_not_change_what_is_like_what(seed: int, gain: float, offset: float) -> None:
    """Correlation is the same whatever exposure and offset are."""
    one = np.random.default_rng(seed).random((12, 12)).astype(np.float32) * 255
    assert correlation(one, one * np.float32(gain) + np.float32(offset)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("signed", [True, False])
def test_an_input_is_recognised_signed_or_not(signed: bool) -> None:
    """The sensor does not say which kind of numbers its network reads."""
    image = np.random.default_rng(0).integers(0, 255, (76, 101, 3), np.uint8)
    crop, other = Roi(400, 400, 1600, 1600), Roi(2000, 1200, 1200, 1200)
    shown = np.rint(view(image, METADATA, crop, (24, 24))).astype(np.uint8)
    planes = np.stack([shown] * 3) ^ np.uint8(0x80 if signed else 0)
    seen = Seen("net", (3, 24, 24), 1, planes.tobytes())
    like = {name: likeness(seen, image, METADATA, each) for name, each in {"it": crop, "other": other}.items()}
    assert like["it"] > 0.99
    assert ahead(like, "other")


def test_what_is_like_two_crops_is_like_none() -> None:
    """Doubt is no match."""
    assert not ahead({"old": 0.8, "new": 0.79}, "new")
    assert not ahead({"old": 0.4, "new": 0.1}, "new")
    assert ahead({"old": 0.9, "new": 0.1}, "new")
