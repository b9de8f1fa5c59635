"""Record ⇄ bytes: plain MessagePack, versioned, with limits on everything a stranger could send.

The wire is `[major, minor, record]`, the record a map whose `kind` names its type. A newer minor version only adds
fields, which are skipped, and kinds; another major version is refused. Any MessagePack library reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.errors import DecodeError, MaskError
from pipeline.masks import Mask, Rle
from pipeline.records import AnyRecord, Record

MAJOR, MINOR = 1, 5

MAX_BYTES = 4 << 20  # a message; larger ones are refused unread
MAX_ITEMS = 1 << 16  # in one array of an untyped message
MAX_KEYS = 1 << 12  # in one map of an untyped message
MAX_CONTAINERS = 1 << 16  # arrays and maps of an untyped message, all together
KEPT_BYTES = 64  # of a message that was refused


class Refused(msgspec.Struct, frozen=True):
    """What a receiver keeps of a message that it could not read.

    Attributes:
        reason: One word for counters: `malformed`, `version`, `oversized`.
        text: What was expected and what was found.
        head: Its first bytes.
        length: All its bytes, counted.
    """

    reason: str
    text: str
    head: bytes
    length: int


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    major: int
    minor: int
    record: AnyRecord


class _Stamp(msgspec.Struct, frozen=True, array_like=True):
    """The beginning of an envelope of any version; whatever follows is skipped unread."""

    major: int
    minor: int


def _as_rle(value: Any) -> Rle:
    if isinstance(value, Mask):
        return Rle(value.size, value.counts)
    raise TypeError(f"expected a record of plain values and masks, found {type(value).__name__} in it")


_encoder = msgspec.msgpack.Encoder(enc_hook=_as_rle)
_decoder = msgspec.msgpack.Decoder(_Envelope)
_stamps = msgspec.msgpack.Decoder(_Stamp)
_ARRAY = 0x93  # of three


def reader(kind: Any) -> Callable[[bytes | memoryview], Any]:
    """A decoder of messages of one type, or of several with tags, that fails in one way alone: msgspec.DecodeError.

    msgspec itself lets text that is not UTF-8 and nesting without end through as errors of other kinds.
    """
    decode = msgspec.msgpack.Decoder(kind).decode

    def read(message: bytes | memoryview) -> Any:
        try:
            return decode(message)
        except (UnicodeDecodeError, RecursionError) as error:
            raise msgspec.DecodeError(str(error)) from error

    return read


def encode(record: Record) -> bytes:
    """The record as one MessagePack message; masks that came as run lengths are written as they came."""
    return _encoder.encode(_Envelope(MAJOR, MINOR, record))  # type: ignore[arg-type]  # every kind there is


def decode(message: bytes | memoryview) -> AnyRecord:
    """The record in a message, every limit kept: costs memory and time in proportion to its bytes, at most.

    Raises:
        DecodeError: If it is too large, not MessagePack, not a record, or of another major version.
    """
    if len(message) < 2 or message[0] != _ARRAY or message[1] != MAJOR:
        _refuse_version(message)
    if len(message) > MAX_BYTES:
        _refuse_size(message)
    try:
        return _decoder.decode(message).record
    except (msgspec.DecodeError, MaskError, RecursionError, UnicodeDecodeError) as error:
        raise DecodeError("malformed", f"expected a record, found: {error}") from error


def version(message: bytes | memoryview) -> tuple[int, int]:
    """The (major, minor) version that a message of any version says it has.

    Raises:
        DecodeError: If it is too large or not an array that begins with two numbers.
    """
    _refuse_size(message)
    try:
        stamp = _stamps.decode(message)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DecodeError("malformed", f"expected [major, minor, record], found: {error}") from error
    return stamp.major, stamp.minor


def decode_generic(message: bytes | memoryview) -> dict[str, Any]:
    """The record in a message of any version as plain values: what a tap shows of what it does not know.

    Raises:
        DecodeError: If it is too large, not MessagePack, not `[major, minor, map]`, or holds more than the limits.
    """
    _refuse_size(message)
    try:
        opened = _open(message)
    except (ValueError, RecursionError, TypeError) as error:
        raise DecodeError("malformed", f"expected [major, minor, record], found: {_said(error)}") from error
    match opened:
        case [int(), int(), dict() as record, *_]:
            return record
    raise DecodeError("malformed", f"expected [major, minor, record], found: {type(opened).__name__}")


def refuse(message: bytes | memoryview, error: DecodeError) -> Refused:
    """What to keep of a message that was refused, and why."""
    return Refused(error.reason, str(error), bytes(message[:KEPT_BYTES]), len(message))


def _refuse_size(message: bytes | memoryview) -> None:
    if len(message) > MAX_BYTES:
        raise DecodeError("oversized", f"expected at most {MAX_BYTES} bytes, found {len(message)}")


def _refuse_version(message: bytes | memoryview) -> None:
    major, minor = version(message)
    if major != MAJOR:
        raise DecodeError(
            "version", f"expected a record of version {MAJOR}.x, found version {major}.{minor}; update the older side"
        )


def _open(message: bytes | memoryview) -> Any:
    """Unpack untyped values; containers are counted, for each empty one costs a byte there and 64 here."""
    import msgpack

    left = MAX_CONTAINERS

    def count(container: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"more than {MAX_CONTAINERS} arrays and maps")
        return container

    return msgpack.unpackb(
        message,
        list_hook=count,
        object_hook=count,
        strict_map_key=True,
        max_array_len=MAX_ITEMS,
        max_map_len=MAX_KEYS,
        max_ext_len=0,
    )


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
