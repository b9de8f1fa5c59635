"""What a supervisor says about clocks: that somebody set this host's."""

from __future__ import annotations

from pipeline.notices import board

CLOCK = "clock"


def watch_clock(step_ns: int, limit: float) -> None:
    """Give notice while this host's clock was set further than the limit, in seconds, since the line began."""
    if abs(step_ns) > limit * 1e9:
        board.raise_(CLOCK, set_by(step_ns))
    else:
        board.settle(CLOCK)


def set_by(step_ns: int) -> str:
    """That somebody set the clock, for people."""
    way = "forward" if step_ns > 0 else "back"
    return (
        f"the clock of this host was set {way} by {abs(step_ns) / 1e9:,.1f} s; records keep the time that the line "
        "began with: to take the new time, stop the line on this host and start it again"
    )
