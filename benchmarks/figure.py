"""A figure: what was measured, beside whom, against which limit; and how the two are measured fairly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple, TypeVar

T = TypeVar("T")

ROUNDS = 5


class Limit(NamedTuple):
    """What is to be reached: at most or at least `value`, of the ratio where there is a peer."""

    sign: str
    value: float

    def met(self, found: float) -> bool:
        """Whether a figure reaches it."""
        return found <= self.value if self.sign == "≤" else found >= self.value


class Figure(NamedTuple):
    """One row of the table.

    Attributes:
        what: What was measured, with its unit.
        ours: Median over the rounds.
        limit: What is to be reached; None where the figure is only told.
        peer: Who did the same beside us; empty where there is only a limit.
        theirs: The peer's median.
        ratio: Median of the rounds' ratios, ours over theirs.
        note: What else was seen.
    """

    what: str
    ours: float
    limit: Limit | None = None
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the limit, if there is one, is reached."""
        return self.limit is None or self.limit.met(self.ours if self.ratio is None else self.ratio)


def alternate(ours: Callable[[], T], theirs: Callable[[], T], rounds: int = ROUNDS) -> Iterator[tuple[T, T]]:
    """Measure both in turn, who goes first changing each round: a drift of the machine hits both alike."""
    for number in range(rounds):
        if number % 2:
            second = theirs()
            yield ours(), second
        else:
            first = ours()
            yield first, theirs()


def paired(what: str, pairs: list[tuple[float, float]], peer: str, limit: Limit | None, note: str = "") -> Figure:
    """The row of a ratio, from the rounds' (ours, theirs)."""
    ours, theirs = zip(*pairs, strict=True)
    ratio = median(mine / other for mine, other in pairs)
    return Figure(what, median(ours), limit, peer, median(theirs), ratio, note)
