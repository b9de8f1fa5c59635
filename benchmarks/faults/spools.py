"""What the spools of a plant hold: records that were acknowledged and have not reached their sink."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline import codec
from pipeline.records import Gap, Part, Record, Tracks, Verdict
from pipeline.transport.segment import row, scan

Row = tuple[str, tuple[object, ...]]


def spooled(state: Path) -> Iterator[Row]:
    """Rows of the archive that what is in the spools of some hosts will become: its table, and its key there."""
    for segment in sorted(state.rglob("*.seg")):
        try:
            data = segment.read_bytes()
        except FileNotFoundError:
            continue  # its last record was just done
        for found in scan(data):
            payload = row(data, found, "").item.payload
            if payload:
                yield from key(payload if isinstance(payload, Record) else codec.decode(payload))


def key(record: Record) -> Iterator[Row]:
    """What names a record in the archive; a verdict goes to two sinks, so it may be another's and is left out."""
    who = (record.camera, record.session, record.seq)
    if isinstance(record, Tracks):
        yield "frames", (*who, "tracks")
    elif isinstance(record, Part):
        yield "parts", (*who, record.id, record.mark)
    elif not isinstance(record, Gap | Verdict):
        raise TypeError(f"expected what the archive takes, found {type(record).__name__}")
