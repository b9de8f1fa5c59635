"""Time that makes a virtual sensor work: who asks for a frame brings it about; nothing sleeps and no thread runs.

With it a test or a replay goes as fast as it is read, and is the same each time.
"""

from __future__ import annotations

from typing import Protocol

from pipeline.clock import Clock

SILENCE_NS = 500_000_000  # how far time goes on where a sensor stands still


class Steps(Protocol):
    """Hardware that delivers when it is told to; a recorder may stand before it.

    Attributes:
        discard: Frames that will be thrown away before the next one that counts.
        ready: Whether it streams.
        ended: Whether nothing will ever come again.
    """

    discard: int

    @property
    def ready(self) -> bool:
        """Whether it streams."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again."""
        ...

    def step(self) -> bool:
        """Deliver the next frame when it is due; False where none comes."""
        ...


class Driver:
    """A clock for the sensor above: each time it looks whether the line goes on, the hardware makes a step."""

    def __init__(self, hardware: Steps, clock: Clock) -> None:
        self._hardware, self._clock = hardware, clock

    def now_ns(self) -> int:
        """UTC, nanoseconds since the Unix epoch."""
        return self._clock.now_ns()

    def wait_until(self, t_ns: int) -> bool:
        """Wait; False where the line stops, and where nothing will come any more."""
        if not self._clock.wait_until(t_ns) or self._hardware.ended:
            return False
        if t_ns <= 0 and self._hardware.ready:
            self._step()
        return True

    def _step(self) -> None:
        while self._hardware.discard > 0 and self._hardware.step():
            self._hardware.discard -= 1
        if not self._hardware.step():
            self._clock.wait_until(self._clock.now_ns() + SILENCE_NS)
