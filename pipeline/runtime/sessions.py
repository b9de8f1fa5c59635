"""How far each camera's session came, on a page of memory that outlives its process.

A source that is killed ends its session without a word, and whatever it had in view would vanish without a verdict.
So its lane notes every record on a small mapped file: the kernel keeps what was noted although the process is gone,
and the next run of the lane first tells the gap that ends the old session. What a loss of power leaves of it is what
the file system had written by then.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.notices import board
from pipeline.records import Gap, Record
from pipeline.runtime.trail import Left, Trail

FOLDER = "sessions"
PAST = ".past"  # ends the name of the file of sessions before the one on the page
MAGIC = b"kensa-s1"
HEAD = struct.Struct("<8sH")  # what it is, bytes of the session's name
CAME = struct.Struct("=qq")  # frames up to and with the last one, its time in ns
AT = HEAD.size  # where `CAME` is; the name follows
NAME = AT + CAME.size
SIZE = 1024  # a name has at most 128 characters of at most 4 bytes


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
        self._page = _page(path)
        self.left = _read(self._page)
        self._trail = Trail(path.with_name(path.name + PAST) if path else None)
        self._session = ""
        self.came = memoryview(self._page)[AT:NAME].cast("q")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.came.release()
        self._page.close()

    def note(self, record: Record) -> str:
        """The source gave a record, and everything that comes of it in this lane was done; returns its session."""
        if record.session != self._session:
            self._begin(record.session)
        self.came[0] = (record.last if type(record) is Gap else record.seq) + 1
        self.came[1] = record.t_ns
        return record.session

    @property
    def broken(self) -> tuple[Left, ...]:
        """The sessions to end by a gap, oldest first: the one left open, and those before it that may not be safe."""
        return (*self._trail.lefts, *([self.left] if self.left else ()))

    def told(self) -> None:
        """The session is over: everything of it, or the gap that ends it, is on its way, and not yet safe."""
        if left := _read(self._page):
            self._trail.add(left)
        self._erase()

    def _erase(self) -> None:
        self._session = ""
        self._page[: len(MAGIC)] = bytes(len(MAGIC))

    def _begin(self, session: str) -> None:
        """What it is, is said last: a page that is half written is no page."""
        self._erase()
        self.came[0] = self.came[1] = 0
        name = session.encode()[: SIZE - NAME]
        self._page[NAME : NAME + len(name)] = name
        HEAD.pack_into(self._page, 0, b"", len(name))
        self._page[: len(MAGIC)] = MAGIC
        self._session = session


def marked(state: str, node: str, camera: str) -> Mark:
    """The mark of a source at a camera; it keeps nothing where the line has no folder for what must outlive it."""
    return Mark(Path(state, FOLDER, f"{node}@{camera}") if state else None)


def safe(state: Path) -> None:
    """A line has ended, and it is known of every record what became of it: no session need be told of again."""
    for path in (state / FOLDER).glob(f"*{PAST}"):
        path.unlink(missing_ok=True)


def _page(path: Path | None) -> mmap.mmap:
    try:
        return _mapped(path) if path else mmap.mmap(-1, SIZE)
    except OSError as error:
        board.raise_(
            f"session {path}",
            f"cannot keep how far a session came: {error}; if this process is killed, parts in view get no verdict",
        )
        return mmap.mmap(-1, SIZE)


def _mapped(path: Path) -> mmap.mmap:
    """The file in memory; its bytes are written first, for a page that a full disk cannot hold kills who touches it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0) as file:
        if (held := os.fstat(file.fileno()).st_size) < SIZE:
            file.seek(held)
            file.write(bytes(SIZE - held))
        return mmap.mmap(file.fileno(), SIZE)


def _read(page: mmap.mmap) -> Left | None:
    """The session on a page; None where it was ended, never begun, had given nothing, or cannot be read."""
    magic, length = HEAD.unpack_from(page, 0)
    frames, t_ns = CAME.unpack_from(page, AT)
    name = page[NAME : NAME + length]
    if magic != MAGIC or not frames or len(name) != length:
        return None
    try:
        return Left(name.decode(), frames, t_ns) if name else None
    except UnicodeDecodeError:
        return None
