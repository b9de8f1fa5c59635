"""The disk under a line's state: watched by its supervisor, with a ballast so that spools can move."""

from __future__ import annotations

from pathlib import Path

from pipeline.disk import Ballast, Level, Limits, Usage, Watch
from pipeline.notices import board

TOLD: tuple[Level, ...] = ("lean", "stop")  # what a sink does about its own disk, it tells itself, and earlier


class Reserve:
    """Looks after the disk of one folder.

    Args:
        state: Folder of what must outlive the line.
        watch: Looks at its disk.
        ballast: Is thrown off when that is full.
    """

    def __init__(self, state: Path, watch: Watch | None = None, ballast: Ballast | None = None) -> None:
        self._state = state
        self._watch = watch or Watch(state, Limits())
        self._ballast = ballast or Ballast(state / "ballast")

    def tend(self) -> None:
        """Look, at most once a second; make the ballast or throw it off, and tell people how full the disk is."""
        key = f"state {self._state} cannot be looked at"
        try:
            level = self._watch.look()
        except OSError as error:
            board.raise_(key, f"the disk of the line's state, {self._state}, does not answer: {error.strerror}")
            return
        board.settle(key)
        self._ballast.tend(self._watch.usage, level)
        for one in TOLD:
            if one == level:
                board.raise_(f"state {self._state} {one}", told(self._state, self._watch.usage))
            else:
                board.settle(f"state {self._state} {one}")

    @property
    def used(self) -> dict[str, float]:
        """The used share of its disk, by folder, as it was seen last."""
        return {str(self._state): self._watch.usage.used}


def told(state: Path, usage: Usage) -> str:
    """How full the disk is, in words, and what depends on it."""
    full = f"{usage.used:.0%} full, {usage.free / 1e6:,.0f} MB free"
    return f"the disk of the line's state, {state}, is {full}: spools end where it ends; delete what you need no more"
