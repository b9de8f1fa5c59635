"""How far each camera had come on an edge when its consumer last looked, kept for the consumer after it.

When both ends of an edge die at once, what was between them is gone, and neither of the new ones knows of it. What the
consumer had finished with is therefore noted, and when another producer comes, the hole is told as a gap.

Of each camera's last sessions a note is written a few times a second. Where something comes of the records, a page of
memory per camera says beside it what of the newest was finished with since: a hole that began earlier than it did
would cover frames of which parts had been judged, and call those judgements into question. Both lag behind the truth
rather than lead it. They survive the death of every process; after a loss of power they may be older than the truth,
which makes the gap longer, or unreadable, which is the same as none. A stream that ended well stays noted: if it turns
out later that its sources had given more, what is missing is known.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.digests import blake2s
from pipeline.notices import board
from pipeline.records import Gap, Record
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.came import MARKED, Came, Trails
from pipeline.transport.page import LONGEST, Page

FOLDER = "reached"
CHECK = 8  # bytes of a digest before each note
MOST = 1 << 20
UNKEPT = "cannot keep how far a camera has come: {error}; if both ends of an edge are killed at once, its gap is longer"
UNKNOWN = "?"  # the producer, where there is a page and no note


class Note(Struct, frozen=True, array_like=True):
    """Whose numbers they were, camera → its last sessions, each with the seq it had come to, and whether that was all
    of it.
    """

    edge: str
    producer: str
    came: Trails
    ended: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Note).decode


class Reached:
    """The notes of one inbox; for its lane's thread alone.

    Args:
        state: Folder of what outlives the line; without it nothing is kept.
    """

    def __init__(self, state: Path | None) -> None:
        self._folder = state / FOLDER if state else None
        self._files: dict[str, int] = {}
        self._pages: dict[tuple[str, str, str], Page] = {}  # edge, camera, session
        self._over: set[str] = set()

    def recall(self, arrivals: Arrivals) -> Arrivals:
        """Tell the consumer of an edge how far the one before it had come."""
        path = self._path(arrivals.edge)
        if path is None:
            return arrivals
        note = _read(path)
        known = note is not None and note.edge == arrivals.edge
        note = note if note and known else Note(arrivals.edge, UNKNOWN, {})
        came = note.came if note.ended else _later(note.came, path)
        if known or came:
            arrivals.remember(note.producer, came, ended=note.ended)
        return arrivals

    def meet(self, arrivals: Arrivals, producer: str, base: int) -> None:
        """A producer greets; the first one of an edge is noted: a page alone does not say whose records it counts."""
        arrivals.meet(producer, base)
        path = self._path(arrivals.edge)
        if path is None or arrivals.torn or path.exists():
            return
        with suppress(OSError):  # a page is kept or told to be unkept by itself
            self._write(arrivals.edge, path, _encode(Note(arrivals.edge, arrivals.producer, {})))

    def done(self, edge: str, record: Record) -> None:
        """The consumer has finished with a record of an edge, and with all before it."""
        page = self._pages.get((edge, record.camera, record.session)) or self._turned(edge, record)
        numbers, frames = page.numbers, (record.last if isinstance(record, Gap) else record.seq) + 1
        numbers[0] = max(numbers[0], frames)
        if isinstance(record, MARKED) and record.watermark is not None:
            numbers[1] = record.watermark + 1

    def keep(self, arrivals: Arrivals) -> None:
        """Note how far an edge has come, if that is news."""
        path, edge = self._path(arrivals.edge), arrivals.edge
        over = arrivals.ended and arrivals.done == arrivals.received
        if path is None or (over and edge in self._over):
            return
        try:
            came = arrivals.trails() if over else arrivals.milestone()
            if came is not None:
                self._write(edge, path, _encode(Note(edge, arrivals.producer, came, over)))
                (self._over.add if over else self._over.discard)(edge)
            board.settle(f"reached {edge}")
        except OSError as error:
            board.raise_(
                f"reached {edge}",
                f"cannot keep how far edge '{edge}' has come: {error}; if both its ends are killed at once, "
                f"what is between them is missing without a word",
            )

    def _turned(self, edge: str, record: Record) -> Page:
        """The page of a camera, for another session than before."""
        before = next((key for key in self._pages if key[:2] == (edge, record.camera)), None)
        name, path = f"{record.camera}\0{record.session}", self._path(edge)
        path = _beside(path, record.camera) if path and len(name.encode()) <= LONGEST else None
        page = self._pages.pop(before) if before else Page(path, UNKEPT)
        page.begin(name)
        self._pages[edge, record.camera, record.session] = page
        return page

    def forget(self, edge: str) -> None:
        """The edge is no more."""
        if (file := self._files.pop(edge, None)) is not None:
            os.close(file)
        for key in [key for key in self._pages if key[0] == edge]:
            self._pages.pop(key).close()
        if path := self._path(edge):
            for each in (path, *path.parent.glob(f"{path.name}-*")):
                each.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep no file open."""
        for file in self._files.values():
            os.close(file)
        for page in self._pages.values():
            page.close()
        self._files.clear()
        self._pages.clear()

    def _path(self, edge: str) -> Path | None:
        return self._folder and self._folder / blake2s(edge.encode(), digest_size=8).hexdigest()

    def _write(self, edge: str, path: Path, note: bytes) -> None:
        if edge not in self._files:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[edge] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = len(note).to_bytes(4, "big")
        os.pwrite(self._files[edge], size + _digest(size + note) + note, 0)


def _beside(note: Path, camera: str) -> Path:
    """The page of a camera beside the note of an edge."""
    return note.with_name(f"{note.name}-{blake2s(camera.encode(), digest_size=8).hexdigest()}")


def _later(came: Trails, note: Path) -> Trails:
    """What the pages say that was not noted yet."""
    found = {camera: [*trail] for camera, trail in came.items()}
    for path in note.parent.glob(f"{note.name}-*"):
        page = Page(path, UNKEPT)
        written = page.read()
        page.close()
        if written is not None and written.first:
            camera, _, session = written.name.partition("\0")
            _add(found.setdefault(camera, []), Came(session, written.first - 1, written.second - 1))
    return {camera: trail for camera, trail in found.items() if trail}


def _add(trail: list[Came], newest: Came) -> None:
    """A session that is in the trail has come further; one that is not follows it."""
    known = next((one for one in trail if one.session == newest.session), None)
    since = newest.since if newest.since is not None and newest.since >= 0 else known.since if known else None
    if known is None:
        trail.append(newest._replace(since=since))
    elif newest.seq >= known.seq:
        trail[trail.index(known)] = Came(known.session, newest.seq, since)


def _read(path: Path) -> Note | None:
    """A note that is whole."""
    try:
        held = path.read_bytes()[:MOST]
        note = held[4 + CHECK : 4 + CHECK + int.from_bytes(held[:4], "big")]
        return _decode(note) if _digest(held[:4] + note) == held[4 : 4 + CHECK] else None
    except (OSError, msgspec.DecodeError):
        return None


def _digest(note: bytes) -> bytes:
    return blake2s(note, digest_size=CHECK).digest()
