"""Gauges in the archive: JSON in one column, which costs nothing where nothing was gauged.

As columns of their own they would be fifty, and each file of an archive 17 kB larger and 2 ms slower, gauges or not.
DuckDB, Spark and BigQuery read JSON in a column. Masks in it are COCO run lengths, in base64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from pipeline.errors import MaskError, TableError
from pipeline.gauges import Gauge
from pipeline.masks import Mask, Rle


def told(gauges: Sequence[Gauge], *, masks: bool = True) -> str | None:
    """What the column holds for a region; None where nothing was gauged."""
    if not gauges:
        return None
    kept = gauges if masks else [replace(gauge, missing=None, extra=None) for gauge in gauges]
    return _encoder.encode(kept).decode()


def read(text: str | None) -> tuple[Gauge, ...]:
    """The gauges that it holds; none, where an older version wrote the row.

    Raises:
        TableError: If it is something else.
    """
    try:
        return _decoder.decode(text) if text else ()
    except (msgspec.DecodeError, MaskError) as error:
        raise TableError(f"expected gauges as JSON, found: {error}") from error


def _as_rle(value: Any) -> Rle:
    assert isinstance(value, Mask)
    return Rle(value.size, value.counts)


_encoder = msgspec.json.Encoder(enc_hook=_as_rle)
_decoder = msgspec.json.Decoder(tuple[Gauge, ...])
