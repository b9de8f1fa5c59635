"""What a screen has counted and hung up, kept in two files: a killed process goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import Struct

from nodes.drawing.portrait import Shown
from nodes.screen.tally import Kept
from nodes.sinks.journal import replace
from pipeline import codec
from pipeline.errors import KensaError
from pipeline.notices import board
from pipeline.records import Part, Regions, Verdict


class Hung(Struct, frozen=True):
    """A reject: both records as they travel."""

    name: str
    verdict: bytes
    record: bytes | None


_kept = msgspec.msgpack.Decoder(Kept).decode
_hung = msgspec.msgpack.Decoder(list[Hung]).decode
_encode = msgspec.msgpack.Encoder().encode


class Files:
    """The two files; None where nothing is to be kept. A disk that refuses is told, and holds nothing up.

    Args:
        path: Of what was counted; beside it `<path>.rejects` has the gallery.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def counted(self) -> Kept:
        """What was counted before; nothing where that cannot be read."""
        body = self._read(self._path)
        try:
            return _kept(body) if body else Kept()
        except msgspec.MsgspecError:
            return Kept()

    def hung(self) -> list[tuple[str, Shown]]:
        """The rejects, the oldest first."""
        body = self._read(self._beside)
        try:
            return [(each.name, _shown(each)) for each in _hung(body)] if body else []
        except (msgspec.MsgspecError, KensaError):
            return []

    def count(self, kept: Kept) -> None:
        """Keep what was counted."""
        self._write(self._path, _encode(kept))

    def hang(self, shown: Iterable[tuple[str, Shown]]) -> None:
        """Keep the rejects; the newest come first, as a gallery gives them."""
        if self._path is not None:
            found = [_packed(name, each) for name, each in shown]
            self._write(self._beside, _encode(found[::-1]))

    @property
    def _beside(self) -> Path | None:
        return Path(f"{self._path}.rejects") if self._path else None

    def _read(self, path: Path | None) -> bytes:
        if path is None or not path.exists():
            return b""
        said, _, body = path.read_bytes().partition(b"\n")
        return body if said == b"%08x" % crc32(body) else b""

    def _write(self, path: Path | None, body: bytes) -> None:
        if path is None:
            return
        key = f"screen {path} cannot write"
        try:
            replace(path, b"%08x\n%s" % (crc32(body), body))
        except OSError as error:
            text = (
                f"screen cannot keep its counts in {path}: {error.strerror or error}; after a restart they begin anew"
            )
            board.raise_(key, text)
        else:
            board.settle(key)


def _packed(name: str, shown: Shown) -> Hung:
    assert shown.verdict
    return Hung(name, codec.encode(shown.verdict), codec.encode(shown.record) if shown.record else None)


def _shown(hung: Hung) -> Shown:
    verdict, record = codec.decode(hung.verdict), codec.decode(hung.record) if hung.record else None
    assert isinstance(verdict, Verdict)
    assert record is None or isinstance(record, Part | Regions)
    return Shown(verdict, record)
