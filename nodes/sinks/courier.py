"""Carry the lines of a journal to a URL: in order, at least once, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from nodes.sinks.journal import Journal, replace

FIRST_PAUSE, LAST_PAUSE = 0.2, 10.0  # seconds
LAST_ANSWER = 2.0  # seconds beyond `patience` for an answer that is on its way
log = structlog.get_logger(__name__)
Post = Callable[[bytes], None]


class RefusedError(Exception):
    """The receiver has said no and will say it again: sending once more is of no use."""


class Courier:
    """Sends what is in a journal, one line after another, and remembers on disk how far it came.

    The journal is the queue, so a crash forgets nothing: the next start carries on where this one was. A line that
    is refused, that is too old for the backlog, or that is left at the end goes to `<path>.undelivered.jsonl`.

    Args:
        journal: Whose lines to carry; only those that come after the courier first met it.
        post: Sends one line; raises OSError to be asked again, RefusedError to be left alone.
        backlog: Most lines that may wait; beyond it the oldest are set aside.
        patience: How long the end of the line may wait for what is left, s.
    """

    def __init__(self, journal: Journal, post: Post, *, backlog: int, patience: float) -> None:
        self._journal, self._post, self._backlog, self._patience = journal, post, backlog, patience
        self._aside = Path(f"{journal.path}.undelivered.jsonl")
        self._place = Path(f"{journal.path}.sent")
        self._cursor = self._remembered()
        self._waiting = journal.count(self._cursor)
        self._lock, self._wake = threading.RLock(), threading.Event()
        self._deadline: float | None = None
        self._over = False
        self._pause = 0.0
        self.delivered = self.failed = self.undelivered = 0
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def __enter__(self) -> Self:
        self._remember()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Wait for what is left, for `patience` and one more answer at most, and set the rest aside."""
        self._deadline = time.monotonic() + self._patience
        self._wake.set()
        self._thread.join(self._patience + LAST_ANSWER)
        with self._lock:
            self._over = True
            self._set_aside(self._waiting, "the line has ended")
        log.info("webhook ended", delivered=self.delivered, failed=self.failed, undelivered=self.undelivered)

    def tell(self, lines: int) -> None:
        """So many lines were added to the journal."""
        with self._lock:
            self._waiting += lines
        self._wake.set()

    def _run(self) -> None:
        while not self._over and not self._late():
            with self._lock:
                self._set_aside(self._waiting - self._backlog, "the backlog is full")
                line = self._journal.read(self._cursor) if self._waiting else b""
            if line:
                self._carry(line, self._cursor)
            elif self._deadline is not None:
                return
            else:
                self._wake.wait()
                self._wake.clear()

    def _carry(self, line: bytes, place: int) -> None:
        refused = ""
        try:
            self._post(line)
        except RefusedError as error:
            refused = str(error)
        except OSError as error:
            self._rest(error)
            return
        self._settle(place, line, refused)

    def _settle(self, place: int, line: bytes, refused: str) -> None:
        """Go on to the next line, unless this one was set aside meanwhile."""
        if self._pause:
            log.info("webhook answers again", failed=self.failed, waiting=self._waiting)
        self._pause = 0.0
        with self._lock:
            if self._cursor != place or self._over:
                return
            if refused:
                self._set_aside(1, refused)
            else:
                self.delivered += 1
                self._advance(line)

    def _rest(self, error: Exception) -> None:
        if not self._pause:
            log.warning("webhook does not answer; trying again", error=str(error), waiting=self._waiting)
        self.failed += 1
        self._pause = min(LAST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        until = time.monotonic() + self._pause
        while not self._over and not self._late() and (left := until - time.monotonic()) > 0:
            self._wake.wait(left if self._deadline is None else min(left, self._deadline - time.monotonic()))
            self._wake.clear()

    def _set_aside(self, lines: int, why: str) -> None:
        if lines <= 0 or not self._waiting:
            return
        rest = Journal(self._aside)
        for _ in range(lines):
            line = self._journal.read(self._cursor)
            rest.append([line])
            self._advance(line)
        self.undelivered += lines
        log.error("events not delivered", why=why, events=lines, kept_in=str(self._aside))

    def _advance(self, line: bytes) -> None:
        self._cursor += len(line) + 1
        self._waiting -= 1
        self._remember()

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _remembered(self) -> int:
        """Where the last run came to; the end of the journal for the first one, or where the journal was changed."""
        text = self._place.read_text() if self._place.exists() else ""
        return min(int(text), self._journal.size) if text.isdigit() else self._journal.size

    def _remember(self) -> None:
        replace(self._place, str(self._cursor).encode())
