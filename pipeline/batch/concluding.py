"""Read the results of all days, and write what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batch.capable import CAPABLE, capabilities
from pipeline.batch.charting import CHANGED, CHARTED, changed, charts, series
from pipeline.batch.conclusions import COMPARED, DRIFTED, RANKED, comparison, drifts, pareto
from pipeline.batch.files import Listed, documented, keep
from pipeline.batch.phasing import PHASED, phases
from pipeline.batch.publishing import Day
from pipeline.batch.results import COLUMNS
from pipeline.batch.splitting import PLACE, Column, Row, windowed
from pipeline.batch.spotting import SPOTTED, spots
from pipeline.batch.studies import Study
from pipeline.batch.trends import TRENDED, trends
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

TOGETHER = 16  # days that are added up at once
HEAT = (*PLACE, "label", "space", "x", "y")
TABLES: dict[str, dict[str, Column]] = {
    "charts": CHARTED,
    "changes": CHANGED,
    "comparison": COMPARED,
    "drift": DRIFTED,
    "pareto": RANKED,
    "trends": TRENDED,
    "phases": PHASED,
    "spots": SPOTTED,
    "capability": CAPABLE,
}


def conclude(folder: Path, days: Sequence[Day], study: Study) -> dict[str, Listed]:
    """Write charts and changes of level in them, comparison of cameras, drift, and the other tables of `TABLES`.

    Args:
        folder: Where the results of the days are.
        days: All of them.
        study: How they are looked at.
    """
    rates, measures, histograms = (read(folder, days, name) for name in ("rates", "measures", "histograms"))
    heat = summed(folder, days, "heat", HEAT, space=["view"])
    shown, dates = windowed(rates), sorted({day.date for day in days})
    found = series(shown, measures)
    told: Mapping[str, Sequence[Row]] = {
        "changes": changed(found),
        "pareto": pareto(shown),
        "comparison": comparison(shown, measures),
        "drift": drifts(histograms, dates, study.recent),
        "trends": trends(found),
        "phases": phases(shown),
        "spots": spots(heat),
        "capability": capabilities(measures, histograms, study),
    }
    tables = {
        name: arrow().Table.from_pylist([*rows], schema=documented(name, TABLES[name])) for name, rows in told.items()
    }
    tables["charts"] = _cast(charts(found, study))
    return {name: keep(folder, f"{name}.parquet", tables[name]) for name in TABLES}


def read(folder: Path, days: Sequence[Day], table: str) -> pa.Table:
    """A result of all days, with a column `date`."""
    import pyarrow.parquet as pq

    pa = arrow()
    pieces = [documented(table, COLUMNS[table]).empty_table().append_column("date", pa.array([], pa.string()))]
    for day in days:
        rows = pq.ParquetFile(folder / day.results[table][0]).read()
        pieces.append(rows.append_column("date", pa.array([day.date] * len(rows), pa.string())))
    return pa.concat_tables(pieces)


def summed(folder: Path, days: Sequence[Day], table: str, keys: Sequence[str], **only: Sequence[str]) -> pa.Table:
    """Counts of a result over all days, read day by day: memory holds what is added up, not what is read.

    Args:
        folder: Where the results are.
        days: Which days.
        table: One with a column `n`.
        keys: Columns that tell rows apart.
        only: Values that a column may have, column by column; rows with others are left out.
    """
    import pyarrow.parquet as pq

    pa, columns = arrow(), [*keys, "n"]
    told = [(name, "in", [*values]) for name, values in only.items()] or None
    held = documented(table, COLUMNS[table]).empty_table().select(columns).replace_schema_metadata()
    for begin in range(0, len(days), TOGETHER):
        paths = [folder / day.results[table][0] for day in days[begin : begin + TOGETHER]]
        read_ = [pq.read_table(path, columns=columns, filters=told).replace_schema_metadata() for path in paths]
        rows = pa.concat_tables([held, *read_]).group_by([*keys], use_threads=False).aggregate([("n", "sum")])
        held = rows.rename_columns(columns).cast(held.schema)
    return held


def _cast(points: pa.Table) -> pa.Table:
    schema = documented("charts", CHARTED)
    return points.select(schema.names).cast(schema) if points.num_columns else schema.empty_table()
