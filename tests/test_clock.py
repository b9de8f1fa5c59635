"""Waiting: until a moment, until somebody stops the line, or not at all."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.clock import FakeClock, LineTime, RealClock, line_time

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


@pytest.mark.parametrize("hours", [1, -1, 87_600, -87_600])
def test_setting_the_clock_of_the_host_moves_nothing(hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on where it was, a wait is as long as it was meant, and how far the clock was set is known."""
    clock, jump = RealClock(), hours * 3_600_000_000_000
    before, began = clock.now_ns(), time.monotonic_ns()
    wall = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: wall() + jump)
    assert clock.wait_until(before + 20_000_000)
    assert 20_000_000 <= clock.now_ns() - before <= time.monotonic_ns() - began + 1_000_000
    assert abs(line_time.step_ns() - jump) < 10_000_000


def test_all_processes_of_a_host_can_go_by_one_time() -> None:
    """UTC at the moment when the monotonic clock was 0 says it all: both clocks are those of the host."""
    one, two = LineTime(), LineTime()
    two.epoch_ns = one.epoch_ns - 5_000_000_000
    assert 4_999_000_000 < one.now_ns() - two.now_ns() <= 5_000_000_000
    assert abs(one.now_ns() - time.time_ns()) < 10_000_000
