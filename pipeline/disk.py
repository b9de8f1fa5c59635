"""How full the file system of a folder is, what that means, and a ballast to throw off when it is full.

Levels are judged by what an unprivileged user may still have, bytes or inodes, whichever is scarcer. A level is left
only a few points below where it began, so that a disk at the limit does not make a sink change its mind every second.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warn", "lean", "stop"]
RANK: dict[Level, int] = {"ok": 0, "warn": 1, "lean": 2, "stop": 3}
PERIOD_S = 1.0  # seconds between two measurements of a folder
BALLAST = 4 << 20  # bytes
SHARE = 128  # a ballast takes at most this part of its file system, so that throwing it off ends no level
ROOM = 4  # times its size must be free before a ballast is made
CHUNK = 1 << 16


class Limits(Struct, frozen=True):
    """Where levels begin, as the used share of a file system; one that lies above a worse one is never reached.

    Attributes:
        warn: People should know.
        lean: What is large is given up.
        stop: Nothing more is kept.
        margin: A level is left this far below where it began.
    """

    warn: float = 0.70
    lean: float = 0.85
    stop: float = 0.95
    margin: float = 0.03


class Usage(Struct, frozen=True):
    """How much of a file system is taken.

    Attributes:
        used: Share of its bytes, or of its inodes where those are scarcer, 0…1.
        free: Bytes that are left.
        size: Bytes that there are.
    """

    used: float = 0.0
    free: int = 0
    size: int = 0


Measure = Callable[[Path], Usage]


def judge(used: float, before: Level, limits: Limits) -> Level:
    """The level of a file system.

    Args:
        used: Its used share, 0…1.
        before: Its level when it was judged last.
        limits: Where levels begin.
    """
    begins: dict[Level, float] = {"warn": limits.warn, "lean": limits.lean, "stop": limits.stop}
    reached: Level = "ok"
    for level, begin in begins.items():
        if used >= (begin - limits.margin if RANK[level] <= RANK[before] else begin):
            reached = level
    return reached


def measure(folder: Path) -> Usage:
    """What statvfs says of a folder, or of the nearest one above it that exists.

    Raises:
        OSError: If the file system does not answer.
    """
    there = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    found = os.statvfs(there)
    used = max(
        _share(found.f_blocks - found.f_bfree, found.f_bavail), _share(found.f_files - found.f_ffree, found.f_favail)
    )
    return Usage(used, found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def _share(taken: int, left: int) -> float:
    """As df(1) has it: blocks that are kept for root count neither as taken nor as left."""
    return taken / (taken + left) if taken + left else 0.0


class Watch:
    """The level of one folder's file system; asked as often as one likes, measured once a second.

    Attributes:
        folder: The folder.
        limits: Where its levels begin.
        level: What it was when it was last looked at.
        usage: What was measured then.
    """

    def __init__(
        self, folder: Path, limits: Limits, *, measure: Measure = measure, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self.limits = folder, limits
        self.level: Level = "ok"
        self.usage = Usage()
        self._measure, self._now = measure, now
        self._due = -1.0

    def look(self) -> Level:
        """The level now.

        Raises:
            OSError: If the file system does not answer.
        """
        if self._now() >= self._due:
            self.usage = self._measure(self.folder)
            self.level = judge(self.usage.used, self.level, self.limits)
            self._due = self._now() + PERIOD_S
        return self.level

    def hurry(self) -> None:
        """Measure at the next look: something has happened."""
        self._due = -1.0


_watches: dict[tuple[Path, Limits], Watch] = {}


def watch(folder: Path, limits: Limits) -> Watch:
    """The watch of a folder in this process; the same one for everybody who asks with the same limits."""
    return _watches.setdefault((folder, limits), Watch(folder, limits))


def ratios() -> dict[str, float]:
    """The used share of the file system of every folder that this process watches, as it was seen last."""
    return {str(folder): watch.usage.used for (folder, _), watch in [*_watches.items()]}


class Ballast:
    """A file that takes up room so that there is some when nothing else is left.

    Deleting, a checkpoint of SQLite and moving a cursor all write a little first. The file is thrown off when less
    than its own size is free, and made again, by whoever tends it, when there is room.

    Args:
        path: The file.
        most: Its size where the file system is large enough, bytes.
    """

    def __init__(self, path: Path, most: int = BALLAST) -> None:
        self.path, self._most = path, most

    @property
    def held(self) -> bool:
        """Whether it lies there."""
        return self.path.exists()

    def tend(self, usage: Usage, level: Level) -> None:
        """Throw it off or make it, as the file system asks for; a disk that refuses is asked again next time."""
        size = min(self._most, usage.size // SHARE)
        if usage.free < size:
            self.release()
        elif level != "stop" and usage.free >= ROOM * size > 0 and not self.held:
            with suppress(OSError):
                self._make(size)

    def release(self) -> bool:
        """Throw it off; whether that gave room. Any process may, at any time."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True

    def _make(self, size: int) -> None:
        """Noise, on the disk: a file system that compresses or delays would give no room for zeros.

        It is always the same noise, so that two replays leave the same files.
        """
        noise = random.Random(size)  # noqa: S311 - noise, not a secret
        try:
            with self.path.open("xb") as file:
                for begin in range(0, size, CHUNK):
                    file.write(noise.randbytes(min(CHUNK, size - begin)))
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return
        except OSError:
            self.release()
            raise
