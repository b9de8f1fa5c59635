"""Messages that a consumer could not read: the last are kept for a look, all are counted, and people are told."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence

from pipeline import codec
from pipeline.errors import DecodeError
from pipeline.notices import board

KEPT = 16  # messages
QUIET_S = 60.0  # without another one, after which people are no longer told


class Unreadable:
    """What one inbox could not read; for its lane's thread.

    Args:
        addresses: Where it listens.

    Attributes:
        kept: The last messages, and from which edge; empty: from a stranger.
        counts: How many there were, by edge.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self.kept: deque[tuple[str, codec.Refused]] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        self._where = " and ".join(addresses)
        self._last: dict[str, float] = {}

    def add(self, edge: str, message: bytes | memoryview, error: DecodeError, *, tell: bool = True) -> None:
        """Keep one more; where it may be well in a moment, nobody need be told."""
        self.kept.append((edge, codec.refuse(message, error)))
        self.counts[edge] += 1
        if tell:
            self._last[edge] = time.monotonic()
            board.raise_(self._key(edge), self._told(edge, error))

    def settle(self) -> None:
        """Tell no longer of what was long ago."""
        now = time.monotonic()
        for edge in [edge for edge, last in self._last.items() if now - last > QUIET_S]:
            del self._last[edge]
            board.settle(self._key(edge))

    def _told(self, edge: str, error: DecodeError) -> str:
        count = self.counts[edge]
        if not edge:
            return (
                f"{count:,} messages at {self._where} were of no edge of this line; the last: {error}; who sends them?"
            )
        advice = "bring both hosts to the same major version" if error.reason == "version" else "what spoils them?"
        return f"{count:,} messages of edge '{edge}' could not be read; the last: {error}; {advice}"

    def _key(self, edge: str) -> str:
        return f"unreadable {edge or self._where}"
