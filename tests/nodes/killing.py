"""A shift of alarms, killed at each of its writes: `python -m tests.nodes.killing FOLDER SHARE`.

Each process is forked, does what is left of the shift, and is killed by SIGKILL at the moment it was told, so that
nothing is left of it but its files. Who comes next begins with what the killed one was about to do.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from nodes.alarming import memory
from nodes.sinks import cursor, journal
from pipeline.records import Gap, Outcome
from tests.nodes.alarming import BOOK, NOON, S, World, book, order, verdict

Do = Callable[[World], object]


class Saw:
    """Counts what is done to files, and kills the process at one of these.

    Args:
        at: At which of them.
        share: How much of it is done before: 0 is nothing, 1 is all.
    """

    def __init__(self, at: int, share: float) -> None:
        self.count, self._at, self._share = 0, at, share
        self._write, self._replace, self._rename = os.write, journal.replace, Path.rename
        os.fsync = lambda fd: None  # a killed process leaves to the system what it has written
        os.write = self.write  # type: ignore[assignment]
        for module in (cursor, memory):
            vars(module)["replace"] = self.replace

        def rename(path: Path, target: str) -> Path:
            return self.rename(path, target)

        Path.rename = rename  # type: ignore[assignment,method-assign]

    def write(self, handle: int, content: bytes) -> int:
        """As the real one, unless this is the moment."""
        if self._due():
            self._write(handle, content[: round(self._share * len(content))])
            os.kill(os.getpid(), signal.SIGKILL)
        return self._write(handle, content)

    def replace(self, path: Path, content: bytes) -> None:
        """As the real one: it happens, or it does not."""
        due = self._due()
        if not due or self._share == 1:
            self._replace(path, content)
        if due:
            os.kill(os.getpid(), signal.SIGKILL)

    def rename(self, path: Path, target: str) -> Path:
        """The same of a journal that is full."""
        due = self._due()
        found = self._rename(path, target) if not due or self._share == 1 else path
        if due:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    def _due(self) -> bool:
        self.count += 1
        return self.count == self._at


def parts(*numbers: int, outcome: Outcome = "FAIL") -> Do:
    """A batch of parts comes."""
    lines = [b'{"id": "%d", "subject": "part"}' % number for number in numbers]
    return lambda world: world.keeper.hear([verdict(number, outcome) for number in numbers], lines)


def beat(world: World) -> None:
    """Time passes."""
    world.keeper.beat()


def says(verb: str, alarm: str = "bad@cam-1", seconds: float = 0.0) -> Do:
    """An operator wants something."""
    return lambda world: world.keeper.answer(order(verb, alarm, seconds=seconds))


GAP = Gap(camera="cam-1", session="s", seq=8, last=9, t_ns=NOON, reason="overflow", where="a→b")
SMALL = "journal: {megabytes: 0.004}\n"  # it goes on in a new file several times
# For a camera's silence a process that begins anew waits anew: there is time for that.
SHIFT: tuple[tuple[float, Do], ...] = (
    (0, parts(1, 2)), (0, parts(3, 4)), (1, beat), (1, parts(5, 6, outcome="PASS")), (1, parts(7)),
    (1.4, lambda world: world.keeper.hear([GAP])), (1.6, says("acknowledge")), (2, beat), (4.4, beat), (6.6, beat),
    (7, says("shelve", "disk", 60)), (7, parts(10, 11, 12)), (7, parts(13, 14, 15, 16, 17, outcome="PASS")),
    (8, says("acknowledge", "silent@cam-1")), (9, says("reset", "silent@cam-1")), (67, parts(18, outcome="PASS")),
    (68, beat),
)  # fmt: skip


def work(folder: Path, kill: int, share: float) -> None:
    """Do what is left of the shift."""
    progress = folder / "progress"
    begun = int(progress.read_text()) if progress.exists() else 0
    saw = Saw(kill, share)
    world = World(folder, book(folder, BOOK + SMALL), now=_when(begun))
    for place, (_, do) in enumerate(SHIFT[begun:], begun):
        progress.write_text(str(place))
        world.now = _when(place)
        do(world)
    (folder / "writes").write_text(str(saw.count))


def _when(place: int) -> int:
    return NOON + round(SHIFT[place][0] * S)


def forked(folder: Path, kill: int, share: float) -> int:
    """Work in a process of its own; returns how it ended, as `os.waitpid` says."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    try:
        work(folder, kill, share)
    except BaseException:  # noqa: BLE001 - a forked process must not go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(folder: Path, share: float) -> int:
    """The shift without a kill, then with one at each of its writes."""
    (folder / "0").mkdir()
    if forked(folder / "0", -1, share):
        return 1
    for kill in range(1, int((folder / "0" / "writes").read_text()) + 1):
        place = folder / f"{kill:04}"
        place.mkdir()
        if forked(place, kill, share) != signal.SIGKILL or forked(place, -1, share):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
