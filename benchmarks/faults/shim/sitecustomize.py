"""A clock that somebody sets: on the module path of a process, it adds to UTC what the file $KENSA_SKEW says, in ns.

The monotonic clock stays as it is, as when a person or NTP steps a host's clock.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from struct import Struct

_read = Struct("<q").unpack_from
_true_ns, _true_gettime_ns = time.time_ns, time.clock_gettime_ns


def _skewed(path: str) -> None:
    with Path(path).open("rb") as file:
        skew = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)

    def time_ns() -> int:
        return _true_ns() + int(_read(skew)[0])

    def clock_gettime_ns(clock: int) -> int:
        return _true_gettime_ns(clock) + (int(_read(skew)[0]) if clock == time.CLOCK_REALTIME else 0)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9
    time.clock_gettime_ns = clock_gettime_ns
    time.clock_gettime = lambda clock: clock_gettime_ns(clock) / 1e9


if "KENSA_SKEW" in os.environ:
    _skewed(os.environ["KENSA_SKEW"])
