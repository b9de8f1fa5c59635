"""Recordings: what the sources of a line gave, in a file of wire messages one after the other.

The first message is a header, and a message before the first record of each session says which
source it came from. Both are `[major, minor, map]` like any record, so any MessagePack library
reads the whole file. A file whose writer was killed lacks its last record at most.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

import msgspec
from msgspec import Struct

from pipeline import codec
from pipeline.errors import DecodeError, KensaError
from pipeline.records import AnyRecord, Record

CHUNK = 1 << 16
NOTES = ("recording", "origin")


class RecordingError(KensaError):
    """A file that is not a recording, or one that is damaged."""


class Header(Struct, frozen=True, kw_only=True, tag_field="kind", tag="recording"):
    """What a recording holds.

    Attributes:
        line: Name of the line.
        sources: Its sources, as the topology names them.
        versions: Of what wrote it: package → version.
    """

    line: str
    sources: tuple[str, ...]
    versions: dict[str, str] = {}


class Origin(Struct, frozen=True, kw_only=True, tag_field="kind", tag="origin"):
    """Which source the records of a session come from."""

    session: str
    node: str


class Given(NamedTuple):
    """A record, and the node that gave it."""

    node: str
    record: Record


class _Kind(Struct, frozen=True):
    kind: str


class _Peek(Struct, frozen=True, array_like=True):
    major: int
    minor: int
    content: _Kind


class _Note(Struct, frozen=True, array_like=True):
    major: int
    minor: int
    content: Header | Origin


_encoder = msgspec.msgpack.Encoder()
_peek: Callable[[bytes], _Peek] = codec.reader(_Peek)
_note: Callable[[bytes], _Note] = codec.reader(_Note)


def header(line: str, sources: Iterable[str]) -> Header:
    """The header of a recording that is made now, by this version."""
    return Header(line=line, sources=tuple(sources), versions={"kensa": version("kensa")})


class Writer:
    """Writes a recording; each record is with the operating system when `write` returns.

    Raises:
        RecordingError: If the file exists already.
    """

    def __init__(self, path: str | Path, header: Header) -> None:
        try:
            self._file: IO[bytes] = Path(path).open("xb", buffering=0)  # noqa: SIM115 - it outlives this function
        except FileExistsError as error:
            raise RecordingError(f"{path}: expected a new file, found one; remove it or choose another name") from error
        self._origins: dict[str, str] = {}
        self._say(header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, node: str, record: Record) -> None:
        """Add what a node gave."""
        if self._origins.get(record.session) != node:
            self._origins[record.session] = node
            self._say(Origin(session=record.session, node=node))
        self._file.write(codec.encode(record))

    def _say(self, note: Header | Origin) -> None:
        self._file.write(_encoder.encode((codec.MAJOR, codec.MINOR, note)))


class Recording:
    """A recording to be read, as often as wanted; memory does not grow with the file.

    Attributes:
        path: The file.
        header: What it holds.
        unfinished: After it was read to its end: how many bytes of an unfinished record it ends with.

    Raises:
        RecordingError: If there is no such file, or it is not a recording.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.unfinished = 0
        try:
            with self.path.open("rb") as file:
                first = next(split(_chunks(file)), b"")
                found = _note(first).content
        except OSError as error:
            raise RecordingError(f"{path}: expected a recording, but it cannot be read: {error.strerror}") from error
        except (msgspec.MsgspecError, DecodeError) as error:
            raise RecordingError(f"{path}: expected a recording; write one with `kensa record`") from error
        if not isinstance(found, Header):
            raise RecordingError(
                f"{path}: expected the header of a recording first, got a note on session '{found.session}'"
            )
        self.header = found

    def __iter__(self) -> Iterator[Given]:
        """Every record with the node that gave it, in the order in which they were written.

        Raises:
            RecordingError: If the file is damaged elsewhere than at its end.
        """
        origins: dict[str, str] = {}
        with self.path.open("rb") as file:
            for number, message in enumerate(self._messages(file)):
                try:
                    found = _read(message)
                except (DecodeError, msgspec.MsgspecError) as error:
                    raise RecordingError(f"{self.path}: message {number} is damaged: {error}") from error
                if isinstance(found, Origin):
                    origins[found.session] = found.node
                elif not isinstance(found, Header):
                    yield Given(origins.get(found.session, ""), found)

    def _messages(self, file: IO[bytes]) -> Iterator[bytes]:
        try:
            self.unfinished = yield from split(_chunks(file))
        except DecodeError as error:
            raise RecordingError(f"{self.path}: {error}") from error


def split(chunks: Iterable[bytes]) -> Generator[bytes, None, int]:
    """Cut a stream of MessagePack into its messages; returns how many bytes at its end are no whole message.

    Raises:
        DecodeError: If a message is larger than any record, or the stream is not MessagePack.
    """
    import msgpack

    unpacker = msgpack.Unpacker(max_buffer_size=codec.MAX_BYTES + 2 * CHUNK)
    held, start = bytearray(), 0
    for chunk in chunks:
        unpacker.feed(chunk)
        held += chunk
        for end in _ends(unpacker):
            yield bytes(held[: end - start])
            del held[: end - start]
            start = end
        if len(held) > codec.MAX_BYTES:
            raise DecodeError(
                "oversized", f"expected messages of at most {codec.MAX_BYTES} bytes, got more at byte {start}"
            )
    return len(held)


def _ends(unpacker: Any) -> Iterator[int]:
    """Where each message ends that is there as a whole."""
    import msgpack

    while True:
        try:
            unpacker.skip()
        except msgpack.OutOfData:
            return
        except ValueError as error:
            raise DecodeError("malformed", f"expected MessagePack at byte {unpacker.tell()}: {error}") from error
        yield unpacker.tell()


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _read(message: bytes) -> Header | Origin | AnyRecord:
    if _peek(message).content.kind in NOTES:
        return _note(message).content
    return codec.decode(message)
