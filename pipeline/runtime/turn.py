"""What a lane is at: the little that a lane, its steps and its logger share."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pipeline.records import Record


class Turn:
    """Where a lane stands; written by its thread alone, read by anybody.

    Attributes:
        now: The clock that batches and rests go by, ns; it never runs backwards.
        number: Counts what came into the lane.
        origin_ns: When that came about, ns of `time.monotonic_ns`.
        node: The node at work.
        record: What it works on.
        lost: Turns of which a sink could not keep something; None where no producer waits to be told.
    """

    __slots__ = ("lost", "node", "now", "number", "origin_ns", "record")

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.number = 0
        self.origin_ns = 0
        self.node = ""
        self.record: Record | None = None
        self.lost: set[int] | None = None


class _Here(threading.local):
    turn: Turn | None = None


here = _Here()
