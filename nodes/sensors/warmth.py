"""Whether a sensor is too warm: pure, and steady where its temperature wavers about the limit."""

from __future__ import annotations

MARGIN = 3.0  # °C below the limit at which it is over


class Warmth:
    """Tells too warm from warm.

    Attributes:
        limit: From here on it is too warm, °C.
        hot: Whether it is now.
    """

    def __init__(self, limit: float) -> None:
        self.limit, self.hot = limit, False

    def look(self, celsius: float | None) -> bool:
        """Whether it is too warm; a sensor that does not say is as it was."""
        if celsius is not None:
            self.hot = celsius >= (self.limit - MARGIN if self.hot else self.limit)
        return self.hot
