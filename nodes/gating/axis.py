"""What the gate counts belt in: counts of its encoder, or, where there is none, nanoseconds."""

from __future__ import annotations

from typing import Protocol

from nodes.gating.place import nearest


class Axis(Protocol):
    """Puts what records say on the gate's axis, on which the belt goes forwards."""

    def seen(self, encoder: int | None, t_ns: int) -> float | None:
        """The position at an exposure; None where nobody knows."""
        ...

    def marked(self, mark: float | None) -> float | None:
        """The position at which the middle of a part was at x = 0, as the part says; None where it does not."""
        ...


class Time:
    """A belt that moves evenly: its place is the time."""

    def seen(self, encoder: int | None, t_ns: int) -> float | None:  # noqa: ARG002 - a belt by time has no use for it
        """The time of exposure, ns."""
        return t_ns

    def marked(self, mark: float | None) -> None:
        """Marks are counts of an encoder."""


class Counts:
    """A belt with an encoder, whose counter may begin anew.

    Args:
        forwards: 1 where it counts up as the belt goes to the gate, −1 where it counts down.
        wrap: Where the counter begins anew; 0: nowhere.

    """

    def __init__(self, forwards: int = 1, wrap: int = 0) -> None:
        self._forwards, self._wrap = forwards, wrap
        self._last: float | None = None

    def read(self, count: float) -> float:
        """The position at a count that is the newest."""
        self._last = self._whole(count)
        return self._forwards * self._last

    def hold(self, position: float) -> None:
        """This position is the newest: counts are taken to be near it."""
        self._last = self._forwards * position

    def seen(self, encoder: int | None, t_ns: int) -> float | None:  # noqa: ARG002 - a belt with an encoder may stop
        """The position at a count."""
        return self.marked(encoder)

    def marked(self, mark: float | None) -> float | None:
        """The position at a count."""
        return None if mark is None else self._forwards * self._whole(mark)

    def _whole(self, count: float) -> float:
        return count if self._last is None else nearest(count, self._wrap, self._last)
