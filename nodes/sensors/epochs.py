"""Which ROI a frame was taken with: the sensor never says, so it follows from when the ROI was written. Pure.

Four registers are written at any point of a frame, without a hold: the frame under way may be torn, and the masks of
the next few may still be of the old ROI. Those frames are *settling*; what they show is never archived as truth.
"""

from __future__ import annotations

from collections import deque

from nodes.sensors.sensor import Epoch, Settling

KEPT = 16  # epochs that frames on their way may still belong to


class Epochs:
    """The ROIs of one session in the order they were written.

    Attributes:
        settle: Frames after a change that are doubtful.
    """

    def __init__(self, settle: int) -> None:
        self.settle = settle
        self._known: deque[tuple[int, int, Epoch | None]] = deque(maxlen=KEPT)

    @property
    def latest(self) -> Epoch | None:
        """The one that holds now; None before the first, and after a write that failed."""
        return self._known[-1][2] if self._known else None

    def add(self, epoch: Epoch) -> None:
        """A ROI was written."""
        self._known.append((epoch.begun_ns, epoch.written_ns, epoch))

    def lose(self, begun_ns: int) -> None:
        """A write failed half-way: from here on nobody knows what the sensor looks at."""
        self._known.append((begun_ns, begun_ns, None))

    def of(self, stamp_ns: int | None, period_ns: int) -> tuple[Epoch | None, Settling]:
        """The ROI of a frame, and how sure that is.

        Args:
            stamp_ns: First row exposed, on the sensor's clock; None where the frame does not say.
            period_ns: Duration of a frame: what was exposed that long before a change is read out after it.
        """
        if stamp_ns is None:
            return self.latest, "unknown"
        for at, (begun, written, epoch) in enumerate(reversed(self._known)):
            if stamp_ns >= begun - period_ns or at == len(self._known) - 1:
                if epoch is None:
                    return None, "unknown"
                settled = epoch.id == 0 or stamp_ns >= written + self.settle * period_ns
                return epoch, "settled" if settled else "settling"
        return None, "unknown"
