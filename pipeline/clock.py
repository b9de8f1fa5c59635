"""Real and fake time: the one way a source waits, so that a test or a replay never sleeps."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Protocol

NAP_NS = 50_000_000  # the longest sleep that nothing can end


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
    """The host's clock; `stop` wakes every waiter, within 50 ms.

    Who waits long waits for a lock that is held until the line stops. The last 50 ms are slept: at camera rates that
    is every wait, and to wake from a sleep takes less CPU time than to wake from a lock.

    Attributes:
        stopping: Whether `stop` was called.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._gate = threading.Lock()
        self._gate.acquire()
        self._held = deque([self._gate])

    def now_ns(self) -> int:
        """UTC, nanoseconds since the Unix epoch."""
        return time.time_ns()

    def wait_until(self, t_ns: int) -> bool:
        """Wait until `t_ns`; False when `stop` was called."""
        left = t_ns - time.time_ns()
        if left > NAP_NS:
            left = self._rest(t_ns, left)
        if left > 0 and not self.stopping:
            time.sleep(left / 1e9)
        return not self.stopping

    def _rest(self, t_ns: int, left: int) -> int:
        """Wait until the last nap; returns how long that is, ns."""
        if self._gate.acquire(timeout=(left - NAP_NS) / 1e9):
            self._gate.release()  # the next waiter comes through as well
        return min(t_ns - time.time_ns(), NAP_NS)

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
