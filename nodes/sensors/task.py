"""Work that a library may never finish: in a thread of its own, so that whoever waits can give up."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Task:
    """One call in a daemon thread."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="kensa-camera")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._error = error

    def wait(self, seconds: float) -> bool:
        """Whether it is over within that time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> None:
        """Raise what the work raised.

        Raises:
            BaseException: Whatever that was.
        """
        if self._error is not None:
            raise self._error
