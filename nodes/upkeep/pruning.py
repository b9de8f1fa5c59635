"""Let go of what an archive need not keep: masks and pictures after some days, rows after some more.

What goes is first written down in `erased.jsonl`, so that `kensa archive verify` can tell it from what was lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from nodes.sinks.journal import Journal
from nodes.sinks.shelf import Shelf
from nodes.upkeep.rewriting import Left, Piece, alone, readable, replace
from pipeline import tooling
from pipeline.archive import ERASED, Erased
from pipeline.columns import TABLES, arrow
from pipeline.pieces import ASIDE, DAMAGED, LEAN, days, pieces

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
    bare: int
    rows: int
    freed: int


def prune(folder: Path, rule: Rule, today: date, left: list[Left], *, dry: bool = False) -> Iterator[Pruned]:
    """Prune an archive, day by day; what another run has done is not done again.

    Args:
        folder: The archive; lines may write to it meanwhile.
        rule: What is to go.
        today: Days are counted back from here, UTC.
        left: Files that stay as they are, and why, are told here.
        dry: Only say what would go.

    Raises:
        TableError: If there is no such archive, or somebody else rewrites it.
        OSError: If the disk refuses; what was not said to be pruned is then still there.
    """
    with alone(folder) as kept:
        for table in rule.tables:
            for day in days(folder, [table]):
                whole = _ago(rule.rows, today, day)
                if whole or (_ago(rule.masks, today, day) and table in MASKED):
                    work = _Day(kept, table, day, rule.cameras, left, dry)
                    yield work.without_rows() if whole else work.without_masks()
        left += [] if dry else _damaged(folder, rule, today)


def _ago(limit: int | None, today: date, day: str) -> bool:
    """Whether all of a day lies so many days back."""
    return limit is not None and date.fromisoformat(day) < today - timedelta(days=limit)


class _Day:
    """One table of one day."""

    def __init__(
        self, kept: Shelf, table: str, day: str, cameras: Collection[str], left: list[Left], dry: bool
    ) -> None:
        self._kept, self._table, self._day, self._cameras = kept, table, day, cameras
        self._left, self._dry = left, dry
        self._files = pieces(kept.folder, table, day)

    def without_masks(self) -> Pruned:
        """Leave masks out of whatever has them."""
        return self._rewritten([path for path in self._files if not path.name.endswith(LEAN)], self._bare)

    def without_rows(self) -> Pruned:
        """Remove rows."""
        return self._rewritten(self._files, self._nothing)

    def _rewritten(self, files: Sequence[Path], change: Any) -> Pruned:
        bare = gone = freed = 0
        for path in files:
            rows = readable(self._kept.folder, path, self._table, self._left)
            if rows is None or not (chosen := self._chosen(rows)).num_rows:
                continue
            before = path.stat().st_size
            new = change(path, rows, chosen)
            masked, rest = len(chosen) * bool(change == self._bare), sum(len(piece.rows) for piece in new)
            bare, gone = bare + masked, gone + len(rows) - rest
            if not self._dry:
                freed += before - sum(path.stat().st_size for path in replace(self._kept, [path], new))
        return Pruned(self._table, self._day, bare, gone, freed)

    def _bare(self, path: Path, rows: pa.Table, chosen: pa.Table) -> list[Piece]:
        other = self._others(rows)
        return [Piece(stripped(chosen), masks=False), *([Piece(other, masks=True)] if len(other) else [])]

    def _nothing(self, path: Path, rows: pa.Table, chosen: pa.Table) -> list[Piece]:
        other = self._others(rows)
        if not self._dry:
            self._noted(chosen)
        return [Piece(other, masks=not path.name.endswith(LEAN))] if len(other) else []

    def _noted(self, gone: pa.Table) -> None:
        last = "last" if self._table == "gaps" else "seq"
        group = gone.group_by(["camera", "session"]).aggregate([("seq", "min"), (last, "max"), ("seq", "count")])
        told = [
            Erased(
                self._table,
                self._day,
                row["camera"],
                row["session"],
                row["seq_min"],
                row[f"{last}_max"],
                row["seq_count"],
            )
            for row in group.to_pylist()
        ]
        Journal(self._kept.folder / ERASED).append([msgspec.json.encode(each) for each in told])

    def _chosen(self, rows: pa.Table) -> pa.Table:
        return rows.filter(self._mine(rows)) if self._cameras else rows

    def _others(self, rows: pa.Table) -> pa.Table:
        return rows.filter(arrow().compute.invert(self._mine(rows))) if self._cameras else rows.slice(0, 0)

    def _mine(self, rows: pa.Table) -> pa.ChunkedArray:
        return arrow().compute.is_in(rows["camera"], value_set=arrow().array([*self._cameras]))


def stripped(rows: pa.Table) -> pa.Table:
    """Rows without pixels; what was measured on them stays."""
    found = [_bared(rows[field.name].combine_chunks(), field) for field in rows.schema]
    return arrow().table(found, schema=rows.schema)


def _bared(column: Any, field: Any) -> Any:
    """A column without pixels, however deep they are in it."""
    pa = arrow()
    if field.name in LONG:
        return pa.nulls(len(column), field.type)
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


def _damaged(folder: Path, rule: Rule, today: date) -> Iterator[Left]:
    """Damaged files of days whose masks or rows were to go: nobody can rewrite them."""
    limit = min((days for days in (rule.masks, rule.rows) if days is not None), default=None)
    for path in sorted((folder / ASIDE).rglob(f"*{DAMAGED}")):
        day = next((part.removeprefix("date=") for part in path.parts if part.startswith("date=")), "")
        if day and _ago(limit, today, day):
            yield Left(path, "it may still hold what was to go, and cannot be rewritten: delete it, or restore it")
