"""What was counted of verdicts, kept beside the journal of alarms: a crash does not begin a row of rejects anew."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import Struct

from nodes.sinks.journal import replace

MOST = 1024  # records that may come again


class Memory(Struct, frozen=True):
    """What was counted.

    Attributes:
        rows: Matching verdicts in a row, by alarm.
        rates: Which of the last verdicts matched, by alarm: `1` and `0`, the oldest first.
        cameras: The cameras that were met: one that never comes again is missed.
        heard: Short ids of the records that were counted last: they are not counted again.
    """

    rows: dict[str, int] = {}
    rates: dict[str, str] = {}
    cameras: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Memory).decode


def write(path: Path, memory: Memory) -> None:
    """Keep it; a killed process leaves it whole or as it was before.

    Raises:
        OSError: If it cannot be written.
    """
    body = _encode(memory)
    replace(path, b"%08x %s" % (crc32(body), body))


def read(path: Path) -> Memory | None:
    """What was kept: nothing where nothing was; None where it cannot be read."""
    if not path.exists():
        return Memory()
    said, _, body = path.read_bytes().partition(b" ")
    if said != b"%08x" % crc32(body):
        return None
    try:
        return _decode(body)
    except msgspec.MsgspecError:
        return None
