"""How a record lies on disk: a head that finds and proves it, what it is about, and its message.

The head is a magic word, the lengths of the two that follow, and a CRC-32 of each, so that a torn or flipped byte
costs the record that it hit and no other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from struct import Struct as Layout
from typing import NamedTuple
from zlib import crc32

import msgspec
from msgspec import Struct

from pipeline import codec
from pipeline.errors import DecodeError
from pipeline.records import Gap, Record
from pipeline.transport.came import Came, watermark
from pipeline.transport.item import Item, missed, shed

CHUNK = 1 << 18  # bytes read at a time
MAGIC = b"\x89KSp"
_head = Layout(">4sHIII")
HEAD = _head.size


class About(Struct, frozen=True, array_like=True, gc=False):
    """What a record is about."""

    row: int
    camera: str
    session: str
    seq: int
    t_ns: int
    weight: int
    gap: bool


class Row(NamedTuple):
    """A record on disk.

    Attributes:
        row: Its place in the order.
        item: What it was; a gap where its message was damaged.
        torn: Records handed over that the damage cost.
    """

    row: int
    item: Item
    torn: int = 0


class Segment(Struct):
    """One file: its first row, its bytes, the row after its last, and what is in it.

    Attributes:
        missing: Rows that are not in it; where nothing was torn, gaps stand for them.
        torn: It holds bytes that are no record.
        tails: How far each camera had come in it.
    """

    path: Path
    first: int
    size: int
    next: int
    records: int = 0
    weight: int = 0
    missing: int = 0
    torn: bool = False
    tails: dict[str, Came] = {}


class Found(NamedTuple):
    """Where a record lies in a stretch of bytes, and what it is about.

    Attributes:
        begin: Its first byte.
        message: The first byte of its message.
        end: The byte after its last.
        proof: CRC-32 of its message.
        about: What it is about.
    """

    begin: int
    message: int
    end: int
    proof: int
    about: About


_encode = msgspec.msgpack.Encoder().encode
_decode = codec.reader(About)


def written(row: int, item: Item) -> tuple[bytes, bytes]:
    """A record as it lies on disk: its head with what it is about, and its message."""
    payload = item.payload
    message = payload if isinstance(payload, bytes) else codec.encode(payload) if payload is not None else b""
    gap = isinstance(payload, Gap)
    about = _encode(About(row, item.camera, item.session, item.seq, item.t_ns, item.weight, gap))
    proof = crc32(about, len(message))  # begins with the length: a flip there is seen too
    return _head.pack(MAGIC, len(about), len(message), proof, crc32(message)) + about, message


def scan(data: bytes) -> Iterator[Found]:
    """Every record that lies whole in a stretch of bytes, judged by its head alone; what is none is passed over."""
    at = data.find(MAGIC)
    while at >= 0:
        found = _found(data, at)
        if found is None:
            at = data.find(MAGIC, at + 1)
        elif found.end > len(data):
            return
        else:
            yield found
            at = data.find(MAGIC, found.end)


def row(data: bytes, found: Found, where: str) -> Row:
    """The record that `scan` found; a gap that says so where its message is not what was written."""
    about, message = found.about, data[found.message : found.end]
    payload: Record | bytes = message
    if about.gap:
        with suppress(DecodeError):  # of another version: its consumer will refuse it, and count it
            payload = codec.decode(message)
    item = Item(about.camera, about.session, about.seq, about.t_ns, payload, len(message), 0.0, about.weight)
    if crc32(message) != found.proof:
        return Row(about.row, missed(item, "torn", where), about.weight)
    return Row(about.row, item)


def _found(data: bytes, at: int) -> Found | None:
    """The record that begins at a place, or None: there is none, or its beginning is damaged."""
    if at + HEAD > len(data):
        return None
    _, size, length, proof, sum_ = _head.unpack_from(data, at)
    begin = at + HEAD + size
    raw = data[at + HEAD : begin]
    if crc32(raw, length) != proof:
        return None
    try:
        return Found(at, begin, begin + length, sum_, _decode(raw))
    except msgspec.MsgspecError:
        return None


def look(path: Path, done: int) -> Segment:
    """What a segment holds after a row that is done."""
    data, first = path.read_bytes(), int(path.stem)
    segment = Segment(path, first, len(data), first)
    whole, last, tails = 0, first - 1, dict[str, Found]()
    for found in scan(data):
        whole += found.end - found.begin
        if found.about.row > done:
            segment.records += 1
            segment.weight += found.about.weight
        tails[found.about.camera] = found
        segment.missing += found.about.row - last - 1
        last = found.about.row
    segment.next = last + 1
    segment.torn = whole != len(data)
    segment.tails = {camera: _came(data, found) for camera, found in tails.items()}
    return segment


def _came(data: bytes, found: Found) -> Came:
    """The last frame that a record on disk speaks of."""
    item = row(data, found, "").item
    record = item.payload
    with suppress(DecodeError):
        record = codec.decode(record) if isinstance(record, bytes) else record
    if isinstance(record, Gap):
        return Came(item.session, record.last)
    return Came(item.session, item.seq, watermark(record) if isinstance(record, Record) else None)


def stretches(file: int, at: int, size: int) -> Iterator[tuple[int, bytes, list[Found]]]:
    """A file from a place on, in pieces that begin with a record: where each begins, its bytes, and what is in it."""
    chunk = CHUNK
    while at < size:
        data = os.pread(file, min(chunk, size - at), at)
        if not data:
            return
        found = [*scan(data)]
        yield at, data, found
        end = found[-1].end if found else 0
        if not end and at + chunk >= size:
            return
        chunk = CHUNK if end else chunk * 4
        at += end


def told(gone: Sequence[Row], where: str) -> list[Row]:
    """The gaps that stand for what was let go: one per camera and session, where its first record stood."""
    found: dict[tuple[str, str], Row] = {}
    for number, item, _ in gone:
        gap = item if isinstance(item.payload, Gap) else missed(item, "spool_full", where)
        first = found.setdefault((item.camera, item.session), Row(number, gap))
        if first.item is not gap:
            found[item.camera, item.session] = first._replace(item=shed(first.item, gap, where))
    return [*found.values()]
