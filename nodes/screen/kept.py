"""What a screen has counted and hung up, kept in one file: a killed process goes on where it was, to the verdict.

SQLite keeps it, in one transaction for each batch of records: a batch that a killed process had not kept comes to it
again, and of one that it had kept it knows every verdict.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nodes.drawing.portrait import Shown
from nodes.screen.rejects import Rejects
from nodes.screen.tally import Kept, Tally
from nodes.sinks.room import log
from nodes.sqlite import checksum, examine, set_aside
from pipeline import codec
from pipeline.errors import KensaError
from pipeline.notices import board
from pipeline.records import Part, Regions, Verdict

Key = tuple[str, str]  # kind and name
T = TypeVar("T")
LAYOUT = "CREATE TABLE IF NOT EXISTS kept (kind TEXT, name TEXT, body BLOB, crc INTEGER, PRIMARY KEY (kind, name))"
PUT = "INSERT INTO kept VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body, crc = excluded.crc"
SYNCHRONOUS = "NORMAL"
GONE = "DELETE FROM kept WHERE kind = ? AND name = ?"


class Hung(Struct, frozen=True):
    """A verdict that is shown, and what was seen of it: both as they travel."""

    verdict: bytes
    record: bytes | None


class Change(Struct, frozen=True):
    """What is to be kept.

    Attributes:
        put: What is new, or another one, in order.
        gone: What is no more.
        anew: Everything is in `put`: nobody knows what was kept before.
    """

    put: list[tuple[Key, bytes]]
    gone: list[Key]
    anew: bool


_encode = msgspec.msgpack.Encoder().encode
_kept = msgspec.msgpack.Decoder(Kept).decode
_hung = msgspec.msgpack.Decoder(Hung).decode


class Memory:
    """The file. A disk that refuses is told, and holds nothing up.

    Args:
        path: Where it is; None where nothing is to be kept. What is no memory of a screen there is set aside as
            `<path>.damaged`.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._known: dict[Key, object] = {}
        self._sure = False  # that the file has what is known

    def counted(self) -> Kept:
        """What was counted before; nothing where that cannot be read."""
        found = [kept for _, body in self._read("counts") if (kept := _tried(_kept, body))]
        kept = found[0] if found else Kept()
        kept.heard = [name for name, _ in self._read("heard")] if found else []
        return kept

    def recall(self, rejects: Rejects) -> None:
        """Hang up what hung before."""
        for _, body in self._read("part"):
            if part := _tried(codec.decode, body):
                rejects.see(part)
        rejects.pin(name for name, _ in self._read("pinned"))
        for name, body in self._read("shown"):
            if shown := _tried(_unpacked, body):
                rejects.put(name, shown)

    def changes(self, tally: Tally, rejects: Rejects) -> Change:
        """What is other than when this was asked last; give it to `keep` before you ask again."""
        if not self._sure:
            self._known = {}
        now: dict[Key, object] = {("counts", ""): replace(tally.kept, heard=[])}
        now |= {("part", str(key)): part for key, part in rejects.parts}
        now |= {("shown", name): shown for name, shown in reversed([*rejects])}
        now |= {("pinned", name): True for name in rejects.pinned}
        put = [(key, _packed(each)) for key, each in now.items() if self._known.get(key) is not each]
        gone = [*self._known.keys() - now.keys()]
        self._known = now
        heard, forgotten = tally.news()
        heard = heard if self._sure else tally.whole().heard
        put += [(("heard", short), b"") for short in heard]
        return Change(put, [*gone, *(("heard", short) for short in forgotten)], not self._sure)

    def keep(self, change: Change) -> None:
        """Keep it, all of it or nothing."""
        if self._path is None:
            return
        key = f"screen {self._path} cannot write"
        try:
            self._write(self._opened(self._path), change)
        except (OSError, sqlite3.Error) as error:
            self.close()
            said = (error.strerror if isinstance(error, OSError) else "") or error
            board.raise_(key, f"screen cannot keep its counts in {self._path}: {said}; after a restart they begin anew")
        else:
            self._sure = True
            board.settle(key)

    def close(self) -> None:
        """Close the file; it is opened again where something is to be kept."""
        self._sure = False
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    @staticmethod
    def _write(db: sqlite3.Connection, change: Change) -> None:
        with db:
            if change.anew:
                db.execute("DELETE FROM kept")
            db.executemany(GONE, change.gone)
            db.executemany(PUT, ((*key, body, checksum(*key, body)) for key, body in change.put))

    def _read(self, kind: str) -> Iterator[tuple[str, bytes]]:
        """Name and body of everything of a kind, in the order in which it came."""
        if self._path is None or not self._path.exists():
            return
        found = "SELECT name, body, crc FROM kept WHERE kind = ? ORDER BY rowid"
        try:
            rows = self._opened(self._path).execute(found, (kind,)).fetchall()
        except (OSError, sqlite3.Error) as error:
            log().error("what the screen had counted is not readable", path=str(self._path), error=str(error))
            return
        yield from ((name, body) for name, body, crc in rows if crc == checksum(kind, name, body))

    def _opened(self, path: Path) -> sqlite3.Connection:
        if self._db is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = connected(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._db = _anew(path, error)
        return self._db


def connected(path: Path) -> sqlite3.Connection:
    """The file, whole and ready; what was kept survives a kill at once, a power cut up to the last seconds."""
    db = sqlite3.connect(path, check_same_thread=False)
    try:
        db.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        db.execute("PRAGMA journal_mode = WAL")
        examine(db)
        db.execute(LAYOUT)
    except BaseException:
        db.close()
        raise
    return db


def _anew(path: Path, error: sqlite3.Error) -> sqlite3.Connection:
    """Begin anew; what stands there is somebody else's, or damaged."""
    aside = set_aside(path)
    log().error("what the screen had counted is damaged; it begins anew", error=str(error), kept_in=str(aside))
    return connected(path)


def _tried(read: Callable[[bytes], T], body: bytes) -> T | None:
    try:
        return read(body)
    except (msgspec.MsgspecError, KensaError):
        return None


def _packed(each: object) -> bytes:
    match each:
        case Shown(verdict=Verdict() as verdict, record=record):
            return _encode(Hung(codec.encode(verdict), codec.encode(record) if record else None))
        case Part():
            return codec.encode(each)
    return _encode(each)


def _unpacked(body: bytes) -> Shown:
    hung = _hung(body)
    verdict, record = codec.decode(hung.verdict), codec.decode(hung.record) if hung.record else None
    assert isinstance(verdict, Verdict)
    assert record is None or isinstance(record, Part | Regions)
    return Shown(verdict, record)
