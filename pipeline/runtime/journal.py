"""The one place where a host's logs go: JSON lines, from the supervisor and all its processes alike."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.runtime import logs


class Journal:
    """A log that processes write to directly: nothing of it passes through the supervisor, so nothing of it is lost
    when the supervisor is.

    Attributes:
        fd: File descriptor that processes inherit as standard output and error.
        name: Path of the file; empty for standard error.
    """

    def __init__(self, path: Path | None, line: str, host: str) -> None:
        self.name = str(path) if path else ""
        self.fd = _opened(path) if path else os.dup(sys.stderr.fileno())
        self._file = os.fdopen(self.fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
        self._log = logs.logger(line, "supervisor", self._file).bind(host=host)

    def info(self, text: str, **bound: Any) -> None:
        """Something happened as it should."""
        self._log.info(text, **bound)

    def error(self, text: str, **bound: Any) -> None:
        """Somebody should look."""
        self._log.error(text, **bound)

    def close(self) -> None:
        """Close our end; processes keep theirs. What a full disk has not taken by now is lost."""
        with suppress(OSError):
            self._file.close()


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
