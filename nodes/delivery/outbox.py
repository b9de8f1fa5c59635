"""An outbox: what consumers are to be told, numbered, on the disk until they have it; SQLite keeps it.

It holds the newest `most` messages, whether they were delivered or not. Those that were not and must make room are
counted, and one message tells of them in their place: a consumer can tell what it never got from what never was.
What `append` has returned from survives a power cut; how far consumers came survives a kill, and after a power cut is
at worst a little behind, which costs repetitions.
"""

from __future__ import annotations

import errno
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nodes.delivery.envelope import Entry, Message, dropped
from nodes.sinks.events import iso
from nodes.sinks.room import log
from nodes.sqlite import checksum, examine, set_aside
from pipeline.clock import line_time

BUSY_S = 10.0  # how long one connection waits for another's transaction
LAYOUT = """
CREATE TABLE IF NOT EXISTS messages (
    sequence INTEGER PRIMARY KEY, id TEXT UNIQUE, kind TEXT, subject TEXT, time TEXT, body BLOB, crc INTEGER
);
CREATE TABLE IF NOT EXISTS newest (kind TEXT, subject TEXT, sequence INTEGER, id TEXT, time TEXT, body BLOB,
    PRIMARY KEY (kind, subject)
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value);
"""
HOLDER = ""  # who confirms where no consumer does: whatever takes messages


