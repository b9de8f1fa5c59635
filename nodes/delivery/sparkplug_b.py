"""Payloads of Sparkplug B 3.0: what is written and read of its protobuf message, field by field.

https://github.com/eclipse-sparkplug/sparkplug, `sparkplug_b.proto`; the wire format is Protocol Buffers'.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

Value = bool | int | float | str | None
Type = Literal["Int64", "UInt64", "Double", "Boolean", "String"]
CODES: dict[Type, int] = {"Int64": 4, "UInt64": 8, "Double": 10, "Boolean": 11, "String": 12}
LARGEST = 1 << 20  # bytes of a payload that is read
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MASK = (1 << 64) - 1


class Metric(Struct, frozen=True):
    """One value.

    Attributes:
        name: Its name.
        type: Its datatype.
        value: What it is; None where nobody knows.
        time_ms: Since when, ms since the Unix epoch, UTC.
        historical: It is of the past and must not change what is shown as the present.
    """

    name: str
    type: Type
    value: Value
    time_ms: int
    historical: bool = False


class PayloadError(Exception):
    """Bytes that are no payload."""


def payload(metrics: Iterable[Metric], time_ms: int | None, seq: int | None) -> bytes:
    """A payload; only the certificate of death has neither time nor `seq`."""
    said = b"" if time_ms is None else _number(1, time_ms)
    said += b"".join(_bytes(2, _metric(each)) for each in metrics)
    return said if seq is None else said + _number(3, seq)


def commands(data: bytes) -> dict[str, Value]:
    """The metrics of a command by their names.

    Raises:
        PayloadError: If it is none.
    """
    if len(data) > LARGEST:
        raise PayloadError(f"expected at most {LARGEST:,} bytes, found {len(data):,}")
    found: dict[str, Value] = {}
    for field, value in _fields(data):
        if field == 2 and isinstance(value, bytes):
            name, said = _read(value)
            found[name] = said
    return found


def _metric(metric: Metric) -> bytes:
    said = _bytes(1, metric.name.encode()) + _number(3, metric.time_ms) + _number(4, CODES[metric.type])
    if metric.historical:
        said += _number(5, 1)
    if metric.value is None:
        return said + _number(7, 1)
    match metric.type:
        case "Int64" | "UInt64":
            return said + _number(11, int(metric.value))
        case "Double":
            return said + _key(13, FIXED64) + struct.pack("<d", float(metric.value))
        case "Boolean":
            return said + _number(14, bool(metric.value))
        case "String":
            return said + _bytes(15, str(metric.value).encode())


def _read(data: bytes) -> tuple[str, Value]:
    """Name and value of a metric."""
    name = ""
    value: Value = None
    for field, found in _fields(data):
        match field, found:
            case 1, bytes():
                name = _text(found)
            case 10 | 11, int():
                value = found
            case 14, int():
                value = bool(found)
            case 15, bytes():
                value = _text(found)
    return name, value


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PayloadError(f"expected UTF-8, found {data[:16]!r}") from error


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and content of each field."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 1 | 5 as kind:
                at += 8 if kind == FIXED64 else 4
            case 2:
                size, at = _varint(data, at)
                yield key >> 3, data[at : at + size]
                at += size
            case kind:
                raise PayloadError(f"expected a field of protobuf, found kind {kind} at byte {at}")
    if at != len(data):
        raise PayloadError(f"expected a whole field, found the end {at - len(data)} bytes too early")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return value & MASK, at
    raise PayloadError(f"expected a number, found none that ends, at byte {at}")


def _key(field: int, kind: int) -> bytes:
    return _digits(field << 3 | kind)


def _number(field: int, value: int) -> bytes:
    """Negative ones as two's complement of 64 bits, as protobuf has them."""
    return _key(field, VARINT) + _digits(value & MASK)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, BYTES) + _digits(len(value)) + value


def _digits(value: int) -> bytes:
    said = bytearray()
    while value > 0x7F:
        said.append(value & 0x7F | 0x80)
        value >>= 7
    said.append(value)
    return bytes(said)
