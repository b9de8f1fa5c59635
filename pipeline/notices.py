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
        camera: The camera that it is about, where it is about one.
    """

    key: str
    text: str
    since_ns: int
    count: int = 1
    camera: str = ""


class Board:
    """The notices of one process; any thread may raise, settle and read them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Notice] = {}
        self.missed = 0

    def raise_(self, key: str, text: str, camera: str = "") -> None:
        """It is so: from now on, or still."""
        with self._lock:
            known = self._held.get(key)
            if known is None and len(self._held) >= MOST:
                self.missed += 1
                return
            since, count = (known.since_ns, known.count + 1) if known else (time.time_ns(), 1)
            self._held[key] = Notice(key, text, since, count, camera)

    def settle(self, key: str) -> None:
        """It is no longer so."""
        with self._lock:
            self._held.pop(key, None)

    def read(self) -> tuple[Notice, ...]:
        """What is so now, oldest first."""
        with self._lock:
            return tuple(self._held.values())


class Bulletin:
    """What all processes of this host give notice of, as its supervisor told last; any thread may read it.

    A node that goes by it says so; the supervisor then answers each report of its process with all notices there are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._told: tuple[Notice, ...] | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody here goes by it."""
        return self._readers > 0

    def come(self) -> None:
        """Somebody goes by it from now on."""
        with self._lock:
            self._readers += 1

    def go(self) -> None:
        """They do so no more; what nobody goes by is not kept."""
        with self._lock:
            self._readers -= 1
            self._told = self._told if self._readers else None

    def hear(self, notices: tuple[Notice, ...]) -> None:
        """This is so now."""
        with self._lock:
            self._told = notices if self._readers else None

    def read(self) -> tuple[Notice, ...] | None:
        """What is so; None before anybody has told."""
        return self._told


board = Board()  # this process's
bulletin = Bulletin()  # what this process was told
