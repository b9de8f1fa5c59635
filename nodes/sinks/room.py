"""The room that a sink has on its disk: what it may write, what people hear of it, and a ballast for the worst."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.disk import RANK, Ballast, Level, Limits, Usage, Watch, watch
from pipeline.notices import board

FULL = (errno.ENOSPC, errno.EDQUOT)


class FullError(OSError):
    """The disk is so full that nothing more is kept; what was to be written waits."""


class Room:
    """What a sink asks before it writes, and tells when it cannot.

    It lives as long as its process, because a sink that could not write is begun anew.

    Args:
        sink: Whose it is, as people call it.
        watch: Looks at its disk.
        ballast: Is thrown off when the disk is full.

    Attributes:
        bare: Records that were kept without their masks since masks were last kept.
    """

    def __init__(self, sink: str, watch: Watch, ballast: Ballast) -> None:
        self._sink, self._watch, self._ballast = sink, watch, ballast
        self._told: Level = "ok"
        self.bare = 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around whatever writes: while it is refused, a notice says so, and a full disk costs the ballast.

        Raises:
            OSError: The disk refuses.
        """
        key = f"{self._sink} {self._watch.folder} cannot write"
        try:
            self._watch.look()
            self._ballast.tend(self._watch.usage, self._watch.level)
            yield
        except FullError:
            raise
        except OSError as error:
            if error.errno in FULL:
                self._watch.hurry()
                self._ballast.release()
            board.raise_(key, refused(self._sink, self._watch.folder, error))
            raise
        board.settle(key)

    def warn(self) -> None:
        """Tell people how full the disk is, where this sink writes on it to the last."""
        key = f"{self._sink} {self._watch.folder} fills up"
        if self._watch.level == "ok":
            board.settle(key)
        else:
            text = f"{self._sink}: the disk of {self._watch.folder} is {_full(self._watch.usage)}"
            board.raise_(key, f"{text}: everything is written as long as it can be; delete what you need no more")

    def admit(self, records: int) -> bool:
        """Ask to keep some records; whether their masks may be kept, too.

        Raises:
            FullError: None may be kept now.
        """
        level = self._watch.look()
        bare = self.bare + records if level == "lean" else 0
        self._tell(level, bare)
        if level == "stop":
            raise FullError(errno.ENOSPC, said(self._sink, self._watch, level))
        self.bare = bare
        return level != "lean"

    def _tell(self, level: Level, bare: int) -> None:
        """Keep one notice, of the level that is; log what is better than it was."""
        for other in RANK:
            if other != level:
                board.settle(self._key(other))
        if level != "ok":
            board.raise_(self._key(level), said(self._sink, self._watch, level, bare))
        if RANK[level] < RANK[self._told]:
            log().info("room again", sink=self._sink, now=level, was=self._told, without_masks=self.bare)
        self._told = level

    def _key(self, level: Level) -> str:
        return f"{self._sink} {self._watch.folder} {level}"


def log() -> Any:
    """The process's logger; structlog is imported when something is to be said, because it can bring rich along."""
    import structlog

    return structlog.get_logger("nodes.sinks")


@cache
def room(sink: str, folder: Path, ballast: Path, most: int, limits: Limits) -> Room:
    """The room of a sink in this process; the same one whenever the sink begins anew."""
    return Room(sink, watch(folder, limits), Ballast(ballast, most))


def said(sink: str, watch: Watch, level: Level, bare: int = 0) -> str:
    """A level in words: how full the disk is, what the sink does about it, and what a person can do."""
    does = {
        "ok": "everything is kept",
        "warn": f"from {watch.limits.lean:.0%} on masks are left out, from {watch.limits.stop:.0%} on nothing is kept",
        "lean": f"masks are left out, measurements are kept ({bare:,} records so far)",
        "stop": "nothing is kept; records wait at their producers and the line goes on",
    }
    return f"{sink}: the disk of {watch.folder} is {_full(watch.usage)}: {does[level]}; delete what you need no more"


def refused(sink: str, folder: Path, error: OSError) -> str:
    """A refusal in words."""
    why = os.strerror(error.errno) if error.errno else str(error)
    return f"{sink} cannot write in {folder}: {why}; what waits is written when that is possible again"


def _full(usage: Usage) -> str:
    return f"{usage.used:.0%} full, {usage.free / 1e6:,.0f} MB free"
