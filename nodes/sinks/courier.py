"""Carry the lines of a journal to a URL: in order, at least once, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from nodes.sinks.cursor import Cursor
from nodes.sinks.events import RottenError
from nodes.sinks.journal import Journal
from pipeline.notices import board

FIRST_PAUSE, LAST_PAUSE = 0.2, 10.0  # seconds
LONGEST_WISH = 3600.0  # seconds that a receiver may ask to be left alone
LAST_ANSWER = 2.0  # seconds beyond `patience` for an answer that is on its way
log = structlog.get_logger(__name__)
Post = Callable[[bytes], None]


class RefusedError(Exception):
    """The receiver has said no and will say it again: sending once more is of no use."""


class LaterError(OSError):
    """The receiver takes nothing now.

    Attributes:
        after: In how many seconds it wants to be asked again; 0 where it does not say.
    """

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = min(after, LONGEST_WISH)


class Courier:
    """Sends what is in a journal, one line after another, and remembers on disk how far it came.

    The journal is the queue, so a crash forgets nothing: the next start carries on where this one was. A line that
    is refused, that is too old for the backlog, or that is left at the end goes to `<path>.undelivered.jsonl`, one
    that is rotten to `<path>.damaged`. What the disk refuses is tried again and costs nothing but a repetition.

    Args:
        journal: Whose lines to carry; only those that come after the courier first met it.
        post: Sends one line; raises OSError to be asked again, RefusedError to be left alone, RottenError to be
            told that it is no line.
        backlog: Most lines that may wait; beyond it the oldest are set aside.
        patience: How long the end of the line may wait for what is left, s.
    """

    def __init__(self, journal: Journal, post: Post, *, backlog: int, patience: float) -> None:
        self._journal, self._post, self._backlog, self._patience = journal, post, backlog, patience
        self._aside = Path(f"{journal.path}.undelivered.jsonl")
        self._place = Cursor(Path(f"{journal.path}.sent"), journal)
        self._cursor = self._remembered()
        self._waiting = journal.count(self._cursor)
        self._lock, self._wake = threading.RLock(), threading.Event()
        self._deadline: float | None = None
        self._over = False
        self._waits = f"alarms {journal.path} waits"
        self._pause = 0.0
        self.delivered = self.failed = self.undelivered = self.damaged = 0
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def __enter__(self) -> Self:
        self._remember()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Wait for what is left, for `patience` and one more answer at most, and set the rest aside.

        After an exception nothing is waited for: whoever comes next carries on.
        """
        self._deadline = time.monotonic() + (self._patience if kind is None else 0.0)
        self._wake.set()
        self._thread.join(self._patience + LAST_ANSWER if kind is None else 0.0)
        with self._lock:
            self._over = True
            if kind is None:
                self._leave()
        said = {"undelivered": self.undelivered, "damaged": self.damaged}
        log.info("webhook ended", delivered=self.delivered, failed=self.failed, **said)

    def tell(self, lines: int) -> None:
        """So many lines were added to the journal."""
        with self._lock:
            self._waiting += lines
        self._wake.set()

    def _run(self) -> None:
        while not self._over and not self._late():
            try:
                more = self._carry()
            except OSError as error:
                self._rest("the disk refuses", error)
                continue
            if more:
                continue
            if self._deadline is not None:
                return
            self._wake.wait()
            self._wake.clear()

    def _carry(self) -> bool:
        """Send the next line; False where there is none.

        Raises:
            OSError: If the disk refuses.
        """
        with self._lock:
            if self._over:
                return False
            self._set_aside(self._waiting - self._backlog, "the backlog is full")
            line = self._next()
            place = self._cursor
        if not line:
            return False
        try:
            self._post(line)
        except OSError as error:
            self._rest("webhook does not answer", error)
            return True
        except Exception as error:  # noqa: BLE001 - one line must not end what carries all
            self._settle(place, line, error)
        else:
            self._settle(place, line, None)
        return True

    def _settle(self, place: int, line: bytes, error: Exception | None) -> None:
        """Go on to the next line, unless this one was set aside meanwhile."""
        if self._pause:
            log.info("webhook answers again", failed=self.failed, waiting=self._waiting)
            board.settle(self._waits)
        self._pause = 0.0
        with self._lock:
            if self._cursor != place or self._over:
                return
            if isinstance(error, RottenError):
                self._discard(line, error)
            elif error:
                self._set_aside(1, str(error) if isinstance(error, RefusedError) else repr(error))
            else:
                self.delivered += 1
                self._advance(line)

    def _rest(self, what: str, error: Exception) -> None:
        if not self._pause:
            log.warning("events wait; trying again", why=what, error=str(error), waiting=self._waiting)
        else:
            text = f"alarms: {what}: {error}; {self._waiting:,} events of {self._journal.path} wait and are sent when"
            board.raise_(self._waits, f"{text} that ends; beyond {self._backlog:,} the oldest are set aside")
        self.failed += 1
        self._pause = min(LAST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        until = time.monotonic() + max(self._pause, error.after if isinstance(error, LaterError) else 0.0)
        while not self._over and not self._late() and (left := until - time.monotonic()) > 0:
            self._wake.wait(left if self._deadline is None else min(left, self._deadline - time.monotonic()))
            self._wake.clear()

    def _next(self) -> bytes:
        """The line that is due; where the journal holds others than were told of, a line end has rotted."""
        line = self._journal.read(self._cursor) if self._waiting else b""
        if self._waiting and not line:
            self._cursor += self._journal.blank(self._cursor)
            self._waiting = self._journal.count(self._cursor)
            line = self._journal.read(self._cursor)
        return line

    def _set_aside(self, lines: int, why: str) -> None:
        """Keep the next lines where somebody finds them.

        Raises:
            OSError: If the disk refuses; what was not set aside is still to be sent.
        """
        if lines <= 0 or not self._waiting:
            return
        rest, before = Journal(self._aside), self.undelivered
        while self.undelivered < before + lines and (line := self._next()):
            rest.append([line])
            self.undelivered += 1
            self._advance(line)
        log.error("events not delivered", why=why, events=self.undelivered - before, kept_in=str(self._aside))
        text = f"alarms: events that could not be delivered ({self.undelivered:,}) are in {self._aside}"
        text = f"{text}: the log says why; post its lines once the receiver is well"
        board.raise_(f"alarms {self._journal.path} undelivered", text)

    def _discard(self, line: bytes, error: Exception) -> None:
        """A rotten line cannot be sent; its bytes are kept and people told."""
        self._journal.set_aside(line)
        self.damaged += 1
        self._advance(line)
        text = (
            f"alarms: {self.damaged:,} rotten lines in {self._journal.path} were not sent; see {self._journal.damaged}"
        )
        board.raise_(f"alarms {self._journal.path} rotten", text)
        log.error("event damaged", error=str(error), kept_in=str(self._journal.damaged))

    def _leave(self) -> None:
        """The line has ended; what cannot even be set aside is sent after the next start."""
        try:
            self._set_aside(self._waiting, "the line has ended")
        except OSError as error:
            log.warning("events stay in the journal", error=str(error), waiting=self._waiting)

    def _advance(self, line: bytes) -> None:
        self._cursor += len(line) + 1
        self._waiting -= 1
        self._remember()

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _remembered(self) -> int:
        """Where the last run came to; where that is not readable, the last backlog is sent again."""
        place = self._place.read()
        if place is None:
            place = self._journal.last(self._backlog)
            log.error(
                "how far the webhook came is not readable; sending again", path=str(self._place.path), place=place
            )
        return place

    def _remember(self) -> None:
        """On a full disk the place is kept in mind alone: after a crash some lines are then sent again."""
        key, path = f"alarms {self._place.path} cannot write", self._place.path
        try:
            self._place.write(self._cursor)
        except OSError as error:
            board.raise_(key, f"alarms cannot write {path}: {error.strerror}; after a crash events are sent twice")
        else:
            board.settle(key)
