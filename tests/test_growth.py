"""Tests of `pipeline.runtime.growth`."""

from __future__ import annotations

from collections.abc import Callable
from math import sin

from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.growth import MIB, Bounds, Growth, Trend

BOUNDS = Bounds()
HALF = 0.5  # seconds between two reports


def trend(of: Callable[[float], float], minutes: float = 30) -> Trend:
    """What is known of a quantity after so many minutes of reports."""
    found = Trend()
    for i in range(int(minutes * 60 / HALF)):
        found = found.seen(i * HALF, of(i * HALF), BOUNDS)
    return found


def test_a_steady_leak_is_measured() -> None:
    """100 MiB an hour, under a sawtooth of garbage ten times as high as what leaks in a slot."""
    found = trend(lambda t: 50 * MIB + 100 * MIB * t / 3600 + (t * 7 % 10) * MIB).hourly(BOUNDS)
    assert 90 * MIB < found < 110 * MIB


def test_what_comes_and_goes_is_no_growth() -> None:
    """Waves, also slow ones, and a line that only stays where it is."""
    assert trend(lambda _: 50 * MIB).hourly(BOUNDS) == 0
    assert trend(lambda t: (50 + 20 * sin(t / 60)) * MIB).hourly(BOUNDS) < 8 * MIB


@given(st.floats(0, 1800), st.integers(1, 4096))
def test_one_step_is_no_growth(when: float, height: int) -> None:
    """A cache that is filled once, whenever that is."""
    assert trend(lambda t: 50 * MIB + (height * MIB if t >= when else 0)).hourly(BOUNDS) == 0


def test_nothing_is_said_of_a_process_that_has_just_begun() -> None:
    """It fills its caches; ten minutes later that is over, and what still grows is seen."""
    assert trend(lambda t: 50 * MIB + MIB * t, minutes=10).hourly(BOUNDS) == 0
    assert trend(lambda t: 50 * MIB + MIB * t, minutes=12).hourly(BOUNDS) > 3000 * MIB


def test_old_slots_are_forgotten() -> None:
    """What grew half an hour ago and then stopped is over."""
    found = trend(lambda t: 50 * MIB + min(t, 1800) * MIB, minutes=60)
    assert len(found.lowest) == BOUNDS.slots
    assert found.hourly(BOUNDS) == 0


def grown(rss: float, fds: float) -> Growth:
    """A process after half an hour in which memory and open files grew by so much an hour."""
    growth = Growth()
    for i in range(3600):
        hours = i * HALF / 3600
        growth = growth.seen(i * HALF, i, int(80 * MIB + rss * hours), int(20 + fds * hours), BOUNDS)
    return growth


def test_people_are_told_once_what_grows_and_what_to_do() -> None:
    """The notice says how much it holds, how fast it grows, and what can be done; it began when it was first so."""
    memory, files = grown(600 * MIB, 720).notices
    assert memory.text == (
        "holds 180 MiB of memory and grows by 600 MiB an hour: a node of it leaks; "
        "`memory` of its host limits what a process may hold"
    )
    assert files.text == "holds 140 open files and opens 720 more an hour: a node of it does not close them"
    assert memory.since_ns == files.since_ns == 20 * 60


def test_a_process_that_stays_as_it_is_says_nothing() -> None:
    """Nor does one that grows a little: a cache that warms up over a day."""
    assert grown(0, 0).notices == ()
    assert grown(60 * MIB, 59).notices == ()
