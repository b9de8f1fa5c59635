"""Whether a process grows for ever: memory and open files, judged by the slope of what it reports. Pure.

The lowest value of each slot of time counts, so that what comes and goes leaves no trace. The slope is a quartile of
the slopes between all pairs of slots, after Theil and Sen: three of four pairs must agree, so that one step, however
high, is no growth. See P. K. Sen, *Estimates of the regression coefficient based on Kendall's tau*, JASA 63 (1968).
"""

from __future__ import annotations

from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from pipeline.notices import Notice

MIB = 1 << 20
HOUR = 3600.0


class Bounds(Struct, frozen=True, kw_only=True):
    """What counts as growth.

    Attributes:
        slot: Seconds of which the lowest value counts.
        slots: Slots that are looked back on.
        least: Slots before anything is said.
        memory: Bytes an hour that are too much.
        files: Open files an hour that are too many.
    """

    slot: float = 30.0
    slots: int = 40
    least: int = 20
    memory: float = 64.0 * MIB
    files: float = 60.0


BOUNDS = Bounds()


class Trend(Struct, frozen=True):
    """One quantity of one process over the last slots; the newest slot is still open.

    Attributes:
        begun: When the newest slot began, seconds of any clock that does not run backwards.
        lowest: The lowest value of each slot, oldest first.
    """

    begun: float = 0.0
    lowest: tuple[float, ...] = ()

    def seen(self, now: float, value: float, bounds: Bounds) -> Trend:
        """The trend after one more report."""
        if not self.lowest or now - self.begun >= bounds.slot:
            return Trend(now, (*self.lowest, value)[-bounds.slots :])
        if value >= self.lowest[-1]:
            return self
        return replace(self, lowest=(*self.lowest[:-1], value))

    def hourly(self, bounds: Bounds) -> float:
        """How much it grows in an hour, at least and steadily; 0 while that cannot be said."""
        closed = self.lowest[:-1]
        if len(closed) < bounds.least:
            return 0.0
        slopes = sorted((b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(closed), 2))
        return max(0.0, slopes[len(slopes) // 4]) * HOUR / bounds.slot


class Growth(Struct, frozen=True):
    """What one incarnation of a process takes up, and what people should know about that.

    Attributes:
        memory: Its resident memory, bytes.
        files: Its open files.
        notices: What is so since the newest slot began.
    """

    memory: Trend = Trend()
    files: Trend = Trend()
    notices: tuple[Notice, ...] = ()

    def seen(self, now: float, t_ns: int, rss_bytes: int, fds: int, bounds: Bounds) -> Growth:
        """What it is after one more report, which came at `now` seconds and speaks of `t_ns` UTC."""
        memory, files = self.memory.seen(now, rss_bytes, bounds), self.files.seen(now, fds, bounds)
        if memory.begun == self.memory.begun:
            return Growth(memory, files, self.notices)
        known = {notice.key: notice for notice in self.notices}
        texts = {"memory": _memory(memory, bounds), "files": _files(files, bounds)}
        notices = (known.get(key) or Notice(key, text, t_ns) for key, text in texts.items() if text)
        return Growth(memory, files, tuple(notices))


def _memory(trend: Trend, bounds: Bounds) -> str:
    pace = trend.hourly(bounds)
    if pace <= bounds.memory:
        return ""
    return (
        f"holds {trend.lowest[-1] / MIB:.0f} MiB of memory and grows by {pace / MIB:.0f} MiB an hour: "
        f"a node of it leaks; `memory` of its host limits what a process may hold"
    )


def _files(trend: Trend, bounds: Bounds) -> str:
    pace = trend.hourly(bounds)
    if pace <= bounds.files:
        return ""
    return (
        f"holds {trend.lowest[-1]:.0f} open files and opens {pace:.0f} more an hour: a node of it does not close them"
    )