class Outbox:
    """One connection to an outbox; each thread has its own.

    Args:
        path: The file; one that is no outbox any more is kept as `<path>.damaged` and a new stream begun.
        most: Most messages that it holds.
        confirm: The consumers that must have a message before it is delivered; none where handing it over is enough.
        durable: Whether what is written must survive a power cut, too.
        check: Whether to look first if its pages fit together; one connection of several is enough.

    Attributes:
        path: The file.
        most: Most messages that it holds.
        stream: Its name: another outbox has another.

    Raises:
        OSError: If the disk refuses; so does every method.
    """

    def __init__(
        self, path: Path, most: int, confirm: Sequence[str] = (), *, durable: bool = True, check: bool = True
    ) -> None:
        self.path, self.most, self._confirm = path, most, tuple(confirm) or (HOLDER,)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _told(path):
            try:
                self._db = _opened(path, durable=durable, check=check)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._db = self._anew(error, durable=durable)
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO facts VALUES ('stream', ?)", (uuid.uuid4().hex[:12],))
        self.stream = str(self.fact("stream", ""))

    @property
    def last(self) -> int:
        """The newest number, 0 where there was never one."""
        return int(self.fact("last", 0))

    @property
    def confirmed(self) -> int:
        """Everything up to this number is delivered."""
        return min(self.place(who) for who in self._confirm)

    @property
    def waiting(self) -> int:
        """Messages that are not delivered and not dropped."""
        return self.last - max(self.confirmed, self._floor)

    @property
    def dropped(self) -> int:
        """Messages that had to make room before they were delivered, ever."""
        return int(self.fact("dropped", 0))

    @property
    def _floor(self) -> int:
        """Everything up to this number is gone."""
        return int(self.fact("floor", 0))

    def append(self, entries: Sequence[Entry], facts: Sequence[tuple[str, int | str]] = ()) -> int:
        """Number them and keep them, with some facts, all or nothing; what it holds already is not taken again.

        Returns:
            How many were new.
        """
        if not entries and not facts:
            return 0
        with self._writing():
            first = last = self.last
            for entry in entries:
                last += self._add(last + 1, entry)
            self._set([("last", last), *facts])
            self._make_room(last - self.most)
        return last - first

    def read(self, after: int, count: int) -> list[Message]:
        """The next messages after a number, in order; one that tells of those that were dropped comes first."""
        found: list[Message] = []
        if after < self._floor:
            found.append(dropped(self.stream, after + 1, self._floor, "overflow", iso(line_time.now_ns())))
            after = self._floor
        with _told(self.path):
            rows = self._db.execute(
                "SELECT sequence, id, kind, subject, time, body, crc FROM messages WHERE sequence > ? "
                "ORDER BY sequence LIMIT ?", (after, count),
            ).fetchall()  # fmt: skip
        for sequence, *about, crc in rows:
            whole = crc == checksum(*about)
            found.append(
                Message(self.stream, sequence, Entry(*about), sequence)
                if whole
                else dropped(self.stream, sequence, sequence, "damaged", iso(line_time.now_ns()))
            )
        return found

    def find(self, name: str) -> Message | None:
        """The message of an id; None where it is not held any more, or never was."""
        with _told(self.path):
            found = self._db.execute("SELECT sequence FROM messages WHERE id = ?", (name,)).fetchone()
        return next(iter(self.read(found[0] - 1, 1)), None) if found else None

    def current(self) -> list[Message]:
        """The newest message of each camera and each alarm: how things are, whatever was told of how they became so."""
        with _told(self.path):
            rows = self._db.execute("SELECT sequence, id, kind, subject, time, body FROM newest ORDER BY sequence")
            return [Message(self.stream, sequence, Entry(*about), sequence) for sequence, *about in rows]

    def unheard(self, history: int) -> list[Message]:
        """How things are where nobody knows it yet: of `current`, what waits behind others.

        Args:
            history: Messages up to this number waited while nobody could be reached; nothing is to be said where there
                are none, or one, which says itself how things are.
        """
        following = self.confirmed + 1
        return [one for one in self.current() if one.sequence > following] if history > following else []

    def place(self, consumer: str = HOLDER) -> int:
        """How far a consumer came."""
        return int(self.fact(f"place {consumer}", 0))

    def confirm(self, through: int, consumer: str = HOLDER) -> None:
        """A consumer has everything up to a number; one that says less than it did changes nothing."""
        if self.place(consumer) < through <= self.last:
            self.note([(f"place {consumer}", through)])

    def fact(self, name: str, default: int | str) -> int | str:
        """Something that was noted."""
        with _told(self.path):
            found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return found[0] if found else default

    def note(self, facts: Sequence[tuple[str, int | str]]) -> None:
        """Keep some facts, all or none."""
        with self._writing():
            self._set(facts)

    def close(self) -> None:
        """Close it."""
        with suppress(sqlite3.Error):
            self._db.close()

    def _add(self, sequence: int, entry: Entry) -> int:
        about = (entry.id, entry.kind, entry.subject, entry.time, entry.body)
        done = self._db.execute(
            "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", (sequence, *about, checksum(*about))
        )
        if done.rowcount > 0:
            newest = (entry.kind, entry.subject, sequence, entry.id, entry.time, entry.body)
            self._db.execute("INSERT OR REPLACE INTO newest VALUES (?, ?, ?, ?, ?, ?)", newest)
        return max(0, done.rowcount)

    def _make_room(self, floor: int) -> None:
        """Forget everything up to a number."""
        if floor <= self._floor:
            return
        lost = max(0, floor - max(self.confirmed, self._floor))
        self._db.execute("DELETE FROM messages WHERE sequence <= ?", (floor,))
        self._set([("floor", floor), ("dropped", self.dropped + lost)])

    def _set(self, facts: Sequence[tuple[str, int | str]]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with _told(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            try:
                self._db.execute("COMMIT")
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _anew(self, error: sqlite3.Error, *, durable: bool) -> sqlite3.Connection:
        kept = set_aside(self.path)
        log().error("outbox damaged; a new stream begins", error=str(error), kept_in=str(kept))
        return _opened(self.path, durable=durable, check=False)


def _opened(path: Path, *, durable: bool, check: bool) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        if check:
            examine(db)
        db.executescript(LAYOUT)
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite is refused, told as an error of the disk."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
        raise OSError(errno.ENOSPC if full else errno.EIO, f"{error}", str(path)) from error
