"""Phases: from when to when a camera was seen by which network and judged by which version of a book."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.batch.splitting import PLACE, TEXT, WINDOW, Column, Row, split
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

PHASED: dict[str, Column] = {
    **dict.fromkeys((*PLACE, "model", "version"), TEXT),
    **WINDOW,
    "n": ("int64", "frames"),
    "changed": ("string", "what is not as in the phase before: model, recipe, or both"),
}


def phases(rates: pa.Table) -> list[Row]:
    """The phases of every camera and prompt, in order of time.

    Args:
        rates: Those of windows.
    """
    frames = rates.filter(arrow().compute.equal(rates["what"], "frames"))
    found: list[Row] = []
    for place, rows in split(frames, PLACE):
        known = sorted((_phase(place, who, some) for who, some in split(rows, ("model", "version"))), key=_begin)
        for before, row in zip([None, *known], known, strict=False):
            found.append({**row, "changed": _changed(before, row)})
    return found


def _phase(place: Row, who: Row, rows: pa.Table) -> Row:
    pc, ordered = arrow().compute, rows.sort_by("begin_ns")
    begin, end = ordered["begin_ns"][0].as_py(), pc.max(ordered["end_ns"]).as_py()
    said = {"begin_ns": begin, "end_ns": end, "window": ordered["window"][0].as_py()}
    return {**place, **who, **said, "n": pc.sum(ordered["n"]).as_py()}


def _begin(row: Row) -> tuple[int, str, str]:
    return row["begin_ns"], row["model"], row["version"]


def _changed(before: Row | None, row: Row) -> str:
    names = {"model": "model", "version": "recipe"}
    return " ".join(word for name, word in names.items() if before and before[name] != row[name])
