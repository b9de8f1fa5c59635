"""Take messages from an outbox to consumers: in order, at least once, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from nodes.delivery.answers import LaterError, RefusedError
from nodes.delivery.channel import Channel, Receipt
from nodes.delivery.envelope import Message, wrap
from nodes.delivery.outbox import Outbox
from nodes.sinks.journal import Journal
from nodes.sinks.room import log
from pipeline.notices import board

PAUSES = (0.2, 10.0)  # seconds between two attempts: the first, and the longest, each twice the one before
RESEND_S, LONGEST_RESEND_S = 10.0, 300.0  # without a receipt for so long, what is not confirmed is sent again
WINDOW = 1000  # messages that may be on their way to consumers that confirm
NAP_S = 0.1  # the longest sleep that nothing can end
LAST_ANSWER_S = 2.0  # beyond `patience`, for an answer that is on its way


class Ticking(Protocol):
    """What passes time, as the module `time` does."""

    def monotonic(self) -> float:
        """Seconds by a clock that does not jump."""

    def sleep(self, seconds: float, /) -> None:
        """Let so many go by."""


class Dispatcher:
    """Carries an outbox to a channel; use it as a context, and it runs inside.

    A message that is refused for good goes to `<outbox>.undelivered.jsonl`. What is left at the end stays in the
    outbox: the next start goes on with it.

    Args:
        outbox: A connection of its own.
        channel: Where to.
        name: Of the sink, for people.
        confirm: Consumers whose receipts decide what is delivered; none where the channel's word is enough.
        patience: How long the end may wait for what is left, s.
        pauses: Between two attempts: the first and the longest, s.
        resend: How long to wait for a receipt before sending again, s.
        clock: What passes time.
    """

    def __init__(
        self,
        outbox: Outbox,
        channel: Channel,
        *,
        name: str,
        confirm: Sequence[str] = (),
        patience: float = 2.0,
        pauses: tuple[float, float] = PAUSES,
        resend: float = RESEND_S,
        clock: Ticking = time,
    ) -> None:
        self._outbox, self._channel, self._name, self._confirm = outbox, channel, name, frozenset(confirm)
        self._patience, self._pauses, self._resend, self._clock = patience, pauses, resend, clock
        self._key = f"{name} {outbox.path}"
        self._aside = Path(f"{outbox.path}.undelivered.jsonl")
        self._wake, self._receipts = threading.Event(), deque[Receipt]()
        self._deadline: float | None = None
        self._over = False
        self._pause, self._waits = 0.0, True  # whoever ran before may have told people so
        self._sent = self._seen = self._lost = 0
        self._history = outbox.last  # what whoever ran before has left, and later what waited through an outage
        self._quiet, self._since = resend, self._clock.monotonic()
        self.delivered = self.failed = self.refused = 0
        self._thread = threading.Thread(target=self._run, name=f"{name} dispatcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Wait for what is left, for `patience` and one more answer at most; after an exception for nothing."""
        self._deadline = self._clock.monotonic() + (self._patience if kind is None else 0.0)
        self._wake.set()
        self._thread.join(self._patience + LAST_ANSWER_S if kind is None else LAST_ANSWER_S)
        self._over = True
        said = {"delivered": self.delivered, "failed": self.failed, "refused": self.refused}
        with suppress(OSError):
            said |= {"waiting": self._outbox.waiting, "dropped": self._outbox.dropped}
        log().info("delivery ended", sink=self._name, **said)
        if not self._thread.is_alive():
            self._outbox.close()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def receive(self, receipt: Receipt) -> None:
        """A consumer has said how far it came."""
        self._receipts.append(receipt)
        self._wake.set()

    def _run(self) -> None:
        while not self._over and not self._late():
            try:
                if self._pause:
                    self._history = self._outbox.last
                self._channel.open(self._outbox, self, self._history)
                self._carry()
                break
            except Exception as error:  # noqa: BLE001 - whatever a client raises, messages wait and are tried again
                self._channel.close(ended=False)
                self._rest(error)
        self._channel.close(ended=True)

    def _carry(self) -> None:
        """Deliver until the line ends.

        Raises:
            OSError: If the channel cannot.
        """
        self._sent = max(self._outbox.confirmed, self._seen)
        while not self._over and not self._late():
            self._wake.clear()
            self._channel.tend()
            self._hear()
            messages = self._outbox.read(self._sent, self._room())
            if messages:
                self._deliver(messages)
                self._advance(messages[-1].sequence)
            elif self._deadline is not None and not self._outbox.waiting:
                return
            else:
                self._settle()
                self._wake.wait(self._nap())

    def _room(self) -> int:
        """How many messages may be handed over now."""
        free = WINDOW - (self._sent - self._outbox.confirmed) if self._confirm else self._channel.most
        return max(0, min(free, self._channel.most))

    def _deliver(self, messages: Sequence[Message]) -> None:
        """Hand over; where some of several are refused, each by itself."""
        try:
            self._channel.deliver(messages, self._history)
        except RefusedError as error:
            if len(messages) == 1:
                self._set_aside(messages[0], error)
            else:
                for message in messages:
                    self._deliver([message])
        else:
            self.delivered += len(messages)

    def _advance(self, through: int) -> None:
        self._sent = through
        self._settle()
        if not self._confirm:
            self._note(through)

    def _note(self, through: int, consumer: str = "") -> None:
        """On a full disk the place is kept in mind alone: after a crash some messages are then sent again."""
        key = f"{self._key} cannot write"
        if not consumer:
            self._seen = through
        try:
            self._outbox.confirm(through, *([consumer] if consumer else []))
        except OSError as error:
            text = f"{self._name} cannot write {self._outbox.path}: {error.strerror}"
            board.raise_(key, f"{text}; after a crash messages are sent twice")
        else:
            board.settle(key)

    def _hear(self) -> None:
        """Take receipts; where what was sent is not confirmed for long, send it again."""
        before = self._outbox.confirmed
        while self._receipts:
            receipt = self._receipts.popleft()
            if receipt.stream != self._outbox.stream or receipt.consumer not in self._confirm:
                continue
            self._note(receipt.through, receipt.consumer)
            if receipt.again:
                self._sent = min(self._sent, max(receipt.through, 0))
        if not self._confirm:
            return
        confirmed, now = self._outbox.confirmed, self._clock.monotonic()
        if confirmed != before or self._sent <= confirmed:
            self._quiet, self._since = self._resend, now
        elif now >= self._since + self._quiet:
            log().warning("no receipt; sending again", sink=self._name, after=confirmed, until=self._sent)
            self._sent, self._since = confirmed, now
            self._quiet = min(LONGEST_RESEND_S, 2 * self._quiet)

    def _set_aside(self, message: Message, why: RefusedError) -> None:
        """Keep a dead letter where somebody finds it."""
        Journal(self._aside).append([wrap(message, self._name)])
        self.refused += 1
        log().error("message refused", sink=self._name, why=str(why), kept_in=str(self._aside))
        text = f"{self._name}: messages that were refused ({self.refused:,}) are in {self._aside}: {why}"
        board.raise_(f"{self._key} undelivered", f"{text}; send them by hand once the receiver takes them")

    def _settle(self) -> None:
        """It goes on; what had to make room meanwhile stays told."""
        if self._pause:
            log().info("delivery goes on", sink=self._name, failed=self.failed, waiting=self._outbox.waiting)
        if self._waits:
            board.settle(f"{self._key} waits")
        self._pause, self._waits = 0.0, False
        if (lost := self._outbox.dropped) > self._lost:
            self._lost = lost
            text = f"{self._name}: {lost:,} messages of {self._outbox.path} were dropped before they were delivered"
            board.raise_(f"{self._key} dropped", f"{text}: consumers are told which; raise `backlog`")

    def _rest(self, error: Exception) -> None:
        self.failed += 1
        first, longest = self._pauses
        wish = error.after if isinstance(error, LaterError) else 0.0
        if self._pause:
            with suppress(OSError):
                text = f"{self._name}: {error}; {self._outbox.waiting:,} messages of {self._outbox.path} wait"
                board.raise_(f"{self._key} waits", f"{text} and are sent when that ends")
        else:
            log().warning("messages wait; trying again", sink=self._name, error=str(error))
        self._pause, self._waits = min(longest, self._pause * 2 or first), True
        until = self._clock.monotonic() + max(self._pause, wish)
        while not self._over and not self._late() and (left := until - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left, NAP_S))

    def _nap(self) -> float | None:
        ends = [self._deadline] if self._deadline is not None else []
        if self._confirm and self._sent > self._outbox.confirmed:
            ends.append(self._since + self._quiet)
        return max(0.0, min(ends) - self._clock.monotonic()) if ends else None

    def _late(self) -> bool:
        return self._deadline is not None and self._clock.monotonic() >= self._deadline
