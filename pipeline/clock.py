"""Real and fake time: the one way a source waits, so that a test or a replay never sleeps.

The time of a line is UTC as its supervisor read it when it started, carried on by the monotonic clock. So it never
jumps and never runs backwards, whatever somebody does to the clock of the host: what waits, waits as long as it meant
to, and of two frames of a session the later one has the later time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Protocol

NAP_NS = 50_000_000  # the longest sleep that nothing can end

_tick, _sleep = time.monotonic_ns, time.sleep


def epoch_ns() -> int:
    """What UTC was when the monotonic clock was 0, as the host's clock has it now, ns.

    It changes only when somebody sets the clock: the kernel slews both together. Of three readings the one counts
    that was interrupted least.
    """
    return min(_reading() for _ in range(3))[1]


def _reading() -> tuple[int, int]:
    before, utc, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return after - before, utc - (before + after) // 2


class LineTime:
    """The time of the line in this process; all processes of a host go by the same.

    Attributes:
        epoch_ns: What UTC was when the monotonic clock was 0, for this line.
    """

    __slots__ = ("epoch_ns",)

    def __init__(self) -> None:
        self.epoch_ns = epoch_ns()

    def now_ns(self) -> int:
        """UTC, nanoseconds since the Unix epoch."""
        return time.monotonic_ns() + self.epoch_ns

    def step_ns(self) -> int:
        """How far the host's clock was set since, ns; positive where it is ahead of the line."""
        return epoch_ns() - self.epoch_ns


line_time = LineTime()


class Clock(Protocol):
    """What a source may ask of time.

    A source that paces itself must wait only here: a stopping line then wakes it at once.
    """

    def now_ns(self) -> int:
        """UTC, nanoseconds since the Unix epoch."""
        ...

    def wait_until(self, t_ns: int) -> bool:
        """Wait until `t_ns`; False when the line is stopping and the source should return."""
        ...


class RealClock:
    """The time of the line; `stop` wakes every waiter, within 50 ms.

    Who waits long waits for a lock that is held until the line stops. The last 50 ms are slept: at camera rates that
    is every wait, and to wake from a sleep takes less CPU time than to wake from a lock.

    Attributes:
        stopping: Whether `stop` was called.
        woken_ns: When the last wait ended, ns of `time.monotonic_ns`; 0 while somebody waits.
    """

    __slots__ = ("_gate", "_held", "stopping", "woken_ns")

    def __init__(self) -> None:
        self.stopping = False
        self.woken_ns = 0
        self._gate = threading.Lock()
        self._gate.acquire()
        self._held = deque([self._gate])

    def now_ns(self) -> int:
        """UTC, nanoseconds since the Unix epoch."""
        return time.monotonic_ns() + line_time.epoch_ns

    def wait_until(self, t_ns: int) -> bool:
        """Wait until `t_ns`; False when `stop` was called."""
        self.woken_ns = 0
        due = t_ns - line_time.epoch_ns
        left = due - _tick()
        if left > NAP_NS:
            left = self._rest(due, left)
        if left > 0 and not self.stopping:
            _sleep(left / 1e9)
        self.woken_ns = _tick()
        return not self.stopping

    def _rest(self, due: int, left: int) -> int:
        """Wait until the last nap; returns how long that is, ns."""
        if self._gate.acquire(timeout=(left - NAP_NS) / 1e9):
            self._gate.release()  # the next waiter comes through as well
        return min(due - time.monotonic_ns(), NAP_NS)

    def stop(self) -> None:
        """Wake every waiter; from now on each wait returns False at once."""
        self.stopping = True
        with suppress(IndexError):  # it was opened before: by another thread, or by the handler of a signal
            self._held.pop().release()


class FakeClock:
    """Time that passes only when somebody waits for it: replays and tests are instant and repeatable."""

    def __init__(self, t_ns: int = 0) -> None:
        self._now = t_ns

    def now_ns(self) -> int:
        """The last moment somebody waited for."""
        return self._now

    def wait_until(self, t_ns: int) -> bool:
        """Jump to `t_ns`; time never runs backwards."""
        self._now = max(self._now, t_ns)
        return True
