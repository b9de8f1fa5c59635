"""How far each camera had come on an edge when its consumer last looked, kept for the consumer after it.

When both ends of an edge die at once, what was between them is gone, and neither of the new ones knows of it. What the
consumer had finished with is therefore noted a few times a second, behind rather than ahead of the truth, and when
another producer comes, the hole is told as a gap. Notes survive the death of every process; after a loss of power they
may be older than the truth, which makes the gap longer, or unreadable, which is the same as none.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.digests import blake2s
from pipeline.notices import board
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.came import Trails

FOLDER = "reached"
CHECK = 8  # bytes of a digest before each note
MOST = 1 << 20


class Note(Struct, frozen=True, array_like=True):
    """Whose numbers they were, and camera → its last sessions, each with the seq it had come to."""

    edge: str
    producer: str
    came: Trails


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

    def recall(self, arrivals: Arrivals) -> Arrivals:
        """Tell the consumer of an edge how far the one before it had come."""
        path = self._path(arrivals.edge)
        if path and (note := _read(path)) and note.edge == arrivals.edge:
            arrivals.remember(note.producer, note.came)
        return arrivals

    def keep(self, arrivals: Arrivals) -> None:
        """Note how far an edge has come, if that is news; forget one that has ended well."""
        path = self._path(arrivals.edge)
        if path is None:
            return
        try:
            if arrivals.ended and arrivals.done == arrivals.received:
                self.forget(arrivals.edge)
            elif (came := arrivals.milestone()) is not None:
                self._write(arrivals.edge, path, _encode(Note(arrivals.edge, arrivals.producer, came)))
            board.settle(f"reached {arrivals.edge}")
        except OSError as error:
            board.raise_(
                f"reached {arrivals.edge}",
                f"cannot keep how far edge '{arrivals.edge}' has come: {error}; if both its ends are killed at once, "
                f"what is between them is missing without a word",
            )

    def forget(self, edge: str) -> None:
        """The edge has ended well, or is no more."""
        if (file := self._files.pop(edge, None)) is not None:
            os.close(file)
        if path := self._path(edge):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep no file open."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def _path(self, edge: str) -> Path | None:
        return self._folder and self._folder / blake2s(edge.encode(), digest_size=8).hexdigest()

    def _write(self, edge: str, path: Path, note: bytes) -> None:
        if edge not in self._files:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[edge] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = len(note).to_bytes(4, "big")
        os.pwrite(self._files[edge], size + _digest(size + note) + note, 0)


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
