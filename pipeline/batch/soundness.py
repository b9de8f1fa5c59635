"""Rows that nobody should believe: told with a reason and left out, so that one of them spoils no statistic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.batch.flat import COLUMNS
from pipeline.batch.measures import MEASURES
from pipeline.batch.moments import measurable
from pipeline.batch.observing import SUBJECTS, Asked
from pipeline.batch.runlengths import Boxes, Runs, merged, placed, runs
from pipeline.batch.tally import Ints, says
from pipeline.columns import arrow, schema
from pipeline.fields import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

UNIT = "unit"  # column: place of the row group that a row is from
SIDE = 1 << 24  # px; no mask has more pixels
FAR = 2.0**31  # px or mm

Bad = Iterator[tuple[str, NDArray[np.bool_] | None]]  # None: not one


def sound(table: str, rows: pa.Table, asked: Asked) -> tuple[pa.Table, Runs | None, Counter[tuple[int, str]]]:
    """The rows that can be believed, the runs of their masks, and how many of each row group cannot, by reason.

    Args:
        table: Whose rows they are.
        rows: Flat columns, and `unit`.
        asked: What they are needed for.
    """
    found = _runs(rows) if table == "regions" and asked.pixels else None
    reason, told = np.full(len(rows), -1), list[str]()
    for why, bad in _faults(table, rows, asked, found):
        if bad is not None and bad.any():
            reason[bad & (reason < 0)] = len(told)
            told.append(why)
    good = reason < 0
    faults = zip(rows[UNIT].to_numpy()[~good].tolist(), reason[~good].tolist(), strict=True)
    refused = Counter((unit, told[number]) for unit, number in faults)
    if good.all():
        return rows, found, refused
    return rows.filter(arrow().array(good)), found and chosen(found, good), refused


def chosen(found: Runs, rows: NDArray[np.bool_]) -> Runs:
    """The runs of some of the masks."""
    mine = np.repeat(rows, found.many)
    return Runs(found.many[rows], found.begin[mine], found.end[mine], found.sound[rows])


def _faults(table: str, rows: pa.Table, asked: Asked, found: Runs | None) -> Bad:
    for name in COLUMNS[table]:
        if name in schema(table).names and not schema(table).field(name).nullable:
            yield f"expected a value in {name}, found null", _null(rows[name]) if rows[name].null_count else None
    yield from {"frames": _frames, "regions": _regions, "verdicts": _verdicts, "gaps": _gaps}[table](rows)
    for number in asked.measures:
        measure = MEASURES[number]
        if measure.table == table and not arrow().types.is_integer(rows[measure.name].type):
            values = rows[measure.name].to_numpy()
            bad = ~_null(rows[measure.name]) & ~measurable(values)
            yield f"expected a number that can be squared in {measure.column}, found none", bad
    if found is not None and not found.sound.all():
        told = ~_null(rows["counts"]) | ~_null(rows["box_counts"])
        yield "expected run lengths of height × width pixels, found others", told & ~found.sound


def _frames(rows: pa.Table) -> Bad:
    yield from _sides(rows, "roi_width", "roi_height", low=1)
    yield "expected a kind of frame, regions or tracks, found another", ~says(rows["kind"], *KINDS)


def _regions(rows: pa.Table) -> Bad:
    yield from _sides(rows, "height", "width", "box_width", "box_height", "area_px", low=0)
    for name in ("centroid_x", "centroid_y", "plane_x", "plane_y", "box_x", "box_y"):
        yield f"expected a place in {name}, found none that any view has", _beyond(rows[name], -FAR, FAR)
    yield "expected a kind of regions or tracks, found another", ~says(rows["kind"], *KINDS[1:])


def _verdicts(rows: pa.Table) -> Bad:
    yield (
        f"expected an outcome of {', '.join(get_args(Outcome))}, found another",
        ~says(rows["outcome"], *get_args(Outcome)),
    )
    yield f"expected a subject of {', '.join(SUBJECTS)}, found another", ~says(rows["subject"], *SUBJECTS)
    yield "expected first_seq not above seq, found it above", _above(rows["first_seq"], rows["seq"])


def _gaps(rows: pa.Table) -> Bad:
    yield "expected last not below seq, found it below", _above(rows["seq"], rows["last"])


def _sides(rows: pa.Table, *names: str, low: int) -> Bad:
    for name in names:
        yield f"expected {low} to {SIDE} in {name}, found another number", _beyond(rows[name], low - 1, SIDE + 1)


def _beyond(column: pa.ChunkedArray, low: float, high: float) -> NDArray[np.bool_] | None:
    """Which numbers do not lie between limits, where there are such: null is none of them."""
    if column.null_count == len(column):
        return None
    values = column.to_numpy()  # null is NaN
    if values.min() > low and values.max() < high:
        return None
    bad: NDArray[np.bool_] = ~_null(column) & ~((values > low) & (values < high))
    return bad


KINDS = ("frame", "regions", "tracks")


def _above(one: pa.ChunkedArray, two: pa.ChunkedArray) -> NDArray[np.bool_]:
    pc = arrow().compute
    return np.asarray(pc.fill_null(pc.greater(one, two), False).to_numpy())


def _null(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy())


def _runs(rows: pa.Table) -> Runs:
    """The runs of every mask, whether it is told of the whole view, or of its box."""
    height, width = _whole_numbers(rows, "height", "width")
    of_box = ~_null(rows["box_counts"])
    if not of_box.any():
        return runs(rows["counts"], height * width)
    found = runs(arrow().compute.if_else(arrow().array(of_box), None, rows["counts"]), height * width)
    x, y, box_width, box_height = _whole_numbers(rows, "box_x", "box_y", "box_width", "box_height")
    inside = runs(rows["box_counts"], box_height * box_width)
    return merged(found, placed(inside, Boxes(x, y, box_width, box_height), height, width))


def _whole_numbers(rows: pa.Table, *names: str) -> list[Ints]:
    """Columns of pixels as whole numbers; what is none, or more than any view has, is told elsewhere."""
    return [np.clip(arrow().compute.fill_null(rows[n], 0).to_numpy(), 0, SIDE).astype(np.int64) for n in names]
