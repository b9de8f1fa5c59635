"""Rewrite files of an archive beside a running line: what is new is there before what is old goes.

A crash between the two leaves rows twice, of which readers take one, and the next run removes the rest. Files are named
by their content, so what was written already is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from nodes.upkeep.keeping import Kept
from pipeline.archive import SAME, once
from pipeline.columns import VERSION, arrow
from pipeline.errors import TableError
from pipeline.evolution import newer
from pipeline.pieces import DamageError, load, set_aside, version
from pipeline.places import Where

if TYPE_CHECKING:
    import pyarrow as pa


class Left(Struct, frozen=True):
    """A file that was not rewritten.

    Attributes:
        path: Where it lies now.
        reason: Why: what was expected and found.
    """

    path: Where
    reason: str


class Piece(Struct, frozen=True):
    """Rows that are to be a file.

    Attributes:
        rows: At least one.
        masks: Whether they have their masks.
    """

    rows: pa.Table
    masks: bool


def readable(folder: Where, path: Where, table: str, left: list[Left], *, dry: bool = False) -> pa.Table | None:
    """The rows of a file, where all of it is known; damaged files are set aside, those of newer versions stay.

    Args:
        folder: The archive.
        path: The file.
        table: Whose rows it holds.
        left: Whatever is not read is told here.
        dry: Leave damaged files where they are as well.
    """
    try:
        if newer(told := version(path)):
            left.append(Left(path, f"expected the columns of version {VERSION} or older, found {told}: update Kensa"))
            return None
        return load(path, table)
    except FileNotFoundError:
        return None
    except DamageError as error:
        aside = None if dry else set_aside(folder, path, str(error)).path
        left.append(Left(aside or path, f"set aside: {error}" if aside else str(error)))
    except (TableError, OSError) as error:
        left.append(Left(path, str(error)))
    return None


def replace(kept: Kept, old: Sequence[Where], new: Sequence[Piece]) -> list[Where]:
    """Put files in the place of others, in the same folder; returns the new ones.

    Raises:
        OSError: If the disk or the store refuses; every row is then still there.
    """
    partition = str(old[0].parent.relative_to(kept.folder))  # type: ignore[arg-type]  # both are of one kind
    made = [
        kept.commit(partition, piece.rows, arrow().compute.min(piece.rows["t_ns"]).as_py(), masks=piece.masks)
        for piece in new
    ]
    kept.remove([path for path in old if path not in made])
    return made


def ordered(rows: pa.Table, table: str) -> pa.Table:
    """Each row once, by camera and exposure: in an order that hangs on the rows alone."""
    keys = ["camera", "t_ns", *(name for name in SAME[table] if name != "camera")]
    return once(rows, SAME[table]).sort_by([(name, "ascending") for name in keys])
