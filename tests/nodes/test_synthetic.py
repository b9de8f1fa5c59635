"""The synthetic source: the same for the same seed, true to its ground truth, and as impatient as a camera."""

from __future__ import annotations

import inspect
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from nodes.sources.belt import DEFECTS, Belt, made, truth
from nodes.sources.drawing import Drawing, outline
from nodes.sources.synthetic import synthetic
from nodes.transforms.clean import clean
from nodes.transforms.measure import measured
from nodes.transforms.track import track
from pipeline.clock import Clock, FakeClock
from pipeline.records import Frame, Gap, Part, Reading, Region
from tests.nodes.scenes import frame


def shown(clock: Clock | None = None, camera: str = "cam-1", **params: Any) -> list[Frame | Gap]:
    """Everything a belt shows."""
    return [*synthetic(camera, "s1", clock or FakeClock(), **params)]


def quiet(number: int, **params: Any) -> list[Region]:
    """The regions of one frame of a belt without noise, from left to right."""
    belt = Belt(camera="cam-1", specks=0, rough=0, **params)
    whole = [f for f in shown(frames=number + 1, **_told(belt)) if isinstance(f, Frame)][number]
    return sorted(measured(whole).regions, key=lambda region: region.box)


def _told(belt: Belt) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(belt).items() if name not in ("camera", "frames")}


def test_the_belt_has_the_parameters_of_the_node() -> None:
    """Whoever knows a topology's parameters knows the truth: names and defaults are the same."""
    params = inspect.signature(synthetic).parameters.values()
    node = {p.name: p.default for p in params if p.kind is p.KEYWORD_ONLY}
    assert node == {name: value for name, value in structs.asdict(Belt(camera="c")).items() if name != "camera"}


def test_the_same_seed_gives_the_same_frames() -> None:
    """Frames are a function of seed, camera and parameters alone; each of these changes them."""
    first = shown(frames=30)
    assert first == shown(frames=30)
    assert first != shown(frames=30, seed=1)
    assert [f.layers for f in first if isinstance(f, Frame)] != [
        f.layers for f in shown(frames=30, camera="cam-2") if isinstance(f, Frame)
    ]


def test_its_camera_grows_warm() -> None:
    """And tells nothing that changes besides; no picture leaves it, and nobody knows how bright one would be."""
    told = [f.reading for f in shown(FakeClock(), frames=31, rate=0.1) if isinstance(f, Frame) and f.reading]
    warm = [each.temperature_c or 0 for each in told]
    assert [warm[0], warm[-1]] == pytest.approx([28, 46 - 18 / math.e], abs=0.1)
    assert warm == sorted(warm)
    still = {structs.replace(each, temperature_c=None) for each in told}
    assert still == {Reading(exposure_us=8000, gain=1.0, dnn_us=14_300, dsp_us=1_200, lux=400.0)}


def test_a_frame_does_not_depend_on_those_before_it() -> None:
    """Any frame can be drawn alone: a camera that lost some shows the same afterwards."""
    belt = Belt(camera="cam-1")
    assert (Drawing(belt).frame(200) == [Drawing(belt).frame(n) for n in (7, 200)][1]).all()


def test_exposure_times_are_those_of_the_rate() -> None:
    """Frame n is exposed n periods after the session began, without drift."""
    frames = shown(FakeClock(1_000_000_000), frames=4, rate=8.0)
    assert [f.t_ns for f in frames] == [1_000_000_000, 1_125_000_000, 1_250_000_000, 1_375_000_000]
    assert [f.seq for f in frames] == [0, 1, 2, 3]


class Late(FakeClock):
    """A clock on which somebody holds up the source once: after the wait for `at` it is `by` later."""

    def __init__(self, at: int, by: int) -> None:
        super().__init__()
        self._at, self._by = at, by

    def wait_until(self, t_ns: int) -> bool:
        """Jump, and once farther than asked."""
        late, self._by = (self._by, 0) if t_ns >= self._at else (0, self._by)
        return super().wait_until(t_ns + late)


