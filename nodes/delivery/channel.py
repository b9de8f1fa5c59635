"""What takes messages out of an outbox to where consumers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from nodes.delivery.envelope import Message
from nodes.delivery.outbox import Outbox


class Receipt(Struct, frozen=True):
    """What a consumer says that it has; JSON on its way.

    Attributes:
        consumer: Its name.
        stream: Of which outbox it speaks.
        through: It has every message up to this number.
        again: It misses what comes after: send that once more, now.
    """

    consumer: str
    stream: str
    through: int
    again: bool = False


class Listener(Protocol):
    """Whom a channel tells what comes back to it; any thread may."""

    def wake(self) -> None:
        """Something has happened: ask the channel to tend to it."""

    def receive(self, receipt: Receipt) -> None:
        """A consumer has said how far it came."""


class Channel(Protocol):
    """A way to consumers. All but what it tells its listener happens in one thread.

    Attributes:
        most: Messages that it likes to be given at a time.
    """

    most: int

    def open(self, outbox: Outbox, listener: Listener, history: int) -> None:
        """Connect, and tell how things are now, before anything of how they became so.

        Args:
            outbox: Where messages come from.
            listener: Whom to tell what comes back.
            history: Messages up to this number waited while nobody could be reached.

        Raises:
            OSError: If nobody answers.
        """

    def deliver(self, messages: Sequence[Message], history: int) -> None:
        """Hand messages over, in order; when this returns, the other side has said that it has them.

        Args:
            messages: What to hand over.
            history: As for `open`.

        Raises:
            OSError: To be asked again with the same ones.
            RefusedError: To be left alone with them.
        """

    def tend(self) -> None:
        """Answer what came in meanwhile.

        Raises:
            OSError: If the connection is gone.
        """

    def close(self, *, ended: bool) -> None:
        """Leave; where the line has ended, say so."""
