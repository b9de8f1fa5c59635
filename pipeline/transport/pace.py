"""How fast what waited on disk may leave, so that it does not take its consumer's time from what is live. Pure."""

from __future__ import annotations

FACTOR = 2.0  # times the live rate: the backlog then shrinks as fast as records come
SLOWEST = 50.0  # records/s that nobody notices
LOOK_S = 0.25  # seconds between two measurements, and what may leave at once
MEMORY_S = 2.0  # seconds over which the live rate is averaged
IDLE_S = 2.0  # seconds without a live record after which nothing can be held up


class Pace:
    """A bucket of tokens that fills at twice the rate at which records are handed over.

    Attributes:
        rate: Records/s that are handed over.
    """

    def __init__(self) -> None:
        self.rate = 0.0
        self._tokens = 0.0
        self._filled = self._looked = self._moved = 0.0
        self._counted = self._seen = 0

    @property
    def allowed(self) -> float:
        """Records/s that may leave while others come."""
        return max(SLOWEST, FACTOR * self.rate)

    def look(self, sent: int, now: float) -> None:
        """Measure: so many were handed over by now."""
        if sent != self._seen or not self._moved:
            self._seen, self._moved = sent, now
        span = now - self._looked
        if span >= LOOK_S:
            self.rate += ((sent - self._counted) / span - self.rate) * min(1.0, span / MEMORY_S)
            self._looked, self._counted = now, sent

    def may(self, now: float) -> bool:
        """Whether one more may leave now; it is counted."""
        if now - self._moved >= IDLE_S:
            return True
        self._tokens = min(self.allowed * LOOK_S, self._tokens + (now - self._filled) * self.allowed)
        self._filled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
