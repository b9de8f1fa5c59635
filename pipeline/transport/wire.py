"""What travels on an edge: numbered records one way, and a few words each way that keep both ends agreed.

A record's frame is a MessagePack number (`0xcf` and 8 bytes, big-endian) and the record's message; a nil
instead of the message ends the stream; false ends it because the producer's host was stopped: it may come back, so
another host goes on waiting for it; true stands where an end was taken back. Where several wait, one frame brings
them: a signed MessagePack number (`0xd3` and 8 bytes), that of the first, and an array of their messages as binaries.
Everything else is a MessagePack array that begins with a word.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct as Layout
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from pipeline import codec
from pipeline.errors import DecodeError
from pipeline.records import Record

Name = Annotated[str, Meta(min_length=1, max_length=1024)]
Number = Annotated[int, Meta(ge=0)]

RECORD = 0xCF
PACK = 0xD3
HEAD = 9
PACKED = 128  # records in one frame, at most
PACKED_BYTES = 1 << 19  # beyond them another one is begun: each frame costs a waking at both ends
NIL = b"\xc0"
AWAY = b"\xc2"
TAKEN_BACK = b"\xc3"
WORDS = (NIL, AWAY, TAKEN_BACK)
MAX_FRAME = codec.MAX_BYTES + HEAD


class Who(Struct, frozen=True, array_like=True, tag="who"):
    """Consumer: a connection is new; who is there? The token names this run of the consumer."""

    token: Name


class Hello(Struct, frozen=True, array_like=True, tag="hello"):
    """Producer: its edge and incarnation, and the number it will send first; the token as it was asked."""

    token: Name
    edge: Name
    producer: Name
    base: Annotated[int, Meta(ge=1)]


class Ack(Struct, frozen=True, array_like=True, tag="ack"):
    """Consumer: taken up to a number (gives credit back), done up to another (may be forgotten), some refused."""

    token: Name
    taken: Number
    done: Number
    refused: dict[int, str] = {}


class Bye(Struct, frozen=True, array_like=True, tag="bye"):
    """Consumer: leaving, this was the last word. Producer: understood, or leaving too.

    Without it the last acknowledgement would be lost: ZeroMQ drops what a DEALER has not read when its peer goes.
    """

    token: Name


_head = Layout(">BQ").pack
_array = _binary = Layout(">BI").pack  # MessagePack's heads of 32 bits: what is packed is copied once
_number = Layout(">Q").unpack_from
encode = msgspec.msgpack.Encoder().encode
# What was encoded last: a lane hands one record to all its edges in a row. One slot, for it is written in one step.
_last: list[tuple[Record | None, bytes]] = [(None, b"")]
_messages = msgspec.msgpack.Decoder(Annotated[list[memoryview], Meta(max_length=PACKED)]).decode
decode_reply: Callable[[bytes], Who | Ack | Bye] = codec.reader(Who | Ack | Bye)
decode_greeting: Callable[[bytes | memoryview], Hello | Bye] = codec.reader(Hello | Bye)


def message(record: Record) -> bytes:
    """The record's message; encoded once for a record that goes to several edges."""
    known, message = _last[0]
    if known is not record:
        message = codec.encode(record)
        _last[0] = (record, message)
    return message


def frame(number: int, message: bytes) -> bytes:
    """A record's message with its number."""
    return _head(RECORD, number) + message


def packed(number: int, messages: list[bytes]) -> bytes:
    """Several records' messages with the number of the first."""
    parts = [_head(PACK, number), _array(0xDD, len(messages))]
    for message in messages:
        parts.append(_binary(0xC6, len(message)))
        parts.append(message)
    return b"".join(parts)


def unpacked(frame: memoryview) -> list[memoryview]:
    """The messages of several records.

    Raises:
        DecodeError: If it is anything else.
    """
    try:
        messages: list[memoryview] = _messages(frame[HEAD:])
    except msgspec.DecodeError as error:
        raise DecodeError("malformed", f"expected several records, found: {error}") from error
    return messages


def number_of(frame: bytes | memoryview) -> int:
    """The number of a record's frame."""
    number: int = _number(frame, 1)[0]
    return number
