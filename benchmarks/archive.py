"""The archive: how fast its sink writes beside a bare ParquetWriter, and how many bytes a mask takes beside others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace
from numpy.typing import NDArray

from benchmarks.figure import Figure, Limit, alternate, paired
from nodes.sinks.archive import archive
from nodes.sinks.shelf import shelf
from nodes.transforms.measure import measure
from pipeline.boxes import cropped
from pipeline.encodings import options
from pipeline.masks import Mask
from pipeline.records import Frame, Layer, Regions, Roi
from pipeline.table import rows

SIDE = 96  # px
BATCH = 4096  # records, as the sink's
BATCHES = 4
MASKS = BATCH * BATCHES  # no two are alike
ROUNDS = 5
LEAST = 25  # px; as `clean` leaves them
NOON = 1_795_348_800 * 10**9
Pixels = NDArray[np.bool_]
Tables = list[dict[str, pa.Table]]


def figures() -> Iterator[Figure]:
    """Rows a second, of records and of Arrow batches; bytes a mask in a Parquet file."""
    yield from _speeds()
    yield from _sizes()
    yield from _layouts()


def _speeds() -> Iterator[Figure]:
    """What a ParquetWriter leaves out: a file per batch that is whole or not there, its digest, its two syncs."""
    records, tables = _records(), _tables()
    count, limit = sum(len(table) for batch in tables for table in batch.values()), Limit("≥", 0.7)
    pairs = alternate(lambda: _rate(count, _sink, records), lambda: _rate(count, _writer, records), ROUNDS)
    yield paired("archive of records, rows/s of CPU", [*pairs], "the same rows, ParquetWriter", limit)
    pairs = alternate(lambda: _rate(count, _shelved, tables), lambda: _rate(count, _written, tables), ROUNDS)
    note = "both without making rows of records"
    yield paired("archive of Arrow batches, rows/s of CPU", [*pairs], "the same batches, ParquetWriter", limit, note)


def _rate(count: int, write: Callable[[Path, Any], None], given: Any) -> float:
    """Rows that were written per second of CPU."""
    with tempfile.TemporaryDirectory() as folder:
        begin = process_time()
        write(Path(folder), given)
        return count / (process_time() - begin)


def _sink(folder: Path, records: Any) -> None:
    archive(iter(records), path=str(folder))


def _writer(folder: Path, records: list[list[Regions]]) -> None:
    """One file per table, as everybody writes it: zstd, and else what pyarrow does by itself."""
    _written(folder, (rows(batch) for batch in records))


def _shelved(folder: Path, tables: Tables) -> None:
    with shelf(folder) as kept:
        for batch in tables:
            for name, table in batch.items():
                kept.commit(f"table={name}/date=2026-11-22", table, NOON)


def _written(folder: Path, tables: Any) -> None:
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        for batch in tables:
            for name, table in batch.items():
                if name not in writers:
                    path = folder / f"{name}.parquet"
                    writers[name] = stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
                writers[name].write_table(table)


def _sizes() -> Iterator[Figure]:
    """Regions as they are archived, of views with blobs that have rough edges, and scratches: a row per mask."""
    masks = [region.mask for batch in _records() for frame in batch for region in frame.regions]
    ours = _bytes([cropped(mask, mask.box) or b"" for mask in masks], ours=True)
    others = {
        "PNG, 1 bit": [_png(mask.dense) for mask in masks],
        "COCO RLE of the view": [mask.counts for mask in masks],
        "bit-packed": [np.packbits(mask.dense).tobytes() for mask in masks],
        "varint RLE in the box": [_varints(mask) for mask in masks],
    }
    for number, (peer, told) in enumerate(others.items()):
        theirs, limit = _bytes(told), None if number else Limit("≤", 28.0)
        note = f"{ours / theirs:.2f} × of that"
        yield Figure(f"bytes per mask of {SIDE}×{SIDE} px in Parquet", ours, limit, peer, theirs, note=note)


def _bytes(masks: list[bytes], *, ours: bool = False) -> float:
    table, sink = pa.table({"box_counts": pa.array(masks, pa.binary())}), pa.BufferOutputStream()
    how = options(table.schema) if ours else {"compression": "zstd", "compression_level": 3, "use_dictionary": False}
    pq.write_table(table, sink, **how)
    return float(len(sink.getvalue()) / len(masks))


def _png(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", pixels.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])[1])


def _varints(mask: Mask) -> bytes:
    """Run lengths as LEB128, down the columns of the bounding box."""
    x, y, width, height = mask.box
    out = bytearray()
    for run in Mask.from_dense(mask.dense[y : y + height, x : x + width]).runs:
        left = run
        while left > 127:
            out.append(left & 127 | 128)
            left >>= 7
        out.append(left)
    return bytes(out)


def _layouts() -> Iterator[Figure]:
    """All regions of a batch, with what was measured: as they are encoded here, and as pyarrow would by itself."""
    table = pa.concat_tables([batch["regions"] for batch in _tables()])
    ours, theirs = (
        len(_file(table, how)) / len(table)
        for how in (options(table.schema), {"compression": "zstd", "write_page_checksum": True})
    )
    what = "bytes per region, everything measured on it"
    yield Figure(what, ours, None, "pyarrow's own encodings", theirs, ours / theirs)


def _file(table: pa.Table, how: dict[str, Any]) -> Any:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **how)
    return sink.getvalue()


@cache
def _masks() -> list[Pixels]:
    dice = np.random.default_rng(1)
    return [_drawn(dice) for _ in range(MASKS)]


def _drawn(dice: np.random.Generator) -> Pixels:
    """(96, 96) bool: one to three blobs or scratches."""
    view = np.zeros((SIDE, SIDE), bool)
    while not view.any():
        for _ in range(int(dice.integers(1, 4))):
            view |= _blob(dice) if dice.random() < 0.6 else _scratch(dice)
    return view


def _blob(dice: np.random.Generator) -> Pixels:
    y, x = np.mgrid[:SIDE, :SIDE]
    (top, left), (high, wide) = dice.random(2) * SIDE, 2 + dice.random(2) * 10
    blob: Pixels = ((y - top) / high) ** 2 + ((x - left) / wide) ** 2 + dice.normal(0, 0.08, view_size()) < 1
    return blob


def _scratch(dice: np.random.Generator) -> Pixels:
    way = np.cumsum(np.vstack([dice.random(2) * SIDE, dice.normal(0, 4, (5, 2)) + dice.normal(0, 4, 2)]), axis=0)
    line = cv2.polylines(np.zeros(view_size(), np.uint8), [way.astype(np.int32)], False, 1, int(dice.integers(1, 4)))
    return np.asarray(line, bool)


def view_size() -> tuple[int, int]:
    """(height, width), px."""
    return SIDE, SIDE


@cache
def _records() -> list[list[Regions]]:
    """Batches of measured frames of sixteen cameras."""
    drawn, found = _masks(), list[Regions]()
    for number in range(BATCH * BATCHES):
        who: dict[str, Any] = {"camera": f"cam-{number % 16}", "session": "5d1c8e22", "seq": number // 16}
        layer = Layer("pit", Mask.from_dense(drawn[number]), 0.75)
        when = NOON + number // 16 * 33_333_333 + number % 16 * 977
        seen = Frame(
            **who,
            t_ns=when,
            size=view_size(),
            prompt="top",
            layers=(layer,),
            model="ab12cd34",
            roi=Roi(100, 200, 640, 640),
        )
        found.append(_measured(seen))
    return [found[at : at + BATCH] for at in range(0, len(found), BATCH)]


def _measured(frame: Frame) -> Regions:
    found = measure(frame)
    assert isinstance(found, Regions)
    return replace(found, regions=tuple(region for region in found.regions if region.area_px >= LEAST))


@cache
def _tables() -> Tables:
    return [rows(batch) for batch in _records()]
