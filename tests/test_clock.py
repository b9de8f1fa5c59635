"""Waiting: until a moment, until somebody stops the line, or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pipeline.clock import FakeClock, RealClock

NEVER = 2**62


def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    """A source that is late goes on at once."""
    assert RealClock().wait_until(0)


def test_a_wait_ends_when_its_moment_comes() -> None:
    """The clock that is waited for is the one that is read."""
    clock = RealClock()
    due = clock.now_ns() + 5_000_000
    assert clock.wait_until(due)
    assert clock.now_ns() >= due


def test_stop_wakes_everybody_at_once_and_for_good() -> None:
    """However many wait and however often the line is stopped, each wait says so, and so does every later one."""
    clock = RealClock()
    with ThreadPoolExecutor(9) as pool:
        waits = [pool.submit(clock.wait_until, NEVER) for _ in range(8)]
        stops = [pool.submit(clock.stop) for _ in range(3)]
    assert not any(wait.result() for wait in waits)
    assert [stop.result() for stop in stops] == [None] * 3
    assert clock.stopping
    assert not clock.wait_until(NEVER)


def test_fake_time_passes_only_where_somebody_waits_and_never_backwards() -> None:
    """A replay is instant, and the same each time."""
    clock = FakeClock(5)
    assert clock.wait_until(9)
    assert clock.wait_until(3)
    assert clock.now_ns() == 9
