"""A sink in a thread, that is given records as a test likes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from pipeline.records import Gap, Verdict

Batch = list[Verdict | Gap]


class Line:
    """Runs a sink until it ends as a context.

    Args:
        sink: The node's function.
        more: Its parameters.
    """

    def __init__(self, sink: Callable[..., None], **more: Any) -> None:
        self._gate = threading.Condition()
        self._batches: list[Batch | None] = []
        with_ = {"patience": 60.0} | more
        self._thread = threading.Thread(target=lambda: sink(self._given(), **with_), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._put(None)
        self._thread.join()

    def give(self, *records: Verdict | Gap) -> None:
        """Hand it records."""
        self._put([*records])

    def _put(self, batch: Batch | None) -> None:
        with self._gate:
            self._batches.append(batch)
            self._gate.notify()

    def _given(self) -> Iterator[Batch]:
        while True:
            with self._gate:
                self._gate.wait_for(lambda: self._batches)
                batch = self._batches.pop(0)
            if batch is None:
                return
            yield batch
