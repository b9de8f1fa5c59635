"""A belt that stands still at each part: what it does follows from the belt that never rests."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors.virtual.belt import MIDDLE, BeltScene, belt
from nodes.sensors.virtual.rests import Rests
from pipeline.records import Roi

STEP_NS = 50_000_000
VIEW = Roi(1068, 560, 1920, 1920)

gaps = st.lists(st.floats(1.0, 3.0), min_size=30, max_size=30)
times = st.floats(0, 25)


def rests(gaps: list[float], rest: float, begin: float = 0.0) -> tuple[Rests, list[float]]:
    """A calendar, and when its parts arrive, by the time in which the belt moves."""
    arrivals = [*accumulate(gaps * 3, initial=begin)]
    return Rests(arrivals.__getitem__, 1.0, rest), arrivals


@given(gaps, st.floats(0.01, 5), times)
def test_what_moves_is_there_when_the_clock_says_so(gaps: list[float], rest: float, moving: float) -> None:
    """From moving time to the clock and back, nothing is lost."""
    calendar, _ = rests(gaps, rest, begin=0.5)
    assert calendar.moving(calendar.clock(moving)) == pytest.approx(moving)


@given(gaps, st.floats(0.01, 5), times, st.floats(0, 3))
def test_a_belt_never_goes_back_and_never_faster(gaps: list[float], rest: float, clock: float, more: float) -> None:
    """Between two times it moves by no more than what has passed."""
    calendar, _ = rests(gaps, rest)
    moved = calendar.moving(clock + more) - calendar.moving(clock)
    assert -1e-9 <= moved <= more + 1e-9


@given(gaps, st.floats(0.01, 5), st.integers(0, 20), st.floats(0, 1))
def test_each_part_rests_as_long_as_it_should(gaps: list[float], rest: float, number: int, share: float) -> None:
    """All that while the belt is where the part arrived; then it goes on."""
    calendar, arrivals = rests(gaps, rest, begin=-2.0)
    arrived = arrivals[number]
    begin = calendar.clock(arrived)
    if arrived < 0:
        return  # it had passed when the clock began
    assert calendar.moving(begin + share * rest) == pytest.approx(arrived)
    assert calendar.moving(begin + rest + 0.5) == pytest.approx(arrived + 0.5)


@given(times)
def test_without_rests_both_times_are_one(time: float) -> None:
    """And no part is asked for."""
    calendar = Rests(lambda _: pytest.fail("nobody rests"), 1.0, 0.0)
    assert (calendar.moving(time), calendar.clock(time)) == (time, time)


def test_every_part_rests_in_the_middle_of_the_array() -> None:
    """Eight frames of it, the same place in each; two steps on the way to the next, and the encoder stands with it."""
    scene = BeltScene(belt("rests", speed=9000, pitch=1800, length=800, pulse=1), rest=0.4)
    seen = [(scene.parts(t_ns, VIEW), scene.encoder(t_ns)) for t_ns in range(0, 30_000_000_000, STEP_NS)]
    still = [count for parts, count in seen for _, x, _ in parts if abs(x - MIDDLE) < 1e-6]
    assert len(still) == pytest.approx(30 / 0.6 * 8, rel=0.05)
    assert len({*still}) == pytest.approx(30 / 0.6, rel=0.05)
    assert all(before <= after for (_, before), (_, after) in pairwise(seen))  # type: ignore[operator]


def test_when_says_where_a_part_is() -> None:
    """At that time, and not before, its centre is there: on the way to its rest, and on the way from it."""
    scene = BeltScene(belt("when", speed=9000, pitch=1800, length=800), rest=0.4)
    for part, _, _ in scene.parts(5_000_000_000):
        for x in (1500.0, 2600.0):
            t_ns = round(scene.when(part, x) * 1e9)
            (there,) = [place for other, place, _ in scene.parts(t_ns) if other is part]
            assert there == pytest.approx(x, abs=1e-3)
