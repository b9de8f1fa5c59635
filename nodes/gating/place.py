"""Where on the belt something lies, as the gate sees it; pure arithmetic.

The gate's axis is the belt itself, measured where the actuator is: a part has place 500 if its middle is at the
actuator when the gate's position is 500. Position and places are counts of the encoder, or, where there is none, ns.
"""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True):
    """How what a camera sees becomes places.

    Attributes:
        pulse: How far the belt moves along x of the view in one unit of the axis, px; negative where it moves to the
            left; never 0.
        distance: How far the belt goes from x = 0 of the view to the actuator, in units of the axis.
        window: How far before and behind its middle a part's own place reaches; no less than half a part.
    """

    pulse: float
    distance: float
    window: float

    def of(self, x: float, at: float) -> float:
        """The place of what is at x of the view while the position is `at`."""
        return at - x / self.pulse + self.distance

    def fresh(self, at: float, width: int) -> float:
        """The first place of which nothing can have been in view before the position was `at`."""
        return self.of(0.0 if self.pulse > 0 else width, at) + self.window

    def gone(self, at: float, width: int) -> float:
        """The last place of which nothing is in view any more once the position is `at`."""
        return self.of(width if self.pulse > 0 else 0.0, at) - self.window


def nearest(count: float, wrap: int, reference: float) -> float:
    """What a counter that begins anew at `wrap` really counted, if it is no farther than half of that from a reference.

    >>> nearest(3, 65536, 65530)
    65539
    >>> nearest(65530, 65536, 65539)
    65530
    """
    if not wrap:
        return count
    return count + wrap * round((reference - count) / wrap)
