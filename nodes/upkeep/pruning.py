"""Let go of what an archive need not keep: masks and pictures after some days, rows after some more.

What goes is first written down in `erased.jsonl`, so that `kensa archive verify` can tell it from what was lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from nodes.upkeep.keeping import Kept, alone
from nodes.upkeep.rewriting import Left, Piece, readable, replace
from pipeline import tooling
from pipeline.archive import Erased
from pipeline.columns import TABLES, arrow
from pipeline.pieces import ASIDE, DAMAGED, LEAN, days, pieces
from pipeline.places import Where

if TYPE_CHECKING:
    import pyarrow as pa

MASKED = ("frames", "settling", "regions", "parts", "images")  # tables that have pixels
LONG = {"counts", "box_counts", "data", "scores"}  # columns that are pixels


class Rule(Struct, frozen=True):
    """What is to go.

    Attributes:
        masks: Days after which masks and pictures go, and measurements stay; None: never.
        rows: Days after which everything goes; None: never.
        cameras: Only what these saw; empty: what all did.
        tables: Only these.
    """

    masks: int | None = 30
    rows: int | None = None
    cameras: tuple[str, ...] = ()
    tables: tuple[str, ...] = TABLES


class Pruned(Struct, frozen=True):
    """What went of one table and day.

    Attributes:
        table: Its name.
        day: Day of exposure, UTC, ISO 8601.
        bare: Rows that lost their masks or pictures.
        rows: Rows that went.
        freed: Bytes that are free again.
    """

    table: str
    day: str
    bare: int = 0
    rows: int = 0
    freed: int = 0


def prune(folder: Where, rule: Rule, today: date, left: list[Left], *, dry: bool = False) -> Iterator[Pruned]:
    """Prune an archive, day by day; what another run has done is not done again.

    Args:
        folder: The archive, on a disk or in an object store; lines may write to it meanwhile.
        rule: What is to go.
        today: Days are counted back from here, UTC.
        left: Files that stay as they are, and why, are told here.
        dry: Only say what would go.

    Raises:
        TableError: If there is no such archive, or somebody else rewrites it.
        OSError: If the disk or the store refuses; what was not said to be pruned is then still there.
    """
    with alone(folder) as kept:
        for table in rule.tables:
            for day in days(folder, [table]):
                whole = _ago(rule.rows, today, day)
                if whole or (_ago(rule.masks, today, day) and table in MASKED):
                    found = _Day(kept, table, day, rule, dry=dry).pruned(left, whole=whole)
                    if found.rows or found.bare:
                        yield found
        left += [] if dry else _damaged(folder, rule, today)


def _ago(limit: int | None, today: date, day: str) -> bool:
    """Whether all of a day lies so many days back; what is no day, as other tools call a folder, never does."""
    with suppress(ValueError):
        return limit is not None and date.fromisoformat(day) < today - timedelta(days=limit)
    return False


class _Day:
    """One table of one day."""

    def __init__(self, kept: Kept, table: str, day: str, rule: Rule, *, dry: bool) -> None:
        self._kept, self._table, self._day, self._rule, self._dry = kept, table, day, rule, dry

    def pruned(self, left: list[Left], *, whole: bool) -> Pruned:
        """Prune its files, one by one; with `whole`, rows go, else masks."""
        found = Pruned(self._table, self._day)
        for path in pieces(self._kept.folder, self._table, self._day):
            lean = path.name.endswith(LEAN)
            rows = None if lean and not whole else self._readable(path, left)
            if rows is None or not len(chosen := self._chosen(rows)):
                continue
            freed = 0 if self._dry else self._rewritten(path, rows, chosen, whole=whole)
            bare, gone = (0, len(chosen)) if whole else (len(chosen), 0)
            found = Pruned(self._table, self._day, found.bare + bare, found.rows + gone, found.freed + freed)
        return found

    def _readable(self, path: Where, left: list[Left]) -> pa.Table | None:
        return readable(self._kept.folder, path, self._table, left, dry=self._dry)

    def _rewritten(self, path: Where, rows: pa.Table, chosen: pa.Table, *, whole: bool) -> int:
        """How many bytes are free after the chosen rows, or their masks, have gone."""
        before, others, new = path.stat().st_size, self._others(rows), list[Piece]()
        if whole:
            self._noted(chosen)
        else:
            new.append(Piece(stripped(chosen), masks=False))
        if len(others):
            new.append(Piece(others, masks=not path.name.endswith(LEAN)))
        return before - sum(made.stat().st_size for made in replace(self._kept, [path], new))

    def _noted(self, gone: pa.Table) -> None:
        """Write down what goes, before it does."""
        last = "last" if self._table == "gaps" else "seq"
        spans = [("seq", "min"), (last, "max"), ("seq", "count")]
        found = gone.group_by(["camera", "session"]).aggregate(spans).sort_by("camera").to_pylist()
        told = (
            Erased(self._table, self._day, row["camera"], row["session"], row["seq_min"], row[f"{last}_max"], n)
            for row in found
            if (n := row["seq_count"])
        )
        self._kept.note([msgspec.json.encode(each) for each in told])

    def _chosen(self, rows: pa.Table) -> pa.Table:
        return rows.filter(self._mine(rows)) if self._rule.cameras else rows

    def _others(self, rows: pa.Table) -> pa.Table:
        return rows.filter(arrow().compute.invert(self._mine(rows))) if self._rule.cameras else rows.slice(0, 0)

    def _mine(self, rows: pa.Table) -> pa.ChunkedArray:
        return arrow().compute.is_in(rows["camera"], value_set=arrow().array([*self._rule.cameras]))


def stripped(rows: pa.Table) -> pa.Table:
    """Rows without pixels; what was measured on them stays."""
    found = [_bared(rows[field.name].combine_chunks(), field) for field in rows.schema]
    return arrow().table(found, schema=rows.schema)


def _bared(column: Any, field: Any) -> Any:
    """A column without pixels, however deep they are in it."""
    pa = arrow()
    if field.name in LONG:
        return pa.array([None] * len(column), field.type)  # `nulls` would make the fields of a struct null, too
    if field.name == "gauges" and column.null_count < len(column):
        told = (text and tooling.told(tooling.read(text), masks=False) for text in column.to_pylist())
        return pa.array([*told], field.type)
    if pa.types.is_list(field.type):
        inside = _bared(column.values, field.type.value_field)
        return pa.ListArray.from_arrays(column.offsets, inside, mask=column.is_null(), type=field.type)
    if pa.types.is_struct(field.type) and any(each.name in LONG for each in field.type):
        inside = [_bared(column.field(each.name), each) for each in field.type]
        return pa.StructArray.from_arrays(inside, fields=[*field.type], mask=column.is_null())
    return column


def _damaged(folder: Where, rule: Rule, today: date) -> Iterator[Left]:
    """Damaged files of days whose masks or rows were to go: nobody can rewrite them."""
    limit = min((days for days in (rule.masks, rule.rows) if days is not None), default=None)
    found: Iterator[Where] = (folder / ASIDE).rglob(f"*{DAMAGED}")
    for path in sorted(found, key=str):
        day = path.parent.name.removeprefix("date=")
        if day and _ago(limit, today, day):
            yield Left(path, "it may still hold what was to go, and cannot be rewritten: delete it, or restore it")
