"""A file of JSON lines as a way to consumers: each message once, also where the sink was killed amid writing it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from nodes.delivery.channel import Listener
from nodes.delivery.envelope import STATE, Message, wrap
from nodes.delivery.outbox import Outbox
from nodes.delivery.receiving import numbered
from nodes.sinks.journal import Journal

SAYS_STATE = b'"type":"' + STATE.encode()


class Lines:
    """A channel to a file that grows; where it is moved away, a new one begins.

    Args:
        path: The file. A torn last line is kept in `<path>.damaged` and written again.
        source: The line, as envelopes name it.
    """

    most = 256

    def __init__(self, path: Path, source: str) -> None:
        self._path, self._source = path, source
        self._states: list[bytes] = []

    def open(self, outbox: Outbox, listener: Listener, history: int) -> None:  # noqa: ARG002 - nothing comes back
        """What the file ends with was delivered, whatever the outbox knows of that."""
        Journal(self._path)
        with suppress(msgspec.MsgspecError, ValueError):  # a line of somebody else says nothing
            told = numbered(_last(self._path))
            if told.stream == outbox.stream:
                outbox.confirm(told.range[1])
        self._states = [wrap(one, self._source, state=True) for one in outbox.unheard(history)]

    def deliver(self, messages: Sequence[Message], history: int) -> None:
        """Append them, all or none, after an outage behind how things are; they are on the disk then."""
        lines = [wrap(one, self._source, historical=one.sequence <= history) for one in messages]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        Journal(self._path).append([*self._states, *lines])
        self._states = []

    def tend(self) -> None:
        """Nothing comes back."""

    def close(self, *, ended: bool) -> None:
        """Nothing is open."""


def _last(path: Path) -> bytes:
    """The last line that has a number of its own: what only says how things are tells nothing of what came before."""
    found = b""
    with path.open("rb") as file:
        for line in file:
            if SAYS_STATE not in line:
                found = line
    return found
