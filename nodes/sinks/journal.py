"""A file of lines that survives power cuts: what `append` has returned from is on the disk, whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

TAIL = 1 << 16


class Journal:
    """A file that grows by whole lines.

    Args:
        path: The file; its folder is made where there is none. A torn last line, left by a
            crash, is cut off: it was never acknowledged, so its sender sends it again.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            file.truncate(_whole(file.fileno(), file.tell()))
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
        """The line that begins at an offset, without its end; empty where there is none yet."""
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.readline().removesuffix(b"\n")

    def count(self, offset: int) -> int:
        """Number of lines from an offset to the end."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return sum(1 for _ in file)


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
