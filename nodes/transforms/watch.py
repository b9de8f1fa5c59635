"""A rule book that is edited while the line runs: taken whole, between two records, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from nodes.transforms.book import BookError, Ready, open_book
from pipeline.notices import board

_good: dict[str, Ready] = {}  # a run that begins anew goes on by the book that held
Sign = tuple[int, int, int]  # what changes when a file does: inode, bytes, ns of its last change


class Watch:
    """The book of one run of a node, as its file says it now.

    A file that cannot be used is refused whole: the book stays, and a notice tells every fault until the file is good.
    An editor writes in pieces, and half a book may be a book: so a file counts once it has been left alone.

    Args:
        path: The file.
        every: Seconds between two looks at it, and how long it must have been left alone; 0: at each call, at once.
        clock: Seconds that never run backwards.

    Attributes:
        book: The book that holds.

    Raises:
        BookError: If it cannot be used, and no other version of it held in this process before.
    """

    def __init__(self, path: str, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._every, self._clock = path, every, clock
        self._key = f"rules {path} refused"
        self._known = self._seen = _sign(path)
        self._due = clock() + every
        if path in _good:
            self.book = _good[path]
            self._take()
        else:
            self.book = _good[path] = open_book(path)

    def look(self) -> bool:
        """Take the file up if it says something else; returns whether another book holds now."""
        if self._every and (now := self._clock()) < self._due:
            return False
        if self._every:
            self._due = now + self._every
        sign, before = _sign(self._path), self._seen
        self._seen = sign
        if sign == self._known or (self._every and sign != before):
            return False
        self._known = sign
        return self._take()

    def _take(self) -> bool:
        try:
            book = open_book(self._path)
        except BookError as error:
            held = f"the book '{self.book.name}', version {self.book.version}, still holds"
            board.raise_(self._key, f"rule book refused, {held}; correct the file:\n{error}")
            return False
        board.settle(self._key)
        changed, self.book = book.version != self.book.version, book
        _good[self._path] = book
        return changed


def _sign(path: str) -> Sign | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
