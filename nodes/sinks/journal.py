"""A file of lines that survives power cuts: what `append` has returned from is on the disk, whole."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

TAIL = 1 << 16


class Journal:
    """A file that grows by whole lines.

    Args:
        path: The file; its folder is made where there is none. A torn last line, left by a
            crash, goes to `<path>.damaged`: it was never acknowledged, so its sender sends it again.

    Attributes:
        damaged: Where torn and rotten lines are kept.
        torn: Lines that were torn when it was opened, 0 or 1.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.damaged = path, damaged(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            size = file.tell()
            whole = _whole(file.fileno(), size)
            self.torn = int(whole < size)
            if self.torn:
                set_aside(path, os.pread(file.fileno(), min(size - whole, TAIL), whole))
                file.truncate(whole)
        sync_folder(path.parent)

    @property
    def size(self) -> int:
        """Length of the file, bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, lines: Sequence[bytes]) -> None:
        """Add lines, all of them or none, and wait until the disk has them.

        Raises:
            OSError: If the disk is full or broken; the file is then as it was.
        """
        if not lines:
            return
        with self.path.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                _write(file.fileno(), b"".join(line + b"\n" for line in lines))
            except OSError:
                file.truncate(before)
                raise

    def read(self, offset: int) -> bytes:
        """The line that begins at an offset, without its end; empty where there is none yet, or not all of it."""
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            file.seek(offset)
            line = file.readline()
        return line[:-1] if line.endswith(b"\n") else b""

    def begins(self, offset: int) -> bool:
        """Whether a line begins, or will begin, at an offset."""
        if not 0 < offset <= self.size:
            return offset == 0
        with self.path.open("rb") as file:
            file.seek(offset - 1)
            return file.read(1) == b"\n"

    def last(self, lines: int) -> int:
        """Where the last so many lines begin."""
        begins: deque[int] = deque([0], maxlen=lines + 1)
        with self.path.open("rb") as file:
            for line in file:
                begins.append(begins[-1] + len(line))
        return begins[0]


def set_aside(path: Path, line: bytes) -> None:
    """Keep what is no line of a file any more, if the disk lets; nobody can use it, so nobody waits for it."""
    with suppress(OSError), damaged(path).open("ab", buffering=0) as file:
        file.write(line + b"\n")


def damaged(path: Path) -> Path:
    """Where torn and rotten lines of a file are kept."""
    return Path(f"{path}.damaged")


def replace(path: Path, content: bytes) -> None:
    """Write a file in one step: a reader, or a crash, meets the old content or the new, never half of it.

    Raises:
        OSError: If it cannot be written; the old content is then still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the disk knows the names in a folder: a new file is only then there to stay."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
    os.fsync(handle)


def _whole(handle: int, size: int) -> int:
    """Length of a file without a torn last line."""
    end = size
    while end > 0:
        start = max(0, end - TAIL)
        newline = os.pread(handle, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
