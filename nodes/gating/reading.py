"""How the gate knows where the belt is now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from nodes.gating.axis import Counts

SAMPLES = 8  # frames over which a belt's speed is taken


class Reader(Protocol):
    """Says where the belt is.

    Attributes:
        asks: Whether it asks what the gate is wired to.
        off: How far that last was from where the newest frame was exposed; None where nobody can say.
        ready: Whether it can be said where on the belt a frame was exposed.
    """

    asks: bool
    off: float | None

    @property
    def ready(self) -> bool:
        """See above."""
        ...

    def note(self, encoder: float | None, t_ns: int) -> None:
        """What a frame says of it: a count, and when it was exposed."""
        ...

    def position(self) -> float | None:
        """Where it is now; None where nobody knows yet.

        Raises:
            OSError: If its encoder cannot be read.
        """
        ...


class ByClock:
    """A belt that moves evenly."""

    asks, ready = False, True
    off: float | None = None

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    def note(self, encoder: float | None, t_ns: int) -> None:
        """Frames say nothing that the clock does not."""

    def position(self) -> float:
        """The time, ns."""
        return self._now()


class ByEncoder:
    """The gate reads the encoder itself.

    Args:
        axis: Turns counts into positions.
        count: Reads it.
    """

    asks = True

    def __init__(self, axis: Counts, count: Callable[[], int]) -> None:
        self._axis, self._count = axis, count
        self._last: float | None = None
        self.off: float | None = None

    @property
    def ready(self) -> bool:
        """Counters that begin anew are known apart only once one was read."""
        return self._last is not None

    def note(self, encoder: float | None, t_ns: int) -> None:  # noqa: ARG002 - a count needs no time
        """A frame's count is of the same encoder, a moment before."""
        at = self._axis.marked(encoder)
        self.off = None if at is None or self._last is None else self._last - at

    def position(self) -> float:
        """Where it is now."""
        self._last = self._axis.read(self._count())
        return self._last


class ByFrames:
    """The gate has no encoder of its own: what frames said of it last is carried on at the speed of the last few.

    A belt that changes its speed is therefore followed late, by some frames; one that is unseen goes on as it went.

    Args:
        axis: Turns counts into positions.
        now: The time by which frames say when they were exposed, ns.
    """

    asks, ready = False, True
    off: float | None = None

    def __init__(self, axis: Counts, now: Callable[[], int]) -> None:
        self._axis, self._now = axis, now
        self._seen: deque[tuple[int, float]] = deque(maxlen=SAMPLES)

    def note(self, encoder: float | None, t_ns: int) -> None:
        """A frame's count; the newest of all cameras' frames are kept."""
        at = self._axis.marked(encoder)
        if at is not None and (not self._seen or t_ns > self._seen[-1][0]):
            self._seen.append((t_ns, at))
            self._axis.hold(at)

    def position(self) -> float | None:
        """Where it must be now."""
        if len(self._seen) < 2:
            return None
        (t0, first), (t1, last) = self._seen[0], self._seen[-1]
        return last + (last - first) / (t1 - t0) * (self._now() - t1)
