"""The thread that uses the disk for all durable edges of a process, so that no lane ever waits for it."""

from __future__ import annotations

import threading
import time

from pipeline.transport.keeper import Keeper


class Writer:
    """Gives each keeper its turns; its thread sleeps while no edge has anything on disk."""

    def __init__(self) -> None:
        self._turns = threading.Condition()
        self._keepers: set[Keeper] = set()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def add(self, keeper: Keeper) -> None:
        """Care for one more edge."""
        with self._turns:
            self._keepers.add(keeper)
            self._turns.notify()

    def wake(self, keeper: Keeper, seconds: float) -> None:
        """A keeper needs a turn within so many seconds."""
        due = time.monotonic() + seconds
        if due < keeper.due:
            with self._turns:
                keeper.due = min(keeper.due, due)
                self._turns.notify()

    def remove(self, keeper: Keeper) -> None:
        """An edge has ended: close its spool."""
        with self._turns:
            self._keepers.discard(keeper)
        keeper.end()

    def close(self) -> None:
        """End the thread, and with it every keeper that is left."""
        with self._turns:
            self._over = True
            self._turns.notify()
        self._thread.join()
        for keeper in self._keepers:
            keeper.end()

    def _run(self) -> None:
        while (due := self._wait()) is not None:
            for keeper in due:
                keeper.turn()

    def _wait(self) -> list[Keeper] | None:
        """Those whose turn it is, as soon as there are any; None at the end."""
        with self._turns:
            while not self._over:
                now = time.monotonic()
                if due := [keeper for keeper in self._keepers if keeper.due <= now]:
                    return due
                first = min((keeper.due for keeper in self._keepers), default=float("inf"))
                self._turns.wait(None if first == float("inf") else first - now)
            return None
