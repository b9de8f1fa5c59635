"""From which frame on a node follows parts of whom it will still tell: what it forgets when it raises."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.records import Record
from pipeline.transport.came import watermark


class Followed:
    """What a node gave last of each camera.

    Args:
        follows: Whether it gives anything that says how far all was told; of others nothing is kept.
    """

    def __init__(self, *, follows: bool) -> None:
        self._follows = follows
        self._last: dict[str, Record] = {}

    def told(self, record: Record, given: Sequence[Record]) -> Sequence[Record]:
        """A record was worked on, and this came of it, which is given back."""
        if self._follows:
            self._last[record.camera] = given[-1]
        return given

    def forgotten(self, record: Record) -> int | None:
        """From which frame on it had followed parts when it raised on a record; None where it followed none."""
        last = self._last.pop(record.camera, None)
        return watermark(last) if last is not None and last.session == record.session else None
