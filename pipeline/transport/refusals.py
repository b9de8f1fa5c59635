"""Strangers at the door: counted all, remembered few, told once each until they stay away."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict

from pipeline.keys import Ring, brief
from pipeline.notices import board

MOST = 8  # strangers told of one by one: whoever makes up keys must not crowd out other notices
QUIET_S = 60.0  # without another attempt, after which a stranger is no longer told of


class Refusals:
    """Everybody who was refused by one guard; used by its thread.

    Attributes:
        counts: Attempts by reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._last: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def key(self, address: str, key: bytes, ring: Ring) -> None:
        """Somebody showed a key that is not allowed here."""
        revoked = key in ring.revoked
        self.counts["revoked" if revoked else "unknown"] += 1
        what = "was revoked" if revoked else "is not allowed here"
        help_ = "" if revoked else f"; if it is one of the line's hosts, type `kensa keys add {key.hex()} --host NAME`"
        self._tell(f"refused {address} {key.hex()}", f"{address} was refused: its key {brief(key)} {what}{help_}", key)

    def stranger(self, _: int, endpoint: str) -> None:
        """Somebody did not get as far as showing a key that could be judged."""
        self.counts["plain"] += 1
        text = (
            f"somebody was refused at {endpoint}: no encryption, another key than this host's, or not of a line at all"
        )
        self._tell(f"refused at {endpoint}", text, b"")

    def settle(self, ring: Ring) -> None:
        """Whoever has been quiet, or is allowed by now, is told of no longer."""
        now = time.monotonic()
        for name in [n for n, (last, key) in self._last.items() if now - last > QUIET_S or (key and ring.owner(key))]:
            del self._last[name]
            board.settle(name)

    def _tell(self, name: str, text: str, key: bytes) -> None:
        if name not in self._last and len(self._last) >= MOST:
            name, text = "refused others", f"more than {MOST} strangers were refused: who tries keys on this line?"
            key = b""
        self._last[name] = (time.monotonic(), key)
        board.raise_(name, text)
