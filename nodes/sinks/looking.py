"""Asks the line now and then what its nodes count: what another process knows is shown here as well."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from nodes.sinks.calls import Calls
from pipeline.line import Asking, Opened, own

EVERY_S = 0.5


class Looking:
    """Looks for as long as it is open, in a thread of its own; in a process that is part of no line it sees nothing.

    Args:
        calls: Is told what it sees.
        asks: Begins a conversation with the line.
    """

    def __init__(self, calls: Calls, asks: Callable[[], Opened | None] = own.ask) -> None:
        self._calls, self._asks = calls, asks
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modbus looks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def look(self, asking: Asking) -> None:
        """Look once; where the line does not answer nothing is known."""
        standing = asking.stands()
        self._calls.hear_numbers(standing.numbers if standing else ())

    def _run(self) -> None:
        opened = self._asks()
        if opened is None:
            return
        with opened as asking:
            while not self._over.wait(EVERY_S):
                self.look(asking)
