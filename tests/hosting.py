"""A host that runs in a thread, with real processes, for a test to look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipeline.runtime.host import Host
from pipeline.runtime.outcome import Outcome
from pipeline.runtime.state import Snapshot

PATIENCE = 40.0  # seconds after which a test that waits has failed


class Hosted:
    """A host at work.

    Attributes:
        host: The host; `stop` may be called on it.
        outcome: How it ended; None while it runs.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.outcome: Outcome | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self.host:
            self.outcome = self.host.run()

    def until(self, fits: Callable[[Snapshot], bool]) -> Snapshot:
        """The first snapshot that fits."""
        deadline = time.monotonic() + PATIENCE
        while not fits(snapshot := self.host.now):
            assert time.monotonic() < deadline, f"never came to be: {snapshot}"
            threading.Event().wait(0.01)
        return snapshot

    def end(self, seconds: float = 30) -> Outcome:
        """How it ended."""
        self._thread.join(seconds)
        assert self.outcome, "the host is still running"
        return self.outcome
