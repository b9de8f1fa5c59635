"""When to try again what keeps failing: the one rule for nodes, sources and whole processes.

Pure: the caller says what time it is, in nanoseconds of any clock that does not run backwards.
"""

from __future__ import annotations

from msgspec import Struct

FIRST_NS = 200_000_000
MOST_NS = 10_000_000_000
HEALTHY_NS = 60_000_000_000
DEGRADED_AFTER = 5
STORM_NS = 600_000_000_000
STORM = 8  # failures within that time are one too many, however long it lived in between


class Backoff(Struct, frozen=True, kw_only=True):
    """A row of failures: 0.2 s of rest after the first, doubling to 10 s; 60 s of health end the row.

    What fails again whenever it has been well for a minute begins a new row each time: that is a storm all the
    same, and is over when the last ten minutes have seen fewer failures than make one.

    Attributes:
        failures: How many there were in a row.
        failed_ns: When the last one was.
        free: Failures at the start of a row that ask for no rest: one bad record is not a bad node.
        storm: Failures within ten minutes that are a storm; 0: none are.
        recent: When those of the last ten minutes were, ns; kept where storms are looked for.
    """

    failures: int = 0
    failed_ns: int = 0
    free: int = 0
    storm: int = 0
    recent: tuple[int, ...] = ()

    @property
    def rest_ns(self) -> int:
        """How long to wait after the last failure, ns."""
        if self._stormy(self.failed_ns):
            return MOST_NS
        paid = self.failures - self.free
        return min(MOST_NS, FIRST_NS << min(paid - 1, 16)) if paid > 0 else 0

    @property
    def retry_ns(self) -> int:
        """When to try again."""
        return self.failed_ns + self.rest_ns

    @property
    def degraded(self) -> bool:
        """Whether it failed so often that somebody should look at it."""
        return self.failures >= DEGRADED_AFTER or self._stormy(self.failed_ns)

    @property
    def often(self) -> str:
        """How often it failed, in words."""
        if self._stormy(self.failed_ns) and len(self.recent) > self.failures:
            return f"{len(self.recent)} failures in {STORM_NS // 60_000_000_000} min"
        return f"{self.failures} failures in a row"

    def ready(self, now_ns: int) -> bool:
        """Whether the rest is over."""
        return now_ns >= self.retry_ns

    def over(self, now_ns: int) -> bool:
        """Whether 60 s of health have ended the row, and no storm goes on."""
        return now_ns - self.retry_ns >= HEALTHY_NS and not self._stormy(now_ns)

    def failed(self, now_ns: int) -> Backoff:
        """It failed once more; once 60 s of health had ended the row this begins a new one."""
        before = 0 if now_ns - self.retry_ns >= HEALTHY_NS else self.failures
        recent = (*self._since(now_ns), now_ns)[-self.storm :] if self.storm else ()
        return Backoff(failures=before + 1, failed_ns=now_ns, free=self.free, storm=self.storm, recent=recent)

    def _since(self, now_ns: int) -> tuple[int, ...]:
        return tuple(when for when in self.recent if now_ns - when < STORM_NS)

    def _stormy(self, now_ns: int) -> bool:
        return bool(self.storm) and len(self._since(now_ns)) >= self.storm
