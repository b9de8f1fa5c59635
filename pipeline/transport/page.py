"""A page of memory that outlives its process: a name, and two numbers that go up.

The kernel keeps what was written on a mapped file although the process is gone. What a loss of power leaves of it is
what the file system had written by then.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

from pipeline.notices import board

MAGIC = b"kensa-s1"
HEAD = struct.Struct("<8sH")  # what it is, bytes of the name
NUMBERS = struct.Struct("=qq")
AT = HEAD.size  # where the numbers are; the name follows
NAME = AT + NUMBERS.size
SIZE = 1024
LONGEST = SIZE - NAME  # bytes of a name


class Written(NamedTuple):
    """What stands on a page."""

    name: str
    first: int
    second: int


class Page:
    """One page; for one thread alone.

    Args:
        path: The file; where it is left out or cannot be had, nothing is kept.
        why: What follows if it cannot be had, for people.

    Attributes:
        name: What the numbers are about; empty before anything was written here by this process.
        numbers: The two; whoever has begun a name may write here at once.
    """

    def __init__(self, path: Path | None, why: str) -> None:
        self._page = _page(path, why)
        self.numbers = memoryview(self._page)[AT:NAME].cast("q")
        self.name = ""

    def begin(self, name: str, first: int = 0, second: int = 0) -> None:
        """What it is is said last: a page that is half written is no page."""
        self.erase()
        self.numbers[0], self.numbers[1] = first, second
        held = name.encode()[:LONGEST]
        self._page[NAME : NAME + len(held)] = held
        HEAD.pack_into(self._page, 0, b"", len(held))
        self._page[: len(MAGIC)] = MAGIC
        self.name = name

    def erase(self) -> None:
        """Nothing stands here."""
        self.name = ""
        self._page[: len(MAGIC)] = bytes(len(MAGIC))

    def read(self) -> Written | None:
        """What stands here; None where that is nothing, a number is less than 0, or it cannot be read."""
        magic, length = HEAD.unpack_from(self._page, 0)
        first, second = NUMBERS.unpack_from(self._page, AT)
        name = self._page[NAME : NAME + length]
        if magic != MAGIC or min(first, second) < 0 or len(name) != length:
            return None
        try:
            return Written(name.decode(), first, second) if name else None
        except UnicodeDecodeError:
            return None

    def close(self) -> None:
        """Leave it as it is."""
        self.numbers.release()
        self._page.close()


def _page(path: Path | None, why: str) -> mmap.mmap:
    try:
        return _mapped(path) if path else mmap.mmap(-1, SIZE)
    except OSError as error:
        board.raise_(f"page {path}", f"{why.format(error=error)}")
        return mmap.mmap(-1, SIZE)


def _mapped(path: Path) -> mmap.mmap:
    """The file in memory; its bytes are written first, for a page that a full disk cannot hold kills who touches it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0) as file:
        if (held := os.fstat(file.fileno()).st_size) < SIZE:
            file.seek(held)
            file.write(bytes(SIZE - held))
        return mmap.mmap(file.fileno(), SIZE)