def test_frames_that_nobody_fetched_are_a_gap() -> None:
    """Held up for 20 periods, the camera has kept the newest four; the others are told as lost, and none twice."""
    period = 100_000_000
    records = shown(Late(5 * period, 20 * period), frames=40, rate=10.0)
    gaps = [record for record in records if isinstance(record, Gap)]
    assert [(gap.seq, gap.last, gap.reason, gap.t_ns) for gap in gaps] == [(5, 21, "sensor", 5 * period)]
    assert [r.seq for r in records if isinstance(r, Frame)] == [*range(5), *range(22, 40)]


def test_a_gap_never_goes_beyond_the_last_frame() -> None:
    """Held up beyond its end, the source tells what was lost and shows the rest."""
    records = shown(Late(0, 10**12), frames=10, rate=10.0)
    assert [(r.seq, getattr(r, "last", r.seq)) for r in records] == [(0, 5), (6, 6), (7, 7), (8, 8), (9, 9)]


def test_a_moment_too_late_loses_nothing() -> None:
    """As long as the camera's buffers last, a late line gets every frame."""
    records = shown(Late(500_000_000, 300_000_000), frames=20, rate=10.0)
    assert all(isinstance(record, Frame) for record in records)


class Stopping(FakeClock):
    """A clock on which the line stops at some time."""

    def wait_until(self, t_ns: int) -> bool:
        """Jump; False from the first second on."""
        return super().wait_until(t_ns) and t_ns < 1_000_000_000


def test_it_ends_when_the_line_stops() -> None:
    """An endless belt ends with the first wait that says so."""
    assert len(shown(Stopping(), rate=10.0)) == 10


@pytest.mark.parametrize("kind", DEFECTS)
@pytest.mark.parametrize("shape", ["plate", "disc"])
def test_defects_can_be_seen(kind: str, shape: str) -> None:
    """Each kind of defect shows in the silhouette in its own way."""
    told: dict[str, Any] = {"shape": shape, "defects": 1.0, "speed": 6.0}
    part = next(part for part in truth("cam-1", **told) if part.kind == kind)
    seen = quiet((part.first + part.last) // 2, **told)
    (region,) = [each for each in seen if each.whole]
    good = made(Belt(camera="cam-1", **told), part.number)
    full = 4 * good.a * good.b if shape == "plate" else math.pi * good.a**2
    seen_as = {
        "hole": region.holes == 1 and region.hole_area_px >= 4,
        "chip": region.holes == 0 and region.area_px < 0.98 * full,
        "short": region.box[2] <= 30 and region.area_px < 0.97 * full,
        "burr": region.holes == 0 and region.area_px > full + 8,
    }
    assert seen_as[kind], region


def test_good_parts_are_whole() -> None:
    """Without defects every part is a rectangle of its size, give or take jitter and tilt."""
    for part in itertools.islice(truth("cam-1", defects=0.0), 20):
        (region,) = [each for each in quiet((part.first + part.last) // 2, defects=0.0) if each.whole]
        assert part.kind == "good"
        assert region.holes == 0
        assert abs(region.box[2] - 32) <= 2
        assert abs(region.box[3] - 48) <= 2
        assert region.extent > 0.93


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**40),
    speed=st.floats(1.0, 30.0),
    shape=st.sampled_from(["plate", "disc"]),
    defects=st.sampled_from([0.0, 1.0]),
    number=st.integers(0, 20),
)
def test_truth_is_what_is_drawn(seed: int, speed: float, shape: Any, defects: float, number: int) -> None:
    """A part comes into view, is whole and leaves when the truth says so; a frame earlier or later it does not."""
    belt = Belt(camera="cam-1", seed=seed, speed=speed, shape=shape, defects=defects, specks=0, rough=0, pitch=400.0)
    part = next(itertools.islice(truth("cam-1", **_told(belt)), number, None))
    drawing = Drawing(belt)
    own = {number: _largest(drawing, number) for number in range(max(0, part.enters - 2), part.leaves + 4)}
    seen = [n for n, region in own.items() if region]
    whole = [n for n, region in own.items() if region and region.whole]
    slack = 1 + 3 / speed  # frames in which the tilt, or a pixel's width, may tell otherwise
    assert abs(min(seen) - part.enters) <= slack
    assert abs(max(seen) - part.leaves) <= slack
    assert abs(len(whole) - part.views) <= 2 * slack


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**40), defects=st.sampled_from([0.0, 1.0]), number=st.integers(0, 50))
def test_a_part_rises_as_far_as_it_is_drawn(seed: int, defects: float, number: int) -> None:
    """Its highest and its lowest point are known to a pixel; a missing corner may take a little away, never add."""
    part = made(Belt(camera="cam-1", seed=seed, defects=defects, length=200.0, breadth=300.0), number)
    x = np.arange(-300, 300, 0.5, dtype=np.float32)  # between pixels as well: a tip may lie there
    rows = x[(outline(part, x, x[:, None]) < 0).any(axis=1)]
    above, below = part.rise
    room = 8 if part.kind in ("chip", "short") else 1
    assert -1 <= above + rows[0] <= room
    assert -1 <= below - rows[-1] <= room


