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

from benchmarks.peers.painting import DAY, SIDE, painted
from pipeline.batch.aggregating import Request, aggregate
from pipeline.batch.observing import Asked
from pipeline.batch.windows import Calendar
from pipeline.columns import schema
from pipeline.masks import Mask

Ints = NDArray[np.int64]

CAMERAS, EACH, LABELS = 64, 3, ("pit", "scratch", "stain")
BEGIN = 1_793_491_200 * 10**9  # 2026-11-01, 00:00 UTC
HOUR = 3600 * 10**9
MEASURES = ("area_px", "score")
MEASURED = ", ".join(
    f"""avg({m}) as {m}_mean, var_samp({m}) as {m}_variance, min({m}) as {m}_low, max({m}) as {m}_high,
        quantile_disc({m}, [0.5, 0.95, 0.99]) as {m}_shares"""
    for m in MEASURES
)
QUERIES = {
    "told": f"select camera, label, t_ns // {HOUR} as t, count(*) as n, {MEASURED} from regions group by all",
    "shares": f"""with shown as (select camera, t, label, count(*) as shown from
            (select distinct camera, session, seq, label, t_ns // {HOUR} as t from regions) group by all),
        seen as (select camera, t_ns // {HOUR} as t, count(*) as n from frames group by all)
        select *, shown / n as share from shown join seen using (camera, t)""",
    "heat": f"""select t_ns // {DAY} as day, camera, label, floor((centroid_x + 0.5) / width * 64)::int as x,
        floor((centroid_y + 0.5) / height * 64)::int as y, count(*) as n from regions group by all""",
}
# Where one of both has another number than the other: quantiles are within 1 %, means and variances to 9 digits.
NEAR = "coalesce(abs({} / nullif({}, 0) - 1) <= {}, {} is not distinct from {})"
SAID = {"area_px_mean": "mean", "area_px_variance": "variance"} | {
    f"area_px_shares[{nth}]": name for nth, name in enumerate(("p50", "p95", "p99"), 1)
}
ALIKE = " and ".join(
    NEAR.format(own, peer, 0.01 + 1e-9 if "shares" in peer else 1e-9, own, peer) for peer, own in SAID.items()
)
OTHERWISE = (
    f"""told full join measures using (camera, label, t)
        where not coalesce(told.n = measures.n and area_px_low = low and area_px_high = high and {ALIKE}, false)""",
    "shares full join rates using (camera, label, t) where not coalesce(shown = rates.n and share = rate, false)",
    "heat full join cells using (day, camera, label, x, y) where not coalesce(heat.n = cells.n, false)",
)
PAINTED = "pixels full join ours using (day, camera, label, x, y) where not coalesce(pixels.n = ours.n, false)"
PER_FILE = 1 << 18  # regions
DAILY = 1 << 20  # regions of a day: a larger archive has more days
POOL = 2048
# What is read of the tables, and what makes a row of them the same row (docs/archive.md).
COUNTED = {
    "frames": "camera, session, seq, t_ns",
    "regions": "camera, session, seq, t_ns, label, area_px, score, centroid_x, centroid_y, height, width",
}
SAME_ROW = {
    "frames": "camera, session, seq, kind, prompt",
    "regions": "camera, session, seq, kind, place, label, box_x, box_y, area_px",
}
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


def kensa(folder: Path, *, pixels: bool = False, concludes: bool = False, words: tuple[str, ...] = ()) -> None:
    """Everything that Kensa counts, of two measures; and what it concludes of that, where it is to."""
    asked = Asked(measures=(0, 1), pixels=pixels)
    aggregate(Request(folder, _beside(folder, "out"), Calendar(), asked=asked, concludes=concludes), words)


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


def duckdb(folder: Path, *, once: bool = False) -> None:
    """Counts, moments, quantiles, shares and heat maps of the same groups, as Parquet files.

    Args:
        folder: The archive.
        once: Whether each row is to count once, as it does with Kensa, whatever was sent again.
    """
    import duckdb

    db, out = duckdb.connect(), _beside(folder, "peer")
    out.mkdir(exist_ok=True)
    for table, chosen in COUNTED.items():
        rows = f"from read_parquet('{folder}/table={table}/*/*.parquet')"
        if once:
            db.sql(f"create table {table} as select distinct on ({SAME_ROW[table]}) {chosen} {rows}")
        else:
            db.sql(f"create view {table} as select {chosen} {rows}")
    for name, query in QUERIES.items():
        db.sql(f"copy ({query}) to '{out}/{name}.parquet' (compression zstd)")


def agree(folder: Path, *, pixels: bool = False) -> None:
    """Hold what Kensa and DuckDB made of the same archive against each other.

    Raises:
        RuntimeError: If they do not say the same.
    """
    import duckdb

    db, ours = duckdb.connect(), _beside(folder, "out")
    for name in ("pixels",) if pixels else QUERIES:
        db.sql(f"create view {name} as from '{_beside(folder, 'peer')}/{name}.parquet'")
    hourly = f"*, begin_ns // {HOUR} as t from '{ours}/table={{}}/*/*.parquet' where span = 'hour'"
    db.sql(f"create view measures as select {hourly.format('measures')} and measure = 'area_px'")
    db.sql(f"create view rates as select {hourly.format('rates')} and what = 'frames with'")
    daily = f"*, begin_ns // {DAY} as day from '{ours}/table=heat/*/*.parquet'"
    db.sql(f"create view cells as select {daily} where space = 'view'")
    if pixels:
        db.sql(f"create view ours as select {daily.replace('=heat', '=pixels')}")
    for each in (PAINTED,) if pixels else OTHERWISE:
        ((count,),) = db.sql(f"select count(*) from {each}").fetchall()
        if count:
            raise RuntimeError(f"expected the same of both, found {count:,} rows otherwise: {each}")


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f"{folder.name}-{what}")


def dasked(folder: Path, workers: int) -> None:
    """Kensa on Dask, so many workers of one thread; the same parts for one as for two, eight for each of two."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        words = ("--runner=DaskRunner", f"--dask_client_address={cluster.scheduler_address}", "--dask_npartitions=16")
        kensa(folder, words=words)


TASKS: dict[str, Callable[[Path], None]] = {
    "kensa": kensa,
    "kensa-pixels": lambda folder: kensa(folder, pixels=True),
    "kensa-whole": lambda folder: kensa(folder, concludes=True),
    "naive": naive,
    "duckdb": duckdb,
    "duckdb-once": lambda folder: duckdb(folder, once=True),
    "agree": agree,
    "agree-pixels": lambda folder: agree(folder, pixels=True),
    "duckdb-pixels": lambda folder: painted(folder, _beside(folder, "peer") / "pixels.parquet"),
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
