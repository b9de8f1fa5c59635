"""A belt's encoder: how far it has moved, and where on it something lies."""

from __future__ import annotations

from nodes.transforms.places import Way
from pipeline.errors import NodeError
from pipeline.records import Region, Regions


class Odometer:
    """Reads a belt's way off the counts of its encoder, from the first frame on.

    Args:
        pulse: How far the belt moves along x in one count, px; negative where it moves to the left.

    Raises:
        NodeError: If that is nothing.
    """

    def __init__(self, pulse: float) -> None:
        if not pulse:
            raise NodeError("expected a `pulse` other than 0 px per count, found 0")
        self._pulse = pulse
        self._first: int | None = None
        self._last = 0

    def moved(self, frame: Regions) -> Way:
        """How far the belt has moved since the last frame, px.

        Raises:
            NodeError: If the frame carries no count.
        """
        if frame.encoder is None:
            raise NodeError(
                f"expected an encoder count with every frame, found none with seq {frame.seq} of '{frame.camera}': let "
                "its source tell one, or leave out `pulse`"
            )
        if self._first is None:
            self._first = self._last = frame.encoder
        way, self._last = Way((frame.encoder - self._last) * self._pulse, 0.0), frame.encoder
        return way

    def mark(self, region: Region, travelled: Way) -> float:
        """Where a region lies on a belt that has travelled so far: the count at which its middle is at x = 0."""
        x, _, width, _ = region.box
        return (self._first or 0) + (travelled.x - x - (width - 1) / 2) / self._pulse
