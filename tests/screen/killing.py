"""A screen at work, killed at each of its writes: `python -m tests.screen.killing FOLDER`.

Each process is forked, does what is left of the work, and is killed: at the begin of an SQL statement and behind a
transaction by SIGKILL, in the midst of a write to the file by the limit that the file then passes. Who comes next is
given anew what the killed one was about to keep, as a line does.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nodes.screen import kept
from nodes.screen.kept import Memory
from nodes.screen.people import People
from nodes.screen.rejects import Rejects
from nodes.screen.screen import Screen
from nodes.screen.shifts import zoned
from nodes.screen.stage import Stage
from nodes.screen.tally import open_tally
from nodes.sinks.room import log
from pipeline.records import Record
from tests.nodes.alarming import NOON, S
from tests.screen.scenes import HOLE, SHORT, STARTS, Line, head, part, tracks, verdict

NEVER = sys.maxsize
LEAST, STEP = 33 << 10, 9001  # bytes: the index beside the file has 32 KiB; a page begins at another place each time
KEPT = 5  # rejects: the oldest go during the work


def records(*given: Record) -> Callable[[Stage], object]:
    """A batch of records comes."""
    return lambda stage: stage.add(given)


def lot(name: str) -> Callable[[Stage], object]:
    """A batch of parts begins."""
    return lambda stage: stage.begin(name, "anna", "127.0.0.1")


WORK: tuple[Callable[[Stage], object], ...] = (
    records(part(1, finding=HOLE), tracks(1)), records(verdict(1)), records(verdict(2, "PASS"), tracks(2)),
    records(verdict(3, "NO_READ"), part(4, finding=SHORT)), lot("lot 7"),
    records(verdict(4, finding=SHORT), verdict(5, "WARN"), part(5)),
    records(*(verdict(number) for number in range(6, 14)), *(part(number, finding=HOLE) for number in range(8, 14))),
    records(part(6, finding=HOLE), part(7, finding=HOLE)), records(verdict(14, "FAIL", "cam-2")),
    records(part(14, "cam-2", HOLE), verdict(15, "PASS", "cam-2")),
)  # fmt: skip


class Saw:
    """Counts statements and transactions, and kills the process at one of them."""

    def __init__(self, at: int) -> None:
        self.count, self._at = 0, at
        connected, keep = kept.connected, Memory.keep
        kept.SYNCHRONOUS = "OFF"  # a killed process leaves to the system what it has written

        def watched(path: Path) -> sqlite3.Connection:
            db = connected(path)
            db.set_trace_callback(self.look)
            return db

        def kept_and_seen(memory: Memory, change: kept.Change) -> None:
            keep(memory, change)
            self.look()

        kept.connected = watched
        Memory.keep = kept_and_seen  # type: ignore[assignment, method-assign]

    def look(self, _: str = "") -> None:
        """Something is about to happen, or was just done."""
        self.count += 1
        if self.count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def opened(folder: Path) -> tuple[Stage, Rejects]:
    """A screen that goes on where it was; nobody looks at it."""
    memory, rejects = Memory(folder / "screen"), Rejects(KEPT)
    memory.recall(rejects)
    screen = Screen(open_tally(memory.counted(), STARTS, zoned("UTC"), 10.0, lambda: NOON), rejects, head(), 10.0)
    line = Line()
    return Stage(screen, memory, People(None), ("127.0.0.1", 0), asks=lambda: line, now=lambda: NOON + 60 * S), rejects


def work(folder: Path, at: int, size: int) -> None:
    """Do what is left of it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    saw, progress = Saw(at), folder / "progress"
    begun = int(progress.read_text()) if progress.exists() else 0
    stage, _ = opened(folder)
    for place, does in enumerate(WORK[begun:], begun):
        progress.write_text(str(place))
        does(stage)
    progress.write_text(str(len(WORK)))
    (folder / "writes").write_text(f"{saw.count} {(folder / 'screen-wal').stat().st_size}")


def forked(does: Callable[[], object]) -> int:
    """Work in a process of its own; returns how it ended, as `os.waitpid` says."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] & 0x7F
    try:
        does()
    except BaseException:  # noqa: BLE001 - a forked process must not go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(folder: Path) -> int:
    """The work without a kill, then with one at each place."""
    log()  # what is loaded here need not be loaded in each process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    whole = folder / "whole"
    whole.mkdir()
    if forked(partial(work, whole, NEVER, resource.RLIM_INFINITY)):
        return 1
    writes, size = map(int, (whole / "writes").read_text().split())
    kills = [(at, resource.RLIM_INFINITY, signal.SIGKILL) for at in range(1, writes + 1)]
    kills += [(NEVER, most, signal.SIGXFSZ) for most in range(LEAST, size, STEP)]
    for number, (at, most, wanted) in enumerate(kills):
        place = folder / f"{number:04}"
        place.mkdir()
        if forked(partial(work, place, at, most)) != wanted:
            return 1
        if forked(partial(work, place, NEVER, resource.RLIM_INFINITY)):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
