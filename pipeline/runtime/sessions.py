"""How far each camera's session came, on a page of memory that outlives its process.

A source that is killed ends its session without a word, and whatever it had in view would vanish without a verdict.
So its lane notes every record on a small mapped file: the kernel keeps what was noted although the process is gone,
and the next run of the lane first tells the gap that ends the old session. What a loss of power leaves of it is what
the file system had written by then.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.records import Gap, Record
from pipeline.runtime.trail import Left, Trail
from pipeline.transport.page import Page

FOLDER = "sessions"
PAST = ".past"  # ends the name of the file of sessions before the one on the page
UNKEPT = "cannot keep how far a session came: {error}; if this process is killed, parts in view get no verdict"


class Mark:
    """The page of one source at one camera; for the thread of its lane alone.

    Args:
        path: The file; where it is left out or cannot be had, a notice is raised and nothing is kept.

    Attributes:
        left: The session that the last process left open.
        came: Where what was noted last stands: frames up to and with it, and its time, ns. Who notes a record after
            another of the same session may write here at once.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._page = Page(path, UNKEPT)
        self.left = self._left()
        self._trail = Trail(path.with_name(path.name + PAST) if path else None)
        self.came = self._page.numbers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._page.close()

    def begin(self, record: Record) -> str:
        """The source gave a record, perhaps the first of a session, of which nothing is done yet; returns that."""
        if record.session != self._page.name:
            self._page.begin(record.session, record.seq, record.t_ns)
        return record.session

    def note(self, record: Record) -> None:
        """The source gave a record, and everything that comes of it in this lane was done."""
        self.begin(record)
        self.came[0] = (record.last if type(record) is Gap else record.seq) + 1
        self.came[1] = record.t_ns

    @property
    def broken(self) -> tuple[Left, ...]:
        """The sessions to end by a gap, oldest first: the one left open, and those before it that may not be safe."""
        return (*self._trail.lefts, *([self.left] if self.left else ()))

    def told(self) -> None:
        """The session is over: everything of it, or the gap that ends it, is on its way, and not yet safe."""
        if left := self._left():
            self._trail.add(left)
        self._page.erase()

    def _left(self) -> Left | None:
        return Left(*found) if (found := self._page.read()) else None


def marked(state: str, node: str, camera: str) -> Mark:
    """The mark of a source at a camera; it keeps nothing where the line has no folder for what must outlive it."""
    return Mark(Path(state, FOLDER, f"{node}@{camera}") if state else None)


def safe(state: Path) -> None:
    """A line has ended, and it is known of every record what became of it: no session need be told of again."""
    for path in (state / FOLDER).glob(f"*{PAST}"):
        path.unlink(missing_ok=True)
