"""Make few large files of many small ones: the same rows, each once, by camera and exposure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from nodes.upkeep.keeping import Kept, alone
from nodes.upkeep.rewriting import Left, Piece, ordered, readable, replace
from pipeline.archive import SAME
from pipeline.columns import arrow
from pipeline.pieces import LEAN, days, pieces, sized
from pipeline.places import Where

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 1 << 18  # of a file, about: what fits into memory, and is still read by the hour
BYTES = 64 << 20  # of a file, about, where rows are large


class Compacted(Struct, frozen=True):
    """What became of the files of one table and day.

    Attributes:
        table: Its name.
        day: Day of exposure, UTC, ISO 8601.
        before: Files that were made one with others.
        after: Files that took their place.
        rows: That these hold.
        repeated: Rows that stood in several files, and now stand in one.
    """

    table: str
    day: str
    before: int
    after: int
    rows: int
    repeated: int


def compact(
    folder: Where,
    left: list[Left],
    *,
    tables: Collection[str] = tuple(SAME),
    until: str = "9999",
    rows: int = ROWS,
) -> Iterator[Compacted]:
    """Compact an archive, day by day; where nothing is small, nothing is written.

    Args:
        folder: The archive, on a disk or in an object store; lines may write to it meanwhile.
        left: Files that stay as they are, and why, are told here; damaged ones go to its quarantine.
        tables: Only these.
        until: Only days up to this one.
        rows: That a file should hold; smaller ones are made one.

    Raises:
        TableError: If there is no such archive, or somebody else rewrites it.
        OSError: If the disk or the store refuses; every row is then still there.
    """
    with alone(folder) as kept:
        for table in tables:
            for day in (day for day in days(folder, [table]) if day <= until):
                for group in [*_groups(folder, table, day, rows)]:
                    if (done := _compacted(kept, group, table, day, left)) is not None:
                        yield done


def _groups(folder: Where, table: str, day: str, rows: int) -> Iterator[list[Where]]:
    """Files that lie side by side in time and are to be one; a file that is large enough stays alone."""
    group: list[Where] = []
    held = size = 0
    for path in sorted(pieces(folder, table, day), key=lambda path: path.name):
        more, large = sized(path)
        if group and (held + more > rows or size + large > BYTES):
            yield group
            group, held, size = [], 0, 0
        group.append(path)
        held, size = held + more, size + large
    yield group


def _compacted(kept: Kept, group: list[Where], table: str, day: str, left: list[Left]) -> Compacted | None:
    """One group; None where there was nothing to do."""
    if len(group) < 2:
        return None
    told = ((path, readable(kept.folder, path, table, left)) for path in group)
    found = {path: rows for path, rows in told if rows is not None}
    if len(found) < 2:
        return None
    new = [*_pieces(found, table)]
    made, count = replace(kept, [*found], new), sum(len(piece.rows) for piece in new)
    return Compacted(table, day, len(found), len(made), count, sum(map(len, found.values())) - count)


def _pieces(found: dict[Where, pa.Table], table: str) -> Iterator[Piece]:
    """Rows with their masks, and apart those whose masks were left out: a row that is there both ways has its mask."""
    bare = sorted(found, key=lambda path: path.name.endswith(LEAN))
    pa = arrow()
    marked = [found[p].append_column("lean", pa.array([p.name.endswith(LEAN)] * len(found[p]))) for p in bare]
    rows = ordered(pa.concat_tables(marked), table)
    for lean in (False, True):
        mine = rows.filter(pa.compute.equal(rows["lean"], lean)).drop_columns("lean")
        if len(mine):
            yield Piece(mine, masks=not lean)
