"""Record ⇄ bytes: plain MessagePack, versioned, with limits on everything a stranger could send.

The wire is `[major, minor, record]`, the record a map whose `kind` names its type. A newer
minor version only adds fields, which are ignored; another major version is refused.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.errors import DecodeError, MaskError
from pipeline.masks import Mask
from pipeline.records import AnyRecord, Record

MAJOR, MINOR = 1, 0
MAX_BYTES = 4 << 20


class Rle(msgspec.Struct, frozen=True):
    """A mask on the wire: COCO compressed run lengths."""

    size: tuple[int, int]
    counts: bytes


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    major: int
    minor: int
    record: AnyRecord


def _encode_mask(value: Any) -> Any:
    return {"size": value.size, "counts": value.counts}


def _decode_mask(kind: type, value: Any) -> Any:
    rle = msgspec.convert(value, Rle)
    return Mask.from_counts(rle.size, rle.counts)


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_mask)
_decoder = msgspec.msgpack.Decoder(_Envelope, dec_hook=_decode_mask)
_PREFIX = bytes((0x93, MAJOR, MINOR))


def encode(record: Record) -> bytes:
    """The record as one MessagePack message."""
    return _PREFIX + _encoder.encode(record)


def decode(message: bytes | memoryview) -> AnyRecord:
    """The record in a message.

    Raises:
        DecodeError: If it is too large, not MessagePack, not a record, or of another major version.
    """
    if len(message) > MAX_BYTES:
        raise DecodeError("oversized", f"expected at most {MAX_BYTES} bytes, got {len(message)}")
    try:
        return _decoder.decode(message).record
    except (msgspec.DecodeError, MaskError, RecursionError) as error:
        raise DecodeError("malformed", str(error)) from error
