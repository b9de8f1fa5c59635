"""The source: what becomes of a sensor's frames, with a virtual camera whose time is a test's."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise, takewhile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors import tensors
from nodes.sensors.prompts import Prompt, Prompts, aims
from nodes.sensors.schedule import schedule
from nodes.sensors.sensor import Sensed
from nodes.sensors.states import SensorError
from nodes.sensors.virtual.setup import BeltSetup, Setup
from nodes.sensors.virtual.truth import truth
from nodes.sensors.warmth import MARGIN, Warmth
from nodes.sinks.light import level_of
from nodes.sources.imx500 import imx500
from nodes.sources.sensed import reading
from nodes.transforms.measure import measured
from nodes.transforms.track import track
from pipeline import readings
from pipeline.clock import FakeClock
from pipeline.errors import NodeError
from pipeline.notices import board
from pipeline.records import Frame, Gap, Image, Part, Reading, Roi
from tests.nodes.virtual import BEGIN_NS, quick
from tests.standins import packets

Records = list[Frame | Gap | Image]
CENTRE = Prompt(point=(2028, 1520), size=1600)
CORNER = Prompt(point=(700, 700), size=1000)
ALARM = "sensor hot temperature"


def _records(count: int, behaviour: dict[str, Any] | None = None, **told: Any) -> Records:
    """The first records of a virtual camera that needs no time to be ready."""
    virtual = Setup(behaviour=quick(**(behaviour or {})))
    source: Iterator[Frame | Gap | Image] = imx500(
        "test", "s", FakeClock(BEGIN_NS), virtual=virtual, **{"discard": 0, **told}
    )
    found = [*islice(source, count)]
    source.close()  # type: ignore[attr-defined]
    return found


def test_frames_say_how_they_were_sensed() -> None:
    """Each has its mask, its crop, the prompt that asked for it and the digest of the network."""
    first, *others = _records(150, prompts={"centre": CENTRE})
    assert isinstance(first, Frame)
    assert (first.seq, first.prompt, first.roi, first.epoch) == (0, "centre", Roi(1228, 720, 1600, 1600), "settled")
    assert len(first.model) == 64
    assert (first.size, [layer.label for layer in first.layers]) == ((96, 96), ["part"])
    assert [record.seq for record in others] == [*range(1, 150)]
    assert all(isinstance(record, Frame) and record.epoch == "settled" for record in others)
    assert any(isinstance(record, Frame) and record.layers[0].mask.area for record in others)


def test_times_are_those_of_the_exposures() -> None:
    """They are a frame apart to the microsecond, whenever somebody reads them."""
    found = np.diff([record.t_ns for record in _records(20, rate=30.0)])
    assert abs(found - 1e9 / 30).max() < 1000


def test_frames_of_a_belt_carry_its_encoder(tmp_path: Path) -> None:
    """How far it has moved at each exposure; a field recording tells it again. Elsewhere there is none."""

    def counts(setup: Setup, **told: Any) -> list[int | None]:
        source = imx500("test", "s", FakeClock(BEGIN_NS), virtual=setup, discard=0, **told)
        found = [frame.encoder for frame in islice(source, 40) if isinstance(frame, Frame)]
        source.close()  # type: ignore[attr-defined]
        return found

    belt = Setup(belt=BeltSetup(speed=900.0, pulse=0.5), behaviour=quick())
    found = counts(belt, rate=30.0, record=str(tmp_path))
    assert {after - before for before, after in pairwise(filter(None, found))} <= {59, 60, 61}
    assert found[-1] == pytest.approx(39 * 60, abs=1)
    (take,) = tmp_path.iterdir()
    assert counts(Setup(replay=str(take))) == found
    assert {*counts(Setup(belt=BeltSetup(pulse=0.0), behaviour=quick()))} == {None}
    assert {*counts(Setup(target=True, behaviour=quick()))} == {None}


@pytest.mark.slow
def test_parts_on_a_fast_belt_are_counted_by_its_encoder() -> None:
    """A part moves by more than its length per frame, and nothing but the encoder tells one from the next."""
    belt = BeltSetup(length=300.0, pitch=900.0, defects=0.0, speed=9600.0, pulse=2.0)
    prompts = {"middle": {"point": [2028, 1520], "size": 2400}}
    setup = Setup(belt=belt, behaviour=quick())
    source = imx500(
        "cam", "s", FakeClock(BEGIN_NS), virtual=setup, prompts=msgspec.convert(prompts, Prompts), discard=0
    )
    frames = (measured(frame) for frame in islice(source, 120) if isinstance(frame, Frame))
    told = [each for each in track(frames, pulse=2.0 * 96 / 2400, confirm=1) if isinstance(each, Part)]
    there = truth("cam", virtual={"belt": msgspec.to_builtins(belt)}, prompts=prompts, discard=0)
    assert there is not None
    passed = [part for part in takewhile(lambda part: part.enters < 119, there) if part.leaves >= part.enters]
    assert abs(len(told) - len(passed)) <= 2
    assert len(passed) > 30


def test_late_inferences_are_gaps() -> None:
    """A frame without one of its own is told missing, and never shows an older mask."""
    found = _records(9, {"late_every": 3})
    assert [type(record) for record in found] == [Frame, Frame, Gap] * 3
    assert [(record.seq, record.last, record.reason) for record in found if isinstance(record, Gap)] == [
        (2, 2, "late"),
        (5, 5, "late"),
        (8, 8, "late"),
    ]


def test_frames_that_never_came_are_gaps() -> None:
    """What the sensor lost is told once, before the next frame, with its numbers."""
    found = [record for record in _records(12, {"gap_every": 5, "gap": 2}) if isinstance(record, Gap)]
    assert found
    assert all((gap.last - gap.seq, gap.reason, gap.where) == (1, "sensor", "imx500") for gap in found)


def test_prompts_take_turns() -> None:
    """After a change some masks are doubtful and say so; then each prompt has its turn."""
    found = _records(30, {"settle": 2}, prompts={"a": CENTRE, "b": CORNER}, settle=3)
    frames = [record for record in found if isinstance(record, Frame)]
    certain = [frame.prompt for frame in frames if frame.epoch == "settled"]
    assert {*certain} == {"a", "b"}
    assert certain[:4] == ["a", "b", "a", "b"]
    crops = {frame.prompt: frame.roi for frame in frames}
    assert crops == {"a": Roi(1228, 720, 1600, 1600), "b": Roi(200, 200, 1000, 1000)}


def test_scores_are_the_sensors_numbers() -> None:
    """With the step of the output grid, the mask can be made again from the scores."""
    frames = [record for record in _records(40, prompts={"a": CENTRE}, scale=0.25) if isinstance(record, Frame)]
    for frame in frames:
        scores = frame.layers[0].scores
        assert scores is not None
        data = np.frombuffer(scores.data, np.int8).reshape(scores.size)
        assert np.array_equal(data > 0, frame.layers[0].mask.dense)


def test_no_picture_unless_asked_for() -> None:
    """Masks alone, whatever else is asked for; with `images` as many pictures as were asked for, beside them."""
    assert not any(isinstance(record, Image) for record in _records(20, pictures=30.0))
    asked = [record for record in _records(40, images=True, pictures=3.0) if isinstance(record, Image)]
    assert [record.seq for record in asked] == [0, 10, 20, 30]
    assert asked[0].data.startswith(b"\xff\xd8")


def test_frames_say_what_the_camera_read_off_itself() -> None:
    """Exposure, gain, temperature, run times and lux of each; how bright its crop was beside a picture alone."""
    found = _records(100, {"ae_settle": 5, "warming_s": 3.0}, lock=False)
    frames = [record for record in found if isinstance(record, Frame)]
    told = [frame.reading for frame in frames if frame.reading]
    assert len(told) == 100
    assert {(each.exposure_us, each.gain) for each in told[5:]} == {(8000, 1.0)}
    assert [each.exposure_us for each in told[:5]] == [3200, 4160, 5120, 6080, 7040]
    assert [each.temperature_c for each in told] == sorted(each.temperature_c or 0 for each in told)
    assert all(each.dnn_us and 14_000 < each.dnn_us < 14_600 for each in told)
    assert {(each.dsp_us, each.brightness) for each in told} == {(1200, None)}
    assert all(each.lux for each in told)


def test_a_frame_beside_a_picture_says_how_bright_its_crop_was() -> None:
    """The same number that the picture gives, but for its packing."""
    found = _records(40, images=True, pictures=3.0, prompts={"centre": CENTRE})
    told = {each.seq: each.reading for each in found if isinstance(each, Frame)}
    pictures = [each for each in found if isinstance(each, Image)]
    assert len(pictures) == 4
    assert {seq for seq, each in told.items() if each and each.brightness is not None} == {p.seq for p in pictures}
    for picture in pictures:
        reading = told[picture.seq]
        assert reading
        assert reading.brightness == pytest.approx(level_of(picture, Roi(1228, 720, 1600, 1600)), abs=1)


def test_while_a_crop_settles_nobody_knows_how_bright_it_was() -> None:
    """A picture shows where the network looked only where that is known."""
    found = _records(60, {"settle": 2}, prompts={"a": CENTRE, "b": CORNER}, settle=3, images=True, pictures=30.0)
    frames = [each for each in found if isinstance(each, Frame)]
    assert {each.epoch for each in frames} == {"settled", "settling"}
    assert all((each.reading and each.reading.brightness is None) == (each.epoch == "settling") for each in frames)


def test_what_a_camera_does_not_say_is_unknown() -> None:
    """No zero stands for it, and neither does what is no number."""
    told = packets.metadata([np.zeros((2, 2), np.float32)], Lux=math.inf, AnalogueGain=math.nan)
    del told["CnnKpiInfo"]
    run = tensors.inference(told)
    assert run
    assert reading(Sensed(0, 0, 0, "sensor", told, run, None, "unknown"), run) == Reading()


def test_what_is_wrong_is_an_alarm_with_advice() -> None:
    """A camera that is not there: the source ends, and people read what to do."""
    with pytest.raises(SensorError, match="check the ribbon cable at both ends"):
        _records(1, {"missing": "node"})
    (notice,) = [notice for notice in board.read() if notice.key == "sensor test"]
    assert "open the camera" in notice.text
    assert "check the ribbon cable" in notice.text
    _records(3)
    assert "sensor test" not in {notice.key for notice in board.read()}


def _watched(count: int, **behaviour: Any) -> Iterator[tuple[float, bool]]:
    """Temperature and whether an alarm stands, frame by frame."""
    virtual = Setup(behaviour=quick(**behaviour))
    source = imx500("hot", "s", FakeClock(BEGIN_NS), virtual=virtual, discard=0, max_temperature=60.0)
    for _ in islice(source, count):
        celsius = readings.newest()["hot"].temperature_c
        assert celsius is not None
        yield celsius, ALARM in {notice.key for notice in board.read()}
    source.close()  # type: ignore[attr-defined]


def test_a_sensor_that_gets_too_warm_is_an_alarm() -> None:
    """From the limit on, with what to do; an ended source leaves neither an alarm nor a reading behind."""
    seen = [*_watched(90, cold_c=50.0, warm_c=75.0, warming_s=2.0)]
    assert {told for celsius, told in seen if celsius < 60} == {False}
    assert {told for celsius, told in seen if celsius >= 60} == {True}
    assert ALARM not in {notice.key for notice in board.read()}
    assert "hot" not in readings.newest()


def test_it_is_over_when_the_sensor_has_cooled() -> None:
    """Three degrees below the limit, not at it: an alarm that comes and goes is not read."""
    seen = [*_watched(120, cold_c=70.0, warm_c=40.0, warming_s=3.0)]
    assert all(told == (celsius >= 57) for celsius, told in seen)
    assert {told for _, told in seen} == {True, False}


@given(st.lists(st.one_of(st.none(), st.floats(-20, 80)), max_size=50), st.floats(-10, 80))
def test_an_alarm_does_not_chatter(told: list[float | None], limit: float) -> None:
    """It begins at the limit and ends below the margin; in between it is as it was."""
    warmth = Warmth(limit)
    for celsius in told:
        before, now = warmth.hot, warmth.look(celsius)
        if now != before:
            assert celsius is not None
            assert celsius >= limit if now else celsius < limit - MARGIN


def test_the_alarm_says_what_to_do() -> None:
    """How warm, which limit, and what helps."""
    source = imx500("hot", "s", FakeClock(BEGIN_NS), virtual=Setup(behaviour=quick(cold_c=72.4)), discard=0)
    next(iter(source))
    (notice,) = [notice for notice in board.read() if notice.key == ALARM]
    source.close()  # type: ignore[attr-defined]
    assert notice.text.startswith("sensor hot: the sensor has 72 °C (limit 70 °C): ")
    assert "Give the camera air or a heat sink" in notice.text


def test_an_upload_is_told_while_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """How far it is, and not to cut the power; once it is over nothing is said of it."""
    told, seen = list[str](), threading.Event()

    def heard(_: str, text: str) -> None:
        told.append(text)
        seen.set()

    class Slow(FakeClock):
        def wait_until(self, t_ns: int) -> bool:
            """Half of the upload is done when somebody looks."""
            return (t_ns < BEGIN_NS + 50_000_000_000 or seen.wait(30)) and super().wait_until(t_ns)

    monkeypatch.setattr(board, "raise_", heard)
    virtual = Setup(behaviour=quick(cold_s=100.0))
    source = imx500("test", "s", Slow(BEGIN_NS), virtual=virtual, discard=0)
    next(iter(source))
    source.close()  # type: ignore[attr-defined]
    assert told[0] == "sensor test: the network goes up: 50 %; do not cut the power"
    assert not [text for text in told if "100 %" in text]


def test_a_real_camera_needs_a_network() -> None:
    """Which parameter is missing is said before anything is opened."""
    with pytest.raises(NodeError, match=r"expected `package`, the \.rpk that the sensor runs"):
        next(iter(imx500("test", "s", FakeClock(BEGIN_NS))))


@pytest.mark.parametrize(("settle", "dwell"), [(0, 1), (1, 1), (3, 1), (3, 4)])
def test_each_prompt_gets_at_least_what_the_plan_says(settle: int, dwell: int) -> None:
    """The rate that `kensa plan` prints is one of certain masks, counted at the source."""
    prompts = {"a": CENTRE, "b": CORNER, "c": Prompt(point=(2000, 1000), size=800, deadline=1.0)}
    found = _records(240, {"settle": settle}, prompts=prompts, settle=settle, dwell=dwell)
    planned = schedule(aims(prompts, dwell), 30.0, settle)
    certain = Counter(each.prompt for each in found if isinstance(each, Frame) and each.epoch == "settled")
    for place, aim in enumerate(planned.aims):
        promised = planned.share(place).rate * 240 / 30
        assert promised - dwell <= certain[aim.name] <= 1.6 * promised + dwell
