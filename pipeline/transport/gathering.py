"""How a consumer lets records gather, so that several share one waking, on their way in and on their way out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

FEW = 16  # records in a row after which nobody waits for more


class Gathering:
    """What one inbox does when nothing more is there.

    Attributes:
        idle: Sends what has gathered on the edges that the lane gives to; None where nothing gathers there.
        burst: Records that were taken in a row.
    """

    def __init__(self) -> None:
        self.idle: Callable[[], object] | None = None
        self.burst = 0
        self._linger = 0.0

    def follow(self, lingers: Iterable[float]) -> None:
        """Go by the most hurried of these edges, s."""
        self._linger = min(lingers, default=0.0)

    @property
    def due(self) -> bool:
        """Whether there is anything to do before it waits."""
        return bool(self.burst and (self._linger or self.idle))

    def pause(self) -> None:
        """Let go what came of the last records, and sleep once if they were few."""
        if self.idle:
            self.idle()
        if self._linger and self.burst < FEW:
            time.sleep(self._linger)
