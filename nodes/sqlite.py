"""What every SQLite file of a node needs: is it whole, is a row whole, and where a damaged one goes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from zlib import crc32


def examine(db: sqlite3.Connection) -> None:
    """Look whether pages fit together.

    Raises:
        sqlite3.DatabaseError: If they do not.
    """
    if (found := db.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
        raise sqlite3.DatabaseError(f"its pages do not fit together: {found}")


def checksum(*about: str | bytes) -> int:
    """CRC-32 of the columns of a row: SQLite has none of its own, and hands on what a disk has made of it."""
    return crc32(b"\0".join(each.encode() if isinstance(each, str) else each for each in about))


def set_aside(path: Path) -> Path:
    """Move a damaged file out of the way, for who wants to look at it; gives where it lies then."""
    aside = Path(f"{path}.damaged")
    path.replace(aside)
    for more in ("-wal", "-shm"):
        Path(f"{path}{more}").unlink(missing_ok=True)
    return aside
