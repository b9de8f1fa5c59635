"""How far another host's clock is from ours: NTP's four times and its minimum-delay filter, as pure arithmetic.

Of several exchanges the fastest one says most: what it took longer than that, others spent in queues, and nobody
knows on which way. RFC 5905, sections 8 (on-wire protocol) and 10 (clock filter): https://www.rfc-editor.org/rfc/rfc5905
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

KEPT = 8  # exchanges that the filter looks back on: NSTAGE of RFC 5905
DRIFT = 15e-6  # by which two clocks may part, seconds per second: PHI of RFC 5905


class Exchange(NamedTuple):
    """A question and its answer, ns: `asked` and `heard` by our clock, `received` and `answered` by theirs."""

    asked: int
    received: int
    answered: int
    heard: int

    @property
    def offset(self) -> int:
        """How far their clock is ahead of ours, ns, if both ways took equally long."""
        return ((self.received - self.asked) + (self.answered - self.heard)) // 2

    @property
    def delay(self) -> int:
        """How long both ways took together, ns: the offset is wrong by half of it at most."""
        return max(0, (self.heard - self.asked) - (self.answered - self.received))


class Offset(NamedTuple):
    """How far another clock is ahead of ours, ns, and by how much that may be wrong."""

    ns: int
    doubt: int


def measured(exchanges: Iterable[Exchange], now: int) -> Offset | None:
    """What the best of some exchanges says, `now` by our clock; None where there was none.

    >>> slow, fast = Exchange(0, 1_050, 1_060, 1_110), Exchange(2_000, 2_510, 2_520, 2_030)
    >>> measured([slow, fast], 2_030)
    Offset(ns=500, doubt=10)
    """
    found = min(((_doubt(one, now), -one.heard, one.offset) for one in exchanges), default=None)
    return Offset(found[2], found[0]) if found else None


def _doubt(exchange: Exchange, now: int) -> int:
    """Half the delay, and what the clocks may have parted by since."""
    return exchange.delay // 2 + round(max(0, now - exchange.heard) * DRIFT)