def _largest(drawing: Drawing, number: int) -> Region | None:
    """The largest region of one frame: with parts so far apart there is one part at most in view."""
    found = measured(frame(drawing.frame(number))).regions
    return max(found, key=lambda region: region.area_px, default=None)


def test_truth_ends_with_the_frames() -> None:
    """With an end, parts that nobody saw are not told, and no frame after the last one counts."""
    there = [*truth("cam-1", frames=100)]
    assert all(part.enters < 100 and part.leaves <= 99 and part.last <= 99 for part in there)
    assert [part.number for part in there] == [*range(len(there))]
    assert there[-1].leaves == 99


def test_an_unknown_parameter_is_refused() -> None:
    """A misspelt parameter cannot give a wrong truth."""
    with pytest.raises(TypeError, match="sped"):
        next(truth("cam-1", sped=4.0))


def test_noise_is_there_and_can_be_removed() -> None:
    """Specks are in most frames, and `clean` leaves nothing but parts."""
    frames = [f for f in shown(frames=60, speed=6.0) if isinstance(f, Frame)]
    noisy = sum(len(measured(f).regions) for f in frames)
    tidy = [measured(clean(f, fill_holes=4)).regions for f in frames]
    assert noisy > 2 * sum(map(len, tidy))
    assert max(map(len, tidy)) <= 3


def test_frames_carry_what_the_encoder_of_their_belt_counts() -> None:
    """At so many px per count; without one there is none."""
    for pulse, counts in ((0.5, [0, 8, 16, 24]), (3.0, [0, 1, 2, 4]), (0.0, [None] * 4)):
        frames = shown(frames=4, speed=4.0, pulse=pulse)
        assert [each.encoder for each in frames if isinstance(each, Frame)] == counts


def test_cameras_of_one_belt_see_the_same_parts_one_after_the_other() -> None:
    """With the same defects; a camera 240 px further on at 4 px per frame sees each of them 60 frames later."""
    first, second = (
        [*itertools.islice(truth(camera, belt="main", station=station, defects=0.5), 20)]
        for camera, station in (("entry", 0.0), ("exit", 240.0))
    )
    assert [part.kind for part in first] == [part.kind for part in second]
    assert {two.first - one.first for one, two in zip(first[2:], second[2:], strict=True)} == {60}
    assert [part.kind for part in first] != [part.kind for part in itertools.islice(truth("entry", defects=0.5), 20)]


@pytest.mark.parametrize("speed", [4.0, 40.0, 70.0])
def test_a_tracker_with_that_encoder_counts_every_part_once(speed: float) -> None:
    """Also where a plate moves by more than its length in a frame; each is marked where it lies on the belt."""
    told: dict[str, Any] = {
        "frames": 80,
        "speed": speed,
        "width": 256,
        "pitch": 130.0,
        "pulse": 0.5,
        "defects": 0.0,
        "specks": 0.0,
    }
    frames = [measured(f) for f in shown(**told) if isinstance(f, Frame)]
    parts = [each for each in track(iter(frames), pulse=0.5) if isinstance(each, Part)]
    # What was seen once when the last frame came may be a speck.
    assert len(parts) == sum(one.leaves > one.enters for one in truth("cam-1", **told))
    marks = [part.mark or 0.0 for part in parts]
    steps = [after - before for before, after in itertools.pairwise(marks)]
    assert all(abs(step - 130 / 0.5) <= 0.2 * 130 / 0.5 + 4 for step in steps)
