"""What a receiver says when it does not take something."""

from __future__ import annotations

LONGEST_WISH_S = 3600.0  # that a receiver may ask to be left alone


class RefusedError(Exception):
    """The receiver has said no and will say it again: sending once more is of no use."""


class LaterError(OSError):
    """The receiver takes nothing now.

    Attributes:
        after: In how many seconds it wants to be asked again; 0 where it does not say.
    """

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = min(after, LONGEST_WISH_S)
