"""Tests of `pipeline.runtime.timekeeping`."""

from __future__ import annotations

from pipeline.notices import board
from pipeline.runtime.timekeeping import CLOCK, watch_clock


def _said() -> list[str]:
    return [notice.text for notice in board.read() if notice.key == CLOCK]


def test_a_clock_that_was_set_is_told_until_it_is_right_again() -> None:
    """It says which way, by how much, what that means and what to do; a few milliseconds are nothing."""
    rest = "records keep the time that the line began with: to take the new time, stop the line on this host and"
    for step_ns, way in ((3_600_000_000_000, "forward by 3,600.0 s"), (-250_000_000, "back by 0.2 s")):
        watch_clock(step_ns, 0.1)
        assert _said() == [f"the clock of this host was set {way}; {rest} start it again"]
    watch_clock(5_000_000, 0.1)
    assert _said() == []
