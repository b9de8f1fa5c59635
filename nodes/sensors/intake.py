"""Between the thread of the camera and whoever reads: a bounded queue, and the numbers of frames."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from nodes.sensors.sensor import Metadata, Raw

HELD = 12  # requests that wait: as many as the camera has buffers
LATE = 1.5  # frame durations between two stamps from which one is missing


class Arrived(NamedTuple):
    """A request that waits to be read.

    Attributes:
        seq: Its number, frames that never arrived counted too.
        raw: What the hardware handed over.
        arrived_ns: When, in the time of the line.
    """

    seq: int
    raw: Raw
    arrived_ns: int


class Numbers:
    """Numbers frames by their stamps: what picamera2 releases silently is only a gap between two of them.

    Attributes:
        missing: Frames that never arrived.
    """

    def __init__(self) -> None:
        self.missing = 0
        self._seq = -1
        self._stamp: int | None = None

    def next(self, metadata: Metadata) -> int:
        """The number of the frame that came now."""
        stamp, period = metadata.get("SensorTimestamp"), metadata.get("FrameDuration", 0) * 1000
        gap = 0
        if stamp is not None and self._stamp is not None and period and stamp - self._stamp > LATE * period:
            gap = round((stamp - self._stamp) / period) - 1
        self._stamp = stamp if stamp is not None else self._stamp
        self._seq += 1 + gap
        self.missing += gap
        return self._seq


class Intake:
    """A queue that the camera's thread never waits for: where it is full, the oldest goes, and is counted.

    One thread puts and one takes. A queue of C wakes its reader for a third of what a condition of Python costs.

    Attributes:
        seen: Requests that came.
        dropped: Requests that nobody fetched in time.
        discard: Requests that are yet to be thrown away, until exposure has settled.
        numbers: Of the frames.
        open: Whether frames are taken in.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.seen = self.dropped = self.discard = 0
        self.numbers = Numbers()
        self._now = now_ns
        self._waiting: SimpleQueue[Arrived | None] = SimpleQueue()
        self.open = False

    def begin(self, discard: int) -> None:
        """A stream begins: throw away the first frames, and whatever is left of an earlier one."""
        with suppress(Empty):
            while True:
                self._waiting.get_nowait()
        self.discard = discard
        self.open = True

    def put(self, raw: Raw) -> None:
        """Take a request in; called by the camera's thread alone, never waits and never raises."""
        self.seen += 1
        if not self.open:
            return
        if self.discard > 0:
            self.discard -= 1
            return
        self._waiting.put(Arrived(self.numbers.next(raw.metadata), raw, self._now()))
        if self._waiting.qsize() > HELD:
            with suppress(Empty):  # the reader was quicker
                self._waiting.get_nowait()
                self.dropped += 1

    def take(self, seconds: float) -> Arrived | None:
        """The oldest request; None where none comes in time, or the stream has ended."""
        try:
            return self._waiting.get(timeout=seconds)
        except Empty:
            return None

    def end(self) -> None:
        """The stream has ended: wake whoever waits."""
        self.open = False
        self._waiting.put(None)
