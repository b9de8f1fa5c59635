"""When to try again what keeps failing: the one rule for nodes, sources and whole processes.

Pure: the caller says what time it is, in nanoseconds of any clock that does not run backwards.
"""

from __future__ import annotations

from msgspec import Struct

FIRST_NS = 200_000_000
MOST_NS = 10_000_000_000
HEALTHY_NS = 60_000_000_000
DEGRADED_AFTER = 5


class Backoff(Struct, frozen=True, kw_only=True):
    """A row of failures: 0.2 s of rest after the first, doubling to 10 s; 60 s of health end the row.

    Attributes:
        failures: How many there were in a row.
        failed_ns: When the last one was.
        free: Failures at the start of a row that ask for no rest: one bad record is not a bad node.
    """

    failures: int = 0
    failed_ns: int = 0
    free: int = 0

    @property
    def rest_ns(self) -> int:
        """How long to wait after the last failure, ns."""
        paid = self.failures - self.free
        return min(MOST_NS, FIRST_NS << min(paid - 1, 16)) if paid > 0 else 0

    @property
    def retry_ns(self) -> int:
        """When to try again."""
        return self.failed_ns + self.rest_ns

    @property
    def degraded(self) -> bool:
        """Whether it failed so often in a row that somebody should look at it."""
        return self.failures >= DEGRADED_AFTER

    def ready(self, now_ns: int) -> bool:
        """Whether the rest is over."""
        return now_ns >= self.retry_ns

    def over(self, now_ns: int) -> bool:
        """Whether 60 s of health have ended the row."""
        return now_ns - self.retry_ns >= HEALTHY_NS

    def failed(self, now_ns: int) -> Backoff:
        """It failed once more; once the row was over this begins a new one."""
        before = 0 if self.over(now_ns) else self.failures
        return Backoff(failures=before + 1, failed_ns=now_ns, free=self.free)
