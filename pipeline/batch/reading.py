"""Read a slice of an archive: the needed columns of its rows, each once and sound, and an account of all the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.archive import SAME
from pipeline.batch.building import matched, once
from pipeline.batch.flat import COLUMNS, WORDS, flattened, leaves
from pipeline.batch.observing import Asked, Seen
from pipeline.batch.runlengths import Runs
from pipeline.batch.soundness import UNIT, chosen, sound
from pipeline.batch.surveying import GONE, TABLES, Dead, Slice, Unit
from pipeline.batch.tally import says
from pipeline.batch.windows import placed
from pipeline.columns import arrow, schema
from pipeline.errors import TableError
from pipeline.pieces import verified
from pipeline.places import Where, source

if TYPE_CHECKING:
    import pyarrow as pa

MASKS = ("counts", "box_counts")
ENTRIES = ("rows", "elsewhere", "repeated", "dead", "outside", "counted")


class Account(Struct, frozen=True):
    """What became of the rows of a slice.

    Attributes:
        tables: Per table how many `rows` the footers tell; of them those of another slice (`elsewhere`), `repeated`,
            `dead`, `outside` of all windows, and `counted`, which are what is left.
        dead: What was not believed, and why.
    """

    tables: dict[str, dict[str, int]]
    dead: tuple[Dead, ...] = ()


def read(folder: Where, cut: Slice, asked: Asked) -> tuple[Seen, Account]:
    """The rows of a slice, and what became of all that lie in its row groups.

    Args:
        folder: The archive.
        cut: Which rows.
        asked: What they are needed for.
    """
    reader = _Reader(folder, cut, asked)
    tables = {table: reader.rows(table) for table in TABLES}
    regions = tables["regions"]
    # A frame that was measured and tracked tells its regions twice: what was measured counts.
    twice = says(regions["kind"], "tracks")
    if twice.any():
        measured = tables["frames"].filter(arrow().array(says(tables["frames"]["kind"], "regions")))
        twice &= matched(regions, measured) >= 0
    tables["regions"] = reader.without("regions", regions, twice, "repeated")
    for table, rows in tables.items():
        outside = placed(cut.windows, rows["t_ns"].to_numpy()) < 0
        tables[table] = reader.without(table, rows, outside, "outside")
        reader.counts[table]["counted"] = len(tables[table])
    account = Account({table: dict(count) for table, count in reader.counts.items()}, tuple(reader.dead))
    return Seen(**tables, runs=reader.runs), account


class _Reader:
    def __init__(self, folder: Where, cut: Slice, asked: Asked) -> None:
        self._folder, self._cut, self._asked = folder, cut, asked
        self.counts = {table: Counter(dict.fromkeys(ENTRIES, 0)) for table in TABLES}
        self.dead: list[Dead] = []
        self.runs: Runs | None = None

    def rows(self, table: str) -> pa.Table:
        """The rows of a table that are of this slice, once and sound."""
        count, found = self.counts[table], list[Any]()
        mine = ((number, unit) for number, unit in enumerate(self._cut.units) if unit.table == table)
        for _, units in groupby(mine, key=lambda each: each[1].path):
            found += self._file(dict(units))
        whole = _joined(arrow().concat_tables(found or [self._none(table)]))
        kept = once(whole, SAME[table])
        good, runs, bad = sound(table, kept, self._asked)
        count["repeated"] += len(whole) - len(kept)
        count["dead"] += len(kept) - len(good)
        self.dead += (Dead(self._cut.units[unit].path, table, why, n) for (unit, why), n in sorted(bad.items()))
        self.runs = runs or self.runs
        return good

    def _none(self, table: str) -> pa.Table:
        empty = flattened(schema(table).empty_table(), table, self._asked)
        return empty.append_column(UNIT, arrow().array([], "int64"))

    def without(self, table: str, rows: pa.Table, bad: NDArray[np.bool_], entry: str) -> pa.Table:
        """The rows without some, which are counted under an entry."""
        if not bad.any():
            return rows
        self.counts[table][entry] += int(bad.sum())
        if table == "regions" and self.runs is not None:
            self.runs = chosen(self.runs, ~bad)
        return rows.filter(arrow().array(~bad))

    def _file(self, units: dict[int, Unit]) -> list[pa.Table]:
        """The rows of a file's row groups that are of this slice; of those that can be read, where not all can."""
        try:
            rows = self._flat([*units.values()])
        except (OSError, KeyError, ValueError, TableError, arrow().ArrowException) as error:
            if len(units) > 1:
                return [rows for number, unit in units.items() for rows in self._file({number: unit})]
            (unit,) = units.values()
            self._refuse(unit, error)
            return []
        long = [unit.rows for unit in units.values()]
        time = rows["t_ns"]
        if time.null_count:  # which is told elsewhere
            first = np.repeat([unit.first_ns for unit in units.values()], long)
            time = arrow().compute.coalesce(time, arrow().array(first))
        at = time.to_numpy()
        mine = (at >= self._cut.begin_ns) & (at < self._cut.end_ns)
        rows = rows.append_column(UNIT, arrow().array(np.repeat([*units], long)))
        table = next(iter(units.values())).table
        self.counts[table]["rows"] += len(mine)
        self.counts[table]["elsewhere"] += len(mine) - int(mine.sum())
        return [rows if mine.all() else rows.filter(arrow().array(mine))]

    def _refuse(self, unit: Unit, error: Exception) -> None:
        """Account for a row group in every slice that it may have rows of; it counts in the one where it begins."""
        count, home = self.counts[unit.table], self._cut.begin_ns <= unit.first_ns < self._cut.end_ns
        count["rows"] += unit.rows
        count["dead" if home else "elsewhere"] += unit.rows
        gone = isinstance(error, FileNotFoundError)
        if home or gone:
            why = GONE if gone else str(error).splitlines()[0].strip("'\"")
            self.dead.append(Dead(unit.path, unit.table, why, unit.rows if home else 0))

    def _flat(self, units: Sequence[Unit]) -> pa.Table:
        """All rows of some row groups of a file."""
        table, path = units[0].table, self._folder / units[0].path
        if self._asked.verify:
            verified(path)
        with _opened(path, [name for name in WORDS if name in COLUMNS[table]]) as file:
            columns, places = leaves(file, table, self._asked), [unit.place for unit in units]
            rows = file.read_row_groups(places, columns=columns, use_threads=False)
        expected = sum(unit.rows for unit in units)
        if len(rows) != expected:
            raise ValueError(f"expected {expected} rows, as the footer says, found {len(rows)}")
        return flattened(rows, table, self._asked)


def _joined(rows: pa.Table) -> pa.Table:
    """The rows with each column in one piece, but for masks: these are looked at some at a time."""
    columns = {name: rows[name] for name in rows.column_names}
    return arrow().table(
        {n: each if n in MASKS or each.num_chunks == 1 else each.combine_chunks() for n, each in columns.items()}
    )


def _opened(path: Where, words: list[str]) -> Any:
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(source(path), memory_map=True, page_checksum_verification=True, read_dictionary=words)
    except KeyError:  # there is no such column, which is told when it is asked for
        return pq.ParquetFile(source(path), memory_map=True, page_checksum_verification=True)
