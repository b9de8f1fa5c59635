"""One at a time in an object store, which has no locks: each puts an object of its own there, then looks for others.

Stores list what was put there before they were asked, so that of two who begin together at least one sees the other;
where both do, neither begins. Only the store's own clock is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from pipeline.errors import TableError
from pipeline.places import Stored

STALE = 3600  # s without a word: whoever held it was killed
RENEW = 300  # s between two words


@contextmanager
def leased(folder: Stored, name: str, doing: str) -> Iterator[Callable[[], None]]:
    """Be the only one at work in a place of a store.

    Args:
        folder: The place.
        name: Of the folder in it where those who want to work there say so.
        doing: What they do, as "compacts or prunes it".

    Yields:
        What is to be called now and then while the work goes on.

    Raises:
        TableError: If somebody else is at work there.
        OSError: If the store refuses.
    """
    mine = folder / name / uuid4().hex
    mine.write_bytes(b"")
    try:
        if _others(folder / name, mine):
            raise TableError(
                f"{folder}: somebody else {doing} now, or was killed within the hour; wait until that ends"
            )
        yield _renewed(mine)
    finally:
        mine.unlink(missing_ok=True)


def _renewed(mine: Stored) -> Callable[[], None]:
    told = time.monotonic()

    def renew() -> None:
        nonlocal told
        if time.monotonic() - told > RENEW:
            mine.write_bytes(b"")
            told = time.monotonic()

    return renew


def _others(folder: Stored, mine: Stored) -> bool:
    """Whether anybody else is at work; what those left behind who were killed goes."""
    now, found = mine.stat().st_mtime_ns, False
    for other in (each for each in folder.glob("*") if each != mine):
        with suppress(FileNotFoundError):
            stale = now - other.stat().st_mtime_ns >= STALE * 1_000_000_000
            found = found or not stale
            if stale:
                other.unlink()
    return found
