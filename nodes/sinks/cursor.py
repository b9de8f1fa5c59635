"""How far somebody has read a journal, remembered beside it so that a flipped bit cannot pass for another place."""

from __future__ import annotations

import re
from pathlib import Path
from zlib import crc32

from nodes.sinks.journal import Journal, replace


class Cursor:
    """A place in a journal, always the begin of a line.

    Args:
        path: Where it is remembered.
        journal: What it is a place in.
    """

    def __init__(self, path: Path, journal: Journal) -> None:
        self.path, self._journal = path, journal

    def read(self) -> int | None:
        """The place; the end of the journal where none was remembered yet, None where what was is not readable."""
        if not self.path.exists():
            return self._journal.size
        found = re.fullmatch(rb"(\d{1,18}) ([0-9a-f]{8})", self.path.read_bytes())
        if not found or int(found[2], 16) != crc32(found[1]):
            return None
        place = int(found[1])
        return place if self._journal.begins(place) else None

    def write(self, place: int) -> None:
        """Remember it.

        Raises:
            OSError: If it cannot be written; the old place is then still there.
        """
        said = str(place).encode()
        replace(self.path, b"%s %08x" % (said, crc32(said)))
