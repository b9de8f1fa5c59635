"""What waits on disk: the records of one edge, in their order, in an SQLite file with a write-ahead log.

What `append` has returned from survives a kill of any process; with `survives="power"` a power cut too. A record
leaves when it is released, which is after its consumer is done with it. See https://sqlite.org/wal.html.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from pipeline import codec
from pipeline.errors import DecodeError
from pipeline.plan import Survival
from pipeline.records import Gap, Record
from pipeline.transport.item import Item, gap_of, merged, missed

LAYOUT = 1  # of the file; another one is set aside like a file that cannot be read
PAGE = 4096
CHECKPOINT = 4096  # pages in the log before they move to the file: fewer, larger flushes
KEPT_LOG = 32 << 20  # bytes of the log file that stay after a checkpoint
SLACK = 16  # when the bound is reached, a sixteenth of it is freed at once
FILES = ("", "-wal", "-shm", "-journal")
TABLES = """
CREATE TABLE IF NOT EXISTS records (
    row INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL, session TEXT NOT NULL, seq INTEGER NOT NULL,
    t_ns INTEGER NOT NULL, weight INTEGER NOT NULL, gap INTEGER NOT NULL, message BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS totals (records INTEGER NOT NULL, weight INTEGER NOT NULL) STRICT;
INSERT INTO totals SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM totals);
PRAGMA user_version = 1;
"""
APPEND = "INSERT INTO records (camera, session, seq, t_ns, weight, gap, message) VALUES (?, ?, ?, ?, ?, ?, ?)"
PLACE = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
NEXT = "SELECT * FROM records WHERE row > ? ORDER BY row LIMIT ?"

TYPES = (int, str, str, int, int, int, int, bytes)
Raw = tuple[str, str, int, int, int, int, bytes]


class Row(NamedTuple):
    """A record on disk: its place in the order, and what it was."""

    row: int
    item: Item


class Shed(NamedTuple):
    """What was let go for want of room: records handed over, and rows that are fewer now."""

    weight: int = 0
    rows: int = 0


class Spool:
    """One edge's file. Used by one thread at a time.

    Args:
        path: The file; made where there is none.
        survives: What must not lose a record that was appended: a `kill`, or a `power` cut too.

    Attributes:
        records: Records in it, gaps too.
        weight: Records handed over that they stand for.

    Raises:
        sqlite3.Error: Whatever the file or the disk is in the way with, here and in every method.
    """

    def __init__(self, path: Path, survives: Survival = "kill") -> None:
        self.path = path
        self._base = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
        self._base.text_factory = _text
        try:
            self._settle(survives)
            found: tuple[int, int] = self._base.execute("SELECT records, weight FROM totals").fetchone()
        except sqlite3.Error:
            self._base.close()
            raise
        self.records, self.weight = found

    @property
    def bytes(self) -> int:
        """Bytes of the file that are in use, all that SQLite adds included."""
        (pages,) = self._base.execute("PRAGMA page_count").fetchone()
        (free,) = self._base.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * PAGE

    def sound(self) -> bool:
        """Whether SQLite finds nothing wrong with the file, and it holds what it says."""
        (word,) = self._base.execute("PRAGMA quick_check(1)").fetchone()
        found = self._base.execute("SELECT count(*), coalesce(sum(weight), 0) FROM records").fetchone()
        return bool(word == "ok" and found == (self.records, self.weight))

    def append(self, items: Sequence[Item]) -> range:
        """Put records behind all others; returns their rows. All of them are on disk then, or none."""
        weight = sum(item.weight for item in items)
        self._base.execute("BEGIN")
        try:
            self._base.executemany(APPEND, map(_raw, items))
            (last,) = self._base.execute("SELECT last_insert_rowid()").fetchone()
            self._count(len(items), weight)
            self._base.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        self.records, self.weight = self.records + len(items), self.weight + weight
        return range(last - len(items) + 1, last + 1)

    def read(self, after: int, records: int, size: int) -> list[Row]:
        """The oldest after a row: at most so many, and no more than one beyond so many bytes."""
        found: list[Row] = []
        for raw in self._base.execute(NEXT, (after, records)):
            found.append(_row(raw))
            size -= found[-1].item.size
            if size <= 0:
                break
        return found

    def release(self, until: int) -> None:
        """Forget everything up to a row."""
        (weight, records) = self._base.execute(
            "SELECT coalesce(sum(weight), 0), count(*) FROM records WHERE row <= ?", (until,)
        ).fetchone()
        if records:
            self._replace("DELETE FROM records WHERE row <= ?", [(until,)], [], -records, -weight)

    def shed(self, after: int, bound: int, where: str) -> Shed:
        """Let the oldest after a row go until the file is within its bound; gaps stand where they were.

        What is left over is at least the newest.
        """
        over = self.bytes - bound
        if over <= 0:
            return Shed()
        gone = [*self._oldest(after, over + bound // SLACK)]
        gaps = _told(gone, where)
        lost = sum(item.weight for _, item in gone) - sum(row.item.weight for row in gaps)
        if len(gaps) == len(gone):
            return Shed()
        rows = [(row,) for row, _ in gone]
        self._replace("DELETE FROM records WHERE row = ?", rows, gaps, len(gaps) - len(gone), -lost)
        return Shed(lost, len(gone) - len(gaps))

    def close(self) -> None:
        """Close the file; one that holds nothing is removed."""
        self._base.close()
        if not self.records:
            remove(self.path)

    def _settle(self, survives: Survival) -> None:
        """Lock the file for this process, so that a record cannot be sent by two, and make what is missing."""
        run = self._base.execute
        run(f"PRAGMA page_size = {PAGE}")
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {'FULL' if survives == 'power' else 'NORMAL'}")
        run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        run(f"PRAGMA journal_size_limit = {KEPT_LOG}")
        (layout,) = run("PRAGMA user_version").fetchone()
        if layout not in (0, LAYOUT):
            raise sqlite3.DatabaseError(f"expected layout {LAYOUT}, found {layout}")
        run("BEGIN IMMEDIATE")
        for statement in filter(None, map(str.strip, TABLES.split(";\n"))):
            run(statement)
        run("COMMIT")

    def _oldest(self, after: int, need: int) -> Iterator[Row]:
        """The oldest after a row that hold so many bytes together; never the newest of all."""
        (newest,) = self._base.execute("SELECT coalesce(max(row), 0) FROM records").fetchone()
        for raw in self._base.execute(NEXT, (after, -1)):
            row = _row(raw)
            if row.row == newest or need <= 0:
                return
            need -= row.item.size
            yield row

    def _replace(self, delete: str, gone: Sequence[tuple[int]], come: Sequence[Row], records: int, weight: int) -> None:
        self._base.execute("BEGIN")
        try:
            self._base.executemany(delete, gone)
            self._base.executemany(PLACE, ((row, *_raw(item)) for row, item in come))
            self._count(records, weight)
            self._base.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        self.records, self.weight = self.records + records, self.weight + weight

    def _count(self, records: int, weight: int) -> None:
        self._base.execute("UPDATE totals SET records = records + ?, weight = weight + ?", (records, weight))

    def _undo(self) -> None:
        if self._base.in_transaction:
            self._base.execute("ROLLBACK")


def remove(path: Path) -> None:
    """Remove a file and what SQLite keeps beside it."""
    for end in FILES:
        Path(f"{path}{end}").unlink(missing_ok=True)


def move(path: Path, to: Path) -> None:
    """Rename a file and what SQLite keeps beside it."""
    to.parent.mkdir(parents=True, exist_ok=True)
    for end in FILES:
        if (each := Path(f"{path}{end}")).exists():
            each.replace(f"{to}{end}")


def _raw(item: Item) -> Raw:
    payload = item.payload
    gap = isinstance(payload, Gap)
    message = codec.encode(payload) if isinstance(payload, Gap) else payload
    assert isinstance(message, bytes)
    return item.camera, item.session, item.seq, item.t_ns, item.weight, int(gap), message


def _row(raw: tuple[Any, ...]) -> Row:
    """A row as it was read; SQLite gives other types where a page was hit by chance and still looks sound.

    Raises:
        sqlite3.DatabaseError: If it is no row of ours.
    """
    row, camera, session, seq, t_ns, weight, gap, message = raw
    if tuple(map(type, raw)) != TYPES:
        raise sqlite3.DatabaseError(f"expected a record in row {row}, found something else")
    payload: Record | bytes = message
    if gap:
        with suppress(DecodeError):  # its consumer will refuse it, and count it
            payload = codec.decode(message)
    return Row(row, Item(camera, session, seq, t_ns, payload, len(message), 0.0, weight))


def _told(gone: Sequence[Row], where: str) -> list[Row]:
    """The gaps that stand for what was let go: one per camera and session, where its first record stood."""
    found: dict[tuple[str, str], Row] = {}
    for row, item in gone:
        gap = item if isinstance(item.payload, Gap) else missed(item, "spool_full", where)
        first = found.setdefault((item.camera, item.session), Row(row, gap))
        if first.item is not gap:
            found[item.camera, item.session] = first._replace(item=_both(first.item, gap, where))
    return [*found.values()]


def _both(a: Item, b: Item, where: str) -> Item:
    whole = merged(a, b)
    return replace(whole, payload=replace(gap_of(whole), reason="spool_full", where=where))


def _text(raw: bytes) -> str:
    """Text that was hit by chance is still text."""
    return raw.decode("utf-8", "replace")
