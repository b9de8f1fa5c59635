"""Read the results of all days, and write what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batch.conclusions import (
    CHANGED,
    CHARTED,
    COMPARED,
    DRIFTED,
    RANKED,
    changed,
    charts,
    comparison,
    drifts,
    pareto,
)
from pipeline.batch.files import Listed, documented, keep
from pipeline.batch.publishing import Day
from pipeline.batch.results import COLUMNS
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = {"charts": CHARTED, "changes": CHANGED, "comparison": COMPARED, "drift": DRIFTED, "pareto": RANKED}


def conclude(folder: Path, days: Sequence[Day], recent: int) -> dict[str, Listed]:
    """Write charts and changes of level in them, comparison of cameras, drift, and reasons by frequency.

    Args:
        folder: Where the results of the days are.
        days: All of them.
        recent: How many days, the last ones, are held against those before.
    """
    rates, measures, histograms = (_read(folder, days, table) for table in ("rates", "measures", "histograms"))
    dates = sorted({day.date for day in days})
    points = charts(rates, measures)
    found = {
        "charts": points,
        "changes": changed(points),
        "pareto": pareto(rates),
        "comparison": comparison(rates),
        "drift": drifts(histograms, dates, recent),
    }
    built = arrow().Table.from_pylist
    return {
        name: keep(folder, f"{name}.parquet", built(rows, schema=documented(name, TABLES[name])))
        for name, rows in found.items()
    }


def _read(folder: Path, days: Sequence[Day], table: str) -> pa.Table:
    """A result of all days, with a column `date`."""
    import pyarrow.parquet as pq

    pa = arrow()
    pieces = [documented(table, COLUMNS[table]).empty_table().append_column("date", pa.array([], pa.string()))]
    for day in days:
        rows = pq.ParquetFile(folder / day.results[table][0]).read()
        pieces.append(rows.append_column("date", pa.array([day.date] * len(rows), pa.string())))
    return pa.concat_tables(pieces)
