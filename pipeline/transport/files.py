"""A spool's few words with the file system."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from zlib import crc32

PLACE = 12  # bytes: a number and its CRC-32


def write(file: int, parts: Sequence[bytes]) -> None:
    """Write all of it.

    Raises:
        OSError: If the disk took less.
    """
    size = sum(map(len, parts))
    if (taken := os.writev(file, parts)) != size:
        raise OSError(errno.ENOSPC, f"expected {size} bytes to be written, the disk took {taken}")


def read_place(path: Path) -> int:
    """How far everything is done; 0 where nobody knows."""
    with suppress(FileNotFoundError):
        raw = path.read_bytes()
        if len(raw) == PLACE and crc32(raw[:8]) == int.from_bytes(raw[8:], "big"):
            return int.from_bytes(raw[:8], "big")
    return 0


def write_place(path: Path, number: int, *, sync: bool) -> None:
    """Note how far everything is done, in place: that needs no room."""
    raw = number.to_bytes(8, "big")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(file, raw + crc32(raw).to_bytes(4, "big"), 0)
        if sync:
            os.fdatasync(file)
    finally:
        os.close(file)


def sync_folder(folder: Path) -> None:
    """Wait until the disk knows what a folder holds."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
