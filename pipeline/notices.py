"""What people should know about a process now: raised where it happens, told by the supervisor as alarms.

A notice is a state, not an event: it stays until whoever raised it settles it, so that a report that is lost or a
supervisor that begins anew changes nothing. Nodes, transports and monitors of one process share one board.
"""

from __future__ import annotations

import threading
import time

from msgspec import Struct

MOST = 64  # notices at a time; a flood of different ones must not fill a report


class Notice(Struct, frozen=True):
    """One thing that is so.

    Attributes:
        key: Names it: raising it again only counts.
        text: What a person reads: what is so, where, and what to do.
        since_ns: When it began (UTC, ns).
        count: Times it was raised since.
    """

    key: str
    text: str
    since_ns: int
    count: int = 1


class Board:
    """The notices of one process; any thread may raise, settle and read them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Notice] = {}
        self.missed = 0

    def raise_(self, key: str, text: str) -> None:
        """It is so: from now on, or still."""
        with self._lock:
            known = self._held.get(key)
            if known is None and len(self._held) >= MOST:
                self.missed += 1
                return
            since, count = (known.since_ns, known.count + 1) if known else (time.time_ns(), 1)
            self._held[key] = Notice(key, text, since, count)

    def settle(self, key: str) -> None:
        """It is no longer so."""
        with self._lock:
            self._held.pop(key, None)

    def read(self) -> tuple[Notice, ...]:
        """What is so now, oldest first."""
        with self._lock:
            return tuple(self._held.values())


board = Board()  # this process's
