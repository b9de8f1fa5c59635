"""An archive to aggregate, of as many regions as are asked for; and DuckDB, which counts the same of it.

Usage: python -m benchmarks.peers.shelves write FOLDER ROWS, or … TASK FOLDER, where a task is one of `TASKS`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.batch.aggregating import Request, aggregate
from pipeline.batch.observing import Asked
from pipeline.batch.runlengths import runs
from pipeline.batch.windows import Calendar
from pipeline.columns import schema
from pipeline.masks import Mask

Ints = NDArray[np.int64]

CAMERAS, EACH, LABELS = 64, 3, ("pit", "scratch", "stain")
BEGIN, DAY = 1_793_491_200 * 10**9, 24 * 3600 * 10**9  # 2026-11-01, 00:00 UTC
HOUR = 3600 * 10**9
MEASURED = ", ".join(
    f"avg({m}), var_samp({m}), min({m}), max({m}), quantile_disc({m}, [0.5, 0.95, 0.99])" for m in ("area_px", "score")
)
QUERIES = (
    f"""create table told as select camera, label, t_ns // {HOUR} as t, count(*) as n, {MEASURED}
        from regions group by all""",
    f"""create table shares as select camera, t_ns // {HOUR} as t, label, count(distinct (session, seq)) as shown
        from regions group by all""",
    f"create table of_frames as select camera, t_ns // {HOUR} as t, count(*) as n from frames group by all",
    "create table rates as select *, shown / n as share from shares join of_frames using (camera, t)",
    """create table heat as select camera, label, floor((centroid_x + 0.5) / width * 64)::int as x,
        floor((centroid_y + 0.5) / height * 64)::int as y, count(*) as n from regions group by all""",
)
PER_FILE = 1 << 18  # regions
DAILY = 1 << 20  # regions of a day: a larger archive has more days
SIDE, POOL = 96, 2048
NAMES = {"camera": [f"cam-{number:02}" for number in range(CAMERAS)], "label": [*LABELS]}
SAME: dict[str, str | int | bool] = {
    "session": "s",
    "kind": "regions",
    "prompt": "lid",
    "model": "net",
    "whole": True,
    "height": SIDE,
    "width": SIDE,
    "box_width": 16,
    "box_height": 16,
}


def write(folder: Path, rows: int) -> None:
    """Write frames with three regions each; where there are many, on more days."""
    dice, pool, day = np.random.default_rng(1), _pool(), 0
    while rows > 0:
        now = min(rows, DAILY)
        for number in range(0, now, PER_FILE):
            _file(folder, day, number // PER_FILE, min(PER_FILE, now - number) // EACH, (dice, pool))
        rows, day = rows - now, day + 1


def kensa(folder: Path, *, pixels: bool = False, words: tuple[str, ...] = ()) -> None:
    """Everything that Kensa counts, of two measures."""
    out = folder.with_name(f"{folder.name}-out")
    aggregate(Request(folder, out, Calendar(), asked=Asked(measures=(0, 1), pixels=pixels)), words)


def naive(folder: Path) -> None:
    """The same by Beam as it is taught: a dictionary per row, a key per group, a combiner per number."""
    import apache_beam as beam
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    paths = [str(path) for path in sorted(folder.glob("table=regions/*/*.parquet"))]
    columns = ["camera", "label", "t_ns", "area_px", "score", "centroid_x", "centroid_y", "width", "height"]
    numbers = {"n": beam.combiners.CountCombineFn(), "mean": beam.combiners.MeanCombineFn(), "min": min, "max": max}
    with beam.Pipeline(runner=FnApiRunner()) as root:
        rows = root | beam.Create(paths) | beam.io.ReadAllFromParquet(columns=columns)
        for measure in ("area_px", "score"):
            keyed = rows | f"key {measure}" >> beam.Map(_keyed, measure)
            for said, combiner in numbers.items():
                _ = keyed | f"{measure} {said}" >> beam.CombinePerKey(combiner)
            squares = keyed | f"square {measure}" >> beam.MapTuple(lambda key, value: (key, value * value))
            _ = squares | f"sum {measure}" >> beam.CombinePerKey(sum)
            _ = keyed | f"quantiles {measure}" >> beam.ApproximateQuantiles.PerKey(num_quantiles=100)
        _ = rows | "cells" >> beam.Map(_celled) | "heat" >> beam.CombinePerKey(sum)


def _keyed(row: dict[str, Any], measure: str) -> tuple[tuple[str, str, int], float]:
    return (row["camera"], row["label"], row["t_ns"] // HOUR), row[measure]


def _celled(row: dict[str, Any]) -> tuple[tuple[str, str, int, int], int]:
    x, y = (int((row[f"centroid_{axis}"] + 0.5) / row[side] * 64) for axis, side in (("x", "width"), ("y", "height")))
    return (row["camera"], row["label"], x, y), 1


def duckdb(folder: Path, once: str = "") -> None:
    """Counts, moments, quantiles, shares and heat maps of the same groups.

    Args:
        folder: The archive.
        once: Columns that tell a region from others, where each is to count once, as it does with Kensa.
    """
    import duckdb

    db = duckdb.connect()
    for table, also in (("frames", ""), ("regions", f", {once}")):
        chosen = f"select distinct on (camera, session, seq{also}) *" if once else "select *"
        db.sql(f"create view {table} as {chosen} from read_parquet('{folder}/table={table}/*/*.parquet')")
    for query in QUERIES:
        db.sql(query)


def duckdb_pixels(folder: Path) -> None:
    """DuckDB reads and groups, our kernel takes the run lengths apart: nothing in SQL comes near."""
    import duckdb

    query = f"select camera, label, counts from read_parquet('{folder}/table=regions/*/*.parquet')"
    maps: dict[tuple[str, str], Ints] = {}
    for batch in duckdb.connect().sql(query).to_arrow_reader(1 << 17):
        import pyarrow as pa

        rows = pa.Table.from_batches([batch])
        found = runs(rows["counts"], np.full(len(rows), SIDE * SIDE))
        code = np.array(
            [f"{c} {label}" for c, label in zip(rows["camera"].to_pylist(), rows["label"].to_pylist(), strict=True)]
        )
        names, group = np.unique(code, return_inverse=True)
        size = SIDE * SIDE + 1
        up = np.bincount(group[found.row] * size + found.begin, minlength=len(names) * size)
        down = np.bincount(group[found.row] * size + found.end, minlength=len(names) * size)
        for number, name in enumerate(names.tolist()):
            part = slice(number * size, (number + 1) * size)
            maps[name] = maps.get(name, 0) + up[part] - down[part]
    assert all(int(np.cumsum(steps).min()) >= 0 for steps in maps.values())


def dasked(folder: Path, workers: int) -> None:
    """Kensa on Dask, so many workers of one thread."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        words = ("--runner=DaskRunner", f"--dask_client_address={cluster.scheduler_address}", "--dask_npartitions=64")
        kensa(folder, words=words)


