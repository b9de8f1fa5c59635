"""Small archives: parts as wide as they are said to be, what a line said of them, and books that say something else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nodes.sinks.archive import archive
from nodes.transforms.book import open_book
from nodes.transforms.judge import Judge
from pipeline.masks import Mask
from pipeline.records import Gap, Part, Record, Region, Regions

NOON = 1_795_348_800_000_000_000  # 2026-11-22, 12:00 UTC
SECOND = 10**9


def region(width: int, label: str = "part") -> Region:
    """A rectangle, 10 px high, in a view of 40 × 80."""
    pixels = np.zeros((40, 80), bool)
    pixels[5:15, 5 : 5 + width] = True
    box, middle = (5, 5, width, 10), (4.5 + width / 2, 9.5)
    return Region(label, 10 * width, box, middle, 0, 0, 1.0, True, 1.0, Mask.from_dense(pixels))


def who(number: int, camera: str = "cam-1", session: str = "s") -> dict[str, Any]:
    """The fields that name a frame; one a second."""
    return {"camera": camera, "session": session, "seq": number, "t_ns": NOON + number * SECOND}


def part(number: int, width: int, **fields: Any) -> Part:
    """Part `number`, so wide."""
    views = fields.pop("views", 3)
    return Part(
        **who(number, **fields), id=number, first_seq=number, views=views, hidden=0, best=region(width), best_seq=number
    )


def gap(number: int) -> Gap:
    """One missing frame."""
    return Gap(**who(number), last=number, reason="overflow", where="track→rules")


def book(folder: Path, name: str, high: int, reason: str = "WIDE", **said: Any) -> str:
    """A book with one limit: how wide a part may be."""
    path, more = folder / f"{name}.yaml", "".join(f"{key}: {value}\n" for key, value in said.items())
    rule = f"{{name: not too wide, measure: box_width, fail: {{high: {high} px}}, reason: {reason}}}"
    path.write_text(f"name: {name}\n{more}rules:\n  - {rule}\n", encoding="utf-8")
    return str(path)


def judged(records: Sequence[Part | Regions | Gap], by: str) -> list[Record]:
    """Records with what a book says of them, camera by camera."""
    judges = {record.camera: Judge(open_book(by)) for record in records}
    return [*records, *(judges[record.camera].judge(record) for record in records)]


def kept(folder: Path, *batches: Sequence[Any]) -> Path:
    """An archive of these."""
    archive(iter([[*batch] for batch in batches]), path=str(folder))
    return folder
