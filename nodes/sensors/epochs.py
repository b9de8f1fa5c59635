"""Which ROI a frame was taken with: the sensor never says, so it follows from when the ROI was written. Pure.

Four registers are written at any point of a frame, without a hold: the frame under way may be torn, and the masks of
the next few may still be of the old ROI. Those frames are *settling*; what they show is never archived as truth.
"""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from nodes.sensors.sensor import Epoch, Settling

KEPT = 16  # epochs that frames on their way may still belong to


class Epochs:
    """The ROIs of one session in the order they were written.

    Attributes:
        settle: Frames after a change that are doubtful.
        count: How many there were.
    """

    def __init__(self, settle: int = 3) -> None:
        self.settle = settle
        self.count = 0
        self._known: deque[tuple[int, Epoch | None]] = deque(maxlen=KEPT)

    @property
    def latest(self) -> Epoch | None:
        """The one that holds now; None before the first, and after a write that failed."""
        return self._known[-1][1] if self._known else None

    def add(self, epoch: Epoch) -> Epoch:
        """A ROI was written; the epoch is given its number."""
        numbered = replace(epoch, id=self.count)
        self.count += 1
        self._known.append((epoch.begun_ns, numbered))
        return numbered

    def lose(self, begun_ns: int) -> None:
        """A write failed half-way: from here on nobody knows what the sensor looks at."""
        self._known.append((begun_ns, None))

    def restart(self) -> None:
        """The stream begins with the latest ROI in its registers: nothing is of an earlier one."""
        if (latest := self.latest) is not None:
            self._known.clear()
            self._known.append((0, replace(latest, begun_ns=0, written_ns=0)))

    def of(self, stamp_ns: int | None, period_ns: int) -> tuple[Epoch | None, Settling]:
        """The ROI of a frame, and how sure that is.

        Args:
            stamp_ns: First row exposed, on the sensor's clock; None where the frame does not say.
            period_ns: Duration of a frame: what was exposed that long before a change is read out after it.
        """
        if stamp_ns is None:
            return self.latest, "unknown"
        for begun, epoch in reversed(self._known):
            if stamp_ns >= begun - period_ns:
                return (epoch, self._sure(epoch, stamp_ns, period_ns)) if epoch else (None, "unknown")
        return None, "unknown"

    def _sure(self, epoch: Epoch, stamp_ns: int, period_ns: int) -> Settling:
        # Half a frame more: stamps jitter, and a write may come at any point of a frame.
        doubtful = epoch.written_ns and stamp_ns < epoch.written_ns + (2 * self.settle + 1) * period_ns // 2
        return "settling" if doubtful else "settled"