TASKS: dict[str, Callable[[Path], None]] = {
    "kensa": kensa,
    "kensa-pixels": lambda folder: kensa(folder, pixels=True),
    "naive": naive,
    "duckdb": duckdb,
    "duckdb-once": lambda folder: duckdb(folder, "place, label"),
    "duckdb-pixels": duckdb_pixels,
    "dask-1": lambda folder: dasked(folder, 1),
    "dask-2": lambda folder: dasked(folder, 2),
}


def _file(folder: Path, day: int, part: int, frames: int, drawn: tuple[np.random.Generator, list[bytes]]) -> None:
    dice, pool = drawn
    number = np.arange(frames)
    nth = day * (DAILY // EACH) + part * (PER_FILE // EACH) + number
    camera, seq = nth % CAMERAS, nth // CAMERAS
    t = BEGIN + day * DAY + (part * DAY + number * (DAY // max(1, frames))) // (DAILY // PER_FILE)
    row = np.repeat(number, EACH)
    regions: dict[str, NDArray[Any]] = {
        "camera": camera[row],
        "seq": seq[row],
        "t_ns": t[row],
        "place": np.tile(np.arange(EACH), frames),
    }
    regions |= {"label": dice.integers(0, len(LABELS), len(row)), "mask": dice.integers(0, POOL, len(row))}
    regions |= {"area_px": dice.lognormal(5, 0.6, len(row)).astype(np.int64) + 1, "score": dice.beta(9, 3, len(row))}
    regions |= {name: dice.uniform(0, SIDE - 1, len(row)) for name in ("centroid_x", "centroid_y")}
    _keep(folder, "regions", (day, part), regions, pool)
    _keep(
        folder, "frames", (day, part), {"camera": camera, "seq": seq, "t_ns": t, "found": np.full(frames, EACH)}, pool
    )


def _keep(
    folder: Path, table: str, place: tuple[int, int], columns: dict[str, NDArray[Any]], pool: list[bytes]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = [_array(field, columns, pool) for field in schema(table)]
    day, part = place
    path = folder / f"table={table}" / f"date={np.datetime64('2026-11-01') + day}" / f"{table}-{day}-{part}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(made, schema=schema(table)), path, compression="zstd", row_group_size=1 << 16)


def _array(field: Any, columns: dict[str, NDArray[Any]], pool: list[bytes]) -> Any:
    """A column: what is drawn, what is the same in every row, else null or nothing."""
    import pyarrow as pa

    rows = len(columns["seq"])
    if field.name in NAMES:
        return pa.array(NAMES[field.name]).take(pa.array(columns[field.name]))
    if field.name == "counts":
        return pa.array(pool, pa.binary()).take(pa.array(columns["mask"]))
    if field.name in columns:
        return pa.array(columns[field.name]).cast(field.type)
    if field.nullable:
        return pa.array([None] * rows, field.type)
    if field.name == "layers":
        return pa.array([[]] * rows, field.type)
    return pa.repeat(pa.scalar(SAME.get(field.name, 0), field.type), rows)


def _pool() -> list[bytes]:
    """Blobs and scratches of a sensor's network, 96 × 96."""
    dice, (y, x) = np.random.default_rng(2), np.mgrid[:SIDE, :SIDE]
    found = []
    for _ in range(POOL):
        middle, size, lean = dice.uniform(12, SIDE - 12, 2), dice.uniform(2, 9, 2), dice.uniform(-0.8, 0.8)
        inside = ((x - middle[0] + lean * (y - middle[1])) / size[0]) ** 2 + ((y - middle[1]) / size[1]) ** 2 < 1
        found.append(Mask.from_dense(inside).counts)
    return found


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        TASKS[sys.argv[1]](Path(sys.argv[2]))
