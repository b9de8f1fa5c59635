"""Read the results of all days, and write what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.batch.capable import CAPABLE, capabilities
from pipeline.batch.charting import CHANGED, CHARTED, changed, charts, series
from pipeline.batch.conclusions import COMPARED, DRIFTED, RANKED, comparison, drifts, pareto
from pipeline.batch.files import Listed, documented, keep
from pipeline.batch.measures import STEADY
from pipeline.batch.phasing import PHASED, phases
from pipeline.batch.publishing import Day
from pipeline.batch.results import COLUMNS
from pipeline.batch.splitting import PLACE, Column, Row, windowed
from pipeline.batch.spotting import BLOCK, SPOTTED, spots
from pipeline.batch.studies import Study
from pipeline.batch.tally import numbers, packed, says
from pipeline.batch.trends import TRENDED, trends
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

TOGETHER = 16  # days that are added up at once
DAILY = (*PLACE, "label", "model", "measure", "version", "bin", "value", "n")  # of histograms, without their windows
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
    rates, measures = (read(folder, days, name) for name in ("rates", "measures"))
    histograms = read(folder, days, "histograms", DAILY)
    heat = summed(folder, days, "heat", HEAT, BLOCK, space=["view"])
    shown, dates = windowed(rates), sorted({day.date for day in days})
    found = series(shown, steady(measures))
    told: Mapping[str, Sequence[Row]] = {
        "changes": changed(found),
        "pareto": pareto(shown),
        "comparison": comparison(shown, measures),
        "drift": drifts(steady(histograms), dates, study.recent),
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


def steady(rows: pa.Table) -> pa.Table:
    """Those of measures that are alike day by day unless something has happened."""
    return rows.filter(arrow().array(says(rows["measure"], *STEADY)))


def read(folder: Path, days: Sequence[Day], table: str, names: Sequence[str] = ()) -> pa.Table:
    """A result of all days, with a column `date`; names are indices into dictionaries.

    Args:
        folder: Where the results are.
        days: Which days.
        table: Which result.
        names: Which columns; all where left out.
    """
    import pyarrow.parquet as pq

    pa, chosen = arrow(), {name: COLUMNS[table][name][0] for name in names or COLUMNS[table]} | {"date": "string"}
    words = [name for name, kind in chosen.items() if kind == "string"]
    word = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([(name, word if name in words else kind) for name, kind in chosen.items()])
    pieces = [schema.empty_table()]
    for day in days:
        with pq.ParquetFile(folder / day.results[table][0], read_dictionary=words[:-1]) as file:
            rows = file.read(columns=schema.names[:-1], use_threads=False)
        date = pa.DictionaryArray.from_arrays(np.zeros(len(rows), np.int32), pa.array([day.date]))
        pieces.append(rows.append_column("date", date).cast(schema))
    return pa.concat_tables(pieces).unify_dictionaries()


def summed(
    folder: Path, days: Sequence[Day], table: str, keys: Sequence[str], block: int = 1, **only: Sequence[str]
) -> pa.Table:
    """Counts of a result over all days, read day by day: memory holds what is added up, not what is read.

    Args:
        folder: Where the results are.
        days: Which days.
        table: One with a column `n`.
        keys: Columns that tell rows apart.
        block: So many cells along each side are one, named by its first, where `x` and `y` are keys.
        only: Values that a column of names may have, column by column; rows with others are left out.
    """
    told, pieces = documented(table, COLUMNS[table]), list[Any]()
    for day in days:
        rows = _chosen(folder / day.results[table][0], keys, only)
        for name in {"x", "y"} & {*keys} if block > 1 else ():
            cells = arrow().array(rows[name].to_numpy() // block * block)
            rows = rows.set_column(rows.column_names.index(name), name, cells)
        pieces.append(_added(rows, keys))
        if len(pieces) == TOGETHER:
            pieces = [_added(arrow().concat_tables(pieces), keys)]
    schema = arrow().schema([told.field(name).remove_metadata() for name in (*keys, "n")])
    return _added(arrow().concat_tables(pieces), keys).cast(schema) if pieces else schema.empty_table()


def _chosen(path: Path, keys: Sequence[str], only: Mapping[str, Sequence[str]]) -> pa.Table:
    """Keys and counts of a result, names as indices into dictionaries."""
    import pyarrow.parquet as pq

    words = [field.name for field in pq.read_schema(path) if field.type == "string"]
    with pq.ParquetFile(path, read_dictionary=words) as file:
        rows = file.read(columns=[*{*keys, *only}, "n"], use_threads=False)
    mine = np.ones(len(rows), bool)
    for name, values in only.items():
        mine &= says(rows[name], *values)
    rows = rows.select([*keys, "n"]).replace_schema_metadata()
    return rows if mine.all() else rows.filter(arrow().array(mine))


def _added(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Rows that say the same in some columns as one, sorted, their counts added up."""
    code, first = packed((numbers(rows[key]) for key in keys), len(rows))
    n = np.bincount(code, weights=rows["n"].to_numpy(), minlength=len(first)).astype(np.int64)  # exact up to 2⁵³
    return rows.select([*keys]).take(arrow().array(first)).append_column("n", arrow().array(n))


def _cast(points: pa.Table) -> pa.Table:
    schema = documented("charts", CHARTED)
    return points.select(schema.names).cast(schema) if points.num_columns else schema.empty_table()
