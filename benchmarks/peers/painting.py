"""DuckDB and our kernel on the masks of an archive: how often each pixel is set, day by day, per camera and label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.batch.files import PAGE
from pipeline.batch.job import frugal
from pipeline.batch.runlengths import ends, runs

Ints = NDArray[np.int64]
Steps = NDArray[np.int32]

DAY = 24 * 3600 * 10**9
SIDE = 96  # px of a mask


def painted(folder: Path, path: Path) -> None:
    """DuckDB reads, and leaves a map per day, camera and label; our kernel takes the run lengths apart.

    Nothing in SQL comes near that kernel.
    """
    import duckdb
    import pyarrow as pa

    query = f"""select t_ns // {DAY} as day, camera, label, counts
        from read_parquet('{folder}/table=regions/*/*.parquet')"""
    frugal()
    size, maps = SIDE * SIDE + 1, dict[tuple[int, str, str], Steps]()
    for batch in duckdb.connect().sql(query).to_arrow_reader(1 << 17):
        keys, group = _grouped([batch[name].dictionary_encode() for name in ("day", "camera", "label")])
        found = runs(pa.chunked_array([batch["counts"]]), np.full(len(batch), SIDE * SIDE))
        steps = np.zeros(len(keys) * size, np.int32)
        for places, step in ends(found, group * size):
            np.add.at(steps, places, np.int32(step))
        for key, more in zip(keys, steps.reshape(-1, size), strict=True):
            maps[key] = maps[key] + more if key in maps else more
    _write(maps, path)


def _grouped(columns: list[Any]) -> tuple[list[tuple[int, str, str]], Ints]:
    """The combinations that there are of what columns say, and which each row is."""
    code, most = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        code, most = code * len(column.dictionary) + column.indices.to_numpy(), most * len(column.dictionary)
    there, group = np.unique(code, return_inverse=True) if most > len(code) else _pressed(code, most)
    at = np.unravel_index(there, [len(column.dictionary) for column in columns])
    told = (column.dictionary.take(row).to_pylist() for column, row in zip(columns, at, strict=True))
    return [*zip(*told, strict=True)], group


def _pressed(code: Ints, most: int) -> tuple[Ints, Ints]:
    there = np.flatnonzero(np.bincount(code, minlength=most))
    place = np.zeros(most, np.int64)
    place[there] = np.arange(len(there))
    return there, place[code]


def _write(maps: dict[tuple[int, str, str], Steps], path: Path) -> None:
    """Write how often each pixel is set, map by map, where it is at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = np.cumsum(np.stack([*maps.values()])[:, :-1], axis=1, dtype=np.int32)
    at = np.flatnonzero(n != 0).astype(np.int32)
    which, x = np.repeat(np.arange(len(n)), np.count_nonzero(n, axis=1)), at // SIDE
    days, cameras, labels = zip(*maps, strict=True)
    names = {"camera": pa.array(cameras), "label": pa.array(labels)}
    rows = {name: column.dictionary_encode().take(pa.array(which)) for name, column in names.items()}
    rows |= {"day": pa.array(np.array(days)[which]), "x": pa.array((x - which * SIDE).astype(np.int32))}
    rows |= {"y": pa.array(at - x * SIDE), "n": pa.array(n.ravel()[at])}
    path.parent.mkdir(exist_ok=True)
    # As Kensa writes its own results: pages as large, and dictionaries for names and counts alone.
    told = {"compression": "zstd", "max_rows_per_page": PAGE, "write_batch_size": PAGE, "write_statistics": False}
    pq.write_table(pa.table(rows), path, use_dictionary=["camera", "label", "n"], **told)
