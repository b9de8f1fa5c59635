"""The file of a field recording: what libcamera said, as it said it, and what the host did meanwhile.

A file of MessagePack values one after the other: a header, then `[kind, …]` for each event. Metadata are compressed
one by one, so a file whose writer was killed lacks its last event at most. Tuples come back as tuples, and numbers to
the bit; tensors are held in the smallest type that gives them back exactly.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
from msgspec.msgpack import Ext

from pipeline.errors import NodeError

KIND, FORMAT = "kensa metadata", 1
LONG = 32  # from this length on, a tuple of numbers is held as an array
ARRAYS = {1: "B", 2: "f", 3: "d", 4: "q"}
TUPLE = 9
ENCODER = "kensa.Encoder"  # beside what libcamera says about a frame: what the belt's encoder counted
CHUNK = 1 << 16


class Event(NamedTuple):
    """One thing that happened.

    Attributes:
        kind: `identity`, `load`, `start`, `raw`, `roi`, `controls` or `stop`.
        at_ns: When, on the sensor's clock.
        told: What belongs to it.
    """

    kind: str
    at_ns: int
    told: Any


class TakeWriter:
    """Writes a field recording; each event is with the operating system when `write` returns.

    Raises:
        NodeError: If the file exists already.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("xb", buffering=0)
        except FileExistsError as error:
            raise NodeError(f"{path}: expected a new file, found one; remove it or choose another name") from error
        self._file.write(msgspec.msgpack.encode({"kind": KIND, "format": FORMAT}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, event: Event) -> None:
        """Add an event."""
        told = zlib.compress(msgspec.msgpack.encode(packed(event.told)), 1)
        self._file.write(msgspec.msgpack.encode((event.kind, event.at_ns, told)))

    def close(self) -> None:
        """End the file."""
        self._file.close()


def events(path: Path) -> Iterator[Event]:
    """Everything in a field recording, in order; memory does not grow with the file.

    Raises:
        NodeError: If it is no such file, or is damaged.
    """
    found = _values(path)
    header = next(found, None)
    if not isinstance(header, dict) or header.get("kind") != KIND or header.get("format") != FORMAT:
        raise NodeError(f"{path}: expected a field recording of format {FORMAT}, found something else")
    for kind, at_ns, told in found:
        try:
            yield Event(kind, at_ns, _unpacked.decode(zlib.decompress(told)))
        except (zlib.error, msgspec.DecodeError) as error:
            raise NodeError(f"{path}: damaged at {kind} of {at_ns} ns: {error}") from error


def packed(value: Any) -> Any:
    """A value of libcamera with its tuples marked, so that they come back as tuples."""
    if isinstance(value, Mapping):
        return {name: packed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [packed(each) for each in value]
    if isinstance(value, tuple):
        return _array(value) or Ext(TUPLE, msgspec.msgpack.encode([packed(each) for each in value]))
    return value


def _array(values: tuple[Any, ...]) -> Ext | None:
    """A long tuple of nothing but ints, or of nothing but floats, in the first type that holds it exactly."""
    kinds = set(map(type, values)) if len(values) >= LONG else set()
    for code, letter in ARRAYS.items():
        if kinds == ({float} if letter in "fd" else {int}):
            held = _held(letter, values)
            if held is not None:
                return Ext(code, held.tobytes())
    return None


def _held(letter: str, values: tuple[Any, ...]) -> array[Any] | None:
    try:
        held = array(letter, values)
    except OverflowError:
        return None
    # Bit for bit where it is an array of floats: a NaN is not equal to itself, −0 is equal to 0.
    same = (
        held.tolist() == list(values) if letter != "f" else array("d", held).tobytes() == array("d", values).tobytes()
    )
    return held if same or letter == "d" else None


def _hook(code: int, data: memoryview) -> Any:
    if code == TUPLE:
        return tuple(_unpacked.decode(data))
    held = array(ARRAYS[code])
    held.frombytes(data)
    return tuple(held)


_unpacked = msgspec.msgpack.Decoder(ext_hook=_hook)


def _values(path: Path) -> Iterator[Any]:
    """The values of a file; the last one may be torn."""
    import msgpack

    reader = msgpack.Unpacker(max_buffer_size=1 << 26)
    try:
        with path.open("rb") as file:
            while data := file.read(CHUNK):
                reader.feed(data)
                yield from reader
    except OSError as error:
        raise NodeError(f"{path}: expected a field recording, found none: {error.strerror}") from error
    except (ValueError, msgpack.UnpackException) as error:
        raise NodeError(f"{path}: expected a field recording, found something else: {error}") from error
