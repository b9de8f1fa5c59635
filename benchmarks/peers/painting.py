"""DuckDB and our kernel on the masks of an archive: how often each pixel is set, day by day, per camera and label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    n = np.cumsum([steps[:-1] for steps in maps.values()], axis=1)
    at = np.flatnonzero(n).astype(np.int32)
    which, x = at // (SIDE * SIDE), at // SIDE
    day, camera, label = (pa.array(column).dictionary_encode() for column in zip(*maps, strict=True))
    rows = {name: column.take(pa.array(which)) for name, column in (("camera", camera), ("label", label))}
    rows |= {"day": day.dictionary_decode().take(pa.array(which)), "x": pa.array(x - which * SIDE)}
    rows |= {"y": pa.array(at - x * SIDE), "n": pa.array(n.ravel()[at])}
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(rows), path, compression="zstd")
