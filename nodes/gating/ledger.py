"""What the gate decided, part by part, in a file: written by a thread of its own, so that no disk holds up a pulse."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from nodes.gating.parts import Decision
from nodes.sinks.journal import Journal
from nodes.sinks.room import log
from pipeline.notices import board

GATHER_S = 0.2
MOST = 65536  # decisions that wait for a disk
_encode = msgspec.json.Encoder().encode


class Ledger:
    """A file with a JSON object per decision. Use it as a context; without a path it keeps nothing.

    Args:
        path: The file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._waiting: deque[Decision] = deque(maxlen=MOST)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gate ledger", daemon=True)
        self._lost = 0

    def __enter__(self) -> Self:
        if self._path:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        if self._path:
            self._thread.join()

    def tell(self, decisions: Sequence[Decision]) -> None:
        """Keep some decisions; they are on the disk a moment later."""
        if self._path:
            self._lost += max(0, len(self._waiting) + len(decisions) - MOST)
            self._waiting.extend(decisions)

    def _run(self) -> None:
        while not self._over.wait(GATHER_S):
            self._write()
        self._write()

    def _write(self) -> None:
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            if batch and self._path:
                Journal(self._path).append([_encode(each) for each in batch])
        except OSError as error:
            self._waiting.extendleft(reversed(batch))
            text = f"gate: {self._path} cannot be written: {error.strerror or error}; the gate goes on"
            board.raise_("gate ledger", f"{text}, {len(batch)} decisions wait, {self._lost} are lost: make room")
            log().error("decisions of the gate wait", path=str(self._path), error=str(error))
        else:
            board.settle("gate ledger")
