"""When a belt that stands still at each part is where one would be that never does. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable


class Rests:
    """The calendar of a belt that stands still a while whenever a part arrives.

    Two times are told apart: that of the clock, and that in which the belt moves, which stands still with it. Both
    begin at 0, in the same unit.

    Args:
        arrival: When a part arrives, in the time in which the belt moves; parts are numbered from 0, later ones arrive
            later.
        least: At least so much lies between one arrival and the next; more than 0.
        rest: How long the belt stands still then; 0 is never.
    """

    def __init__(self, arrival: Callable[[int], float], least: float, rest: float) -> None:
        self._arrival, self._least, self._rest = arrival, least, rest
        self._first = 0
        while rest and arrival(self._first) < 0:
            self._first += 1

    def moving(self, clock: float) -> float:
        """How long the belt has moved when a clock says so."""
        if not self._rest:
            return clock
        numbers = self._numbers(clock)
        begun = bisect_right(numbers, clock, key=self._begin)
        if not begun:
            return clock
        return max(self._arrival(numbers[begun - 1]), clock - begun * self._rest)

    def clock(self, moving: float) -> float:
        """What a clock says when the belt has moved so long; where a part arrives then, before it rests."""
        if not self._rest:
            return moving
        return moving + self._rest * bisect_left(self._numbers(moving), moving, key=self._arrival)

    def _begin(self, number: int) -> float:
        """When a part begins to rest, by the clock."""
        return self._arrival(number) + (number - self._first) * self._rest

    def _numbers(self, until: float) -> range:
        """Every part that may have arrived by then, and a few more."""
        return range(self._first, self._first + max(0, int(until / self._least)) + 2)
