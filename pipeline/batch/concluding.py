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
from pipeline.batch.splitting import Column, Row, windowed
from pipeline.batch.spotting import SPOTTED, spots
from pipeline.batch.studies import Study
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

TABLES: dict[str, dict[str, Column]] = {
    "charts": CHARTED,
    "changes": CHANGED,
    "comparison": COMPARED,
    "drift": DRIFTED,
    "pareto": RANKED,
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
    rates, measures, histograms, heat = (
        read(folder, days, name) for name in ("rates", "measures", "histograms", "heat")
    )
    shown, dates = windowed(rates), sorted({day.date for day in days})
    found = series(shown, measures)
    told: Mapping[str, Sequence[Row]] = {
        "changes": changed(found),
        "pareto": pareto(shown),
        "comparison": comparison(shown, measures),
        "drift": drifts(histograms, dates, study.recent),
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


def _cast(points: pa.Table) -> pa.Table:
    schema = documented("charts", CHARTED)
    return points.select(schema.names).cast(schema) if points.num_columns else schema.empty_table()
