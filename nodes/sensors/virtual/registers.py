"""The four registers of the crop: written one after the other, at any moment, and obeyed some frames later."""

from __future__ import annotations

from nodes.sensors.roi import ARRAY, WIDEST
from pipeline.records import Roi


class Registers:
    """Which crop each frame of a stream shows; frames count from 0."""

    def __init__(self) -> None:
        self._steps = [(0, clamped(Roi(0, 0, *ARRAY)))]

    def restart(self) -> None:
        """Numbers begin anew; the crop that was written last is kept, as the driver keeps it."""
        self._steps = [(0, self._steps[-1][1])]

    def write(self, roi: Roi, frame: int, *, torn: bool = False) -> None:
        """Write a crop: from `frame` on it is obeyed.

        Args:
            roi: The crop; its numbers are clamped as the driver clamps them, silently.
            frame: The first frame that shows it.
            torn: That frame came between the four writes: it has the new corner and the old size.
        """
        new, old = clamped(roi), self._steps[-1][1]
        if torn:
            self._steps.append((frame, clamped(Roi(new.x, new.y, old.width, old.height))))
        self._steps.append((frame + 1 if torn else frame, new))

    def crop(self, frame: int) -> Roi:
        """What a frame shows; those before it must have been asked for."""
        while len(self._steps) > 1 and self._steps[1][0] <= frame:
            del self._steps[0]
        return self._steps[0][1]


def clamped(roi: Roi) -> Roi:
    """What the sensor makes of a crop: no number above 4032, nothing outside the array."""
    x, y, width, height = (min(number, WIDEST) for number in (roi.x, roi.y, roi.width, roi.height))
    x, y = min(x, ARRAY[0] - 1), min(y, ARRAY[1] - 1)
    return Roi(x, y, min(width, ARRAY[0] - x), min(height, ARRAY[1] - y))
