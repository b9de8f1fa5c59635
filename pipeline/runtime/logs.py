"""Log lines of a node process: one JSON object per line on standard error, each saying what it speaks of."""

from __future__ import annotations

import sys
from typing import Any, TextIO, cast

from pipeline.records import Record
from pipeline.runtime.slim import later, without
from pipeline.runtime.turn import here


class Steady:
    """A file that takes what it can: a full disk under the log must not end what the log speaks of.

    Attributes:
        missed: Lines that could not be written since the last that could.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.missed = 0

    def write(self, text: str) -> int:
        """Write a line; after lines that could not be written, say first how many those were."""
        try:
            if self.missed:
                self._file.write(f'{{"level": "error", "event": "log lines were lost", "lines": {self.missed}}}\n')
                self._file.flush()
                self.missed = 0
            self._file.write(text)
            self._file.flush()
        except OSError:
            self.missed += 1
        return len(text)

    def flush(self) -> None:
        """Every line is flushed as it is written."""


def logger(line: str, process: str, out: TextIO | None = None) -> Any:
    """A structlog logger; from now on nodes get the same from `structlog.get_logger()`.

    A line that a node logs while it works says by itself which node it was and on which record.

    Args:
        line: Name of the line.
        process: Name of the process.
        out: Where to write; standard error by default.
    """
    structlog = _structlog()
    structlog.configure(
        processors=[
            lambda _, __, event: {"line": line, "process": process, **_place(), **event},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, Steady(out or sys.stderr))),
        cache_logger_on_first_use=True,
    )
    return structlog.get_logger()


def about(record: Record | None) -> dict[str, Any]:
    """The fields that say which record a log line speaks of."""
    if record is None:
        return {}
    return {"camera": record.camera, "session": record.session, "seq": record.seq}


def _place() -> dict[str, Any]:
    """What the lane of this thread is at."""
    turn = here.turn
    return {"node": turn.node, **about(turn.record)} if turn and turn.node else {}


def _structlog() -> Any:
    """Import structlog without rich, for tracebacks that nobody sees here, and asyncio, for loggers that nobody awaits.

    They would take 8 and 6 MB.
    """
    with without("rich"), later("asyncio"):
        import structlog
    return structlog
