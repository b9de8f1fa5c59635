"""How much memory a record holds, estimated without looking at a pixel."""

from __future__ import annotations

from pipeline.records import Frame, Image, Record, Regions, Tracks

PLAIN = 512  # bytes of a record and its strings
REGION = 512  # bytes of a measured region beside its mask


def nominal(record: Record) -> int:
    """Bytes that a record holds while it waits in memory: dense masks are counted as one byte per pixel."""
    match record:
        case Frame(size=(height, width)):
            pixels = height * width
            return PLAIN + sum(pixels + (len(layer.scores.data) if layer.scores else 0) for layer in record.layers)
        case Image(data=data):
            return PLAIN + len(data)
        case Regions(size=(height, width)):
            return PLAIN + len(record.regions) * (REGION + height * width)
        case Tracks(size=(height, width)):
            return PLAIN + len(record.tracks) * (REGION + height * width)
    return PLAIN
