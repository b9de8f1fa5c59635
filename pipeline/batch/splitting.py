"""Results in groups: what their rows speak of, and the rows of each group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.batch.tally import grouped
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
Column = tuple[str, str]

TEXT: Column = ("string", "")
PLACE = ("plant", "line", "camera", "prompt")
PHASE = (*PLACE, "label", "model", "version")
WINDOW: dict[str, Column] = {**dict.fromkeys(("begin_ns", "end_ns"), ("int64", "ns since 1970, UTC")), "window": TEXT}


def split(table: pa.Table, keys: Sequence[str]) -> Iterator[tuple[Row, pa.Table]]:
    """The rows of each group, in the order of what the keys say."""
    code, groups = grouped(table, keys)
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=len(groups)))
    ordered, begin = table.take(arrow().array(order)), 0
    for who, end in zip(groups.to_pylist(), ends.tolist(), strict=True):
        yield who, ordered.slice(begin, end - begin)
        begin = end


def windowed(rates: pa.Table) -> pa.Table:
    """Those rows that speak of windows; the span `date` counts the same exposures once more."""
    pc = arrow().compute
    return rates.filter(pc.not_equal(rates["span"], "date"))
