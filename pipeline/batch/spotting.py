"""Spots: places of the view at which one camera sees more than its peers, as where dirt lies on a lens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.batch.measures import CELLS
from pipeline.batch.peers import funnel, together
from pipeline.batch.splitting import PLACE, TEXT, Column, Row, split
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.float64]

BLOCK = 8  # cells of a view, along each side, that are counted together
CAMERAS = 3
FAR = 3.0  # sigmas of chance from the median: what lies nearer is no spot, whatever else cameras differ by
LEVEL = 0.05
SPOTTED: dict[str, Column] = {
    **dict.fromkeys((*PLACE, "label"), TEXT),
    **dict.fromkeys(("x", "y"), ("int32", f"first of {BLOCK} cells of a view")),
    **dict.fromkeys(("n", "of"), ("int64", "count")),
    **dict.fromkeys(("rate", "peers"), ("float64", "0…1")),
    "score": ("float64", "standard deviations"),
    **dict.fromkeys(("p", "p_all"), ("float64", "0…1")),
}


def spots(heat: pa.Table) -> list[Row]:
    """Blocks of the view in which a camera has a larger share of a label's centroids than its peers have, p_all ≤ 0.05.

    Every block of every camera and label is a test, and all of them are minded together.
    """
    pc = arrow().compute
    found, tests = list[Row](), 0
    for who, rows in split(heat.filter(pc.equal(heat["space"], "view")), ("prompt", "label")):
        whose = [*split(rows, ("plant", "line", "camera"))]
        if len(whose) >= CAMERAS:
            counts = np.array([_blocks(some) for _, some in whose], np.float64)
            tests += counts[:, counts.any(axis=0)].size
            found += _spots(who, [camera for camera, _ in whose], counts)
    every = together(np.array([row["p"] for row in found]), tests)
    told = ({**row, "p_all": each} for row, each in zip(found, every.tolist(), strict=True))
    return [row for row in told if row["p_all"] <= LEVEL]


def _spots(who: Row, cameras: Sequence[Row], counts: Numbers) -> Iterator[Row]:
    """Where a camera has more than the others, of those blocks that chance alone does not explain."""
    of = counts.sum(axis=1)
    scale = np.arcsin(np.sqrt(counts / of[:, None]))
    far = (scale - np.median(scale, axis=0)) * 2 * np.sqrt(of)[:, None]
    for block in np.flatnonzero((far > FAR).any(axis=0)).tolist():
        held = funnel(counts[:, block], of)
        y, x = divmod(block, CELLS // BLOCK)
        for number in np.flatnonzero(held.scores > 0).tolist():
            n, score = counts[number, block], float(held.scores[number])
            told = {"x": x * BLOCK, "y": y * BLOCK, "n": int(n), "of": int(of[number]), "rate": float(n / of[number])}
            yield {**cameras[number], **who, **told, "peers": held.rate, "score": score, "p": float(held.p[number])}


def _blocks(rows: pa.Table) -> list[float]:
    across = CELLS // BLOCK
    x, y = (rows[name].to_numpy().astype(np.int64) // BLOCK for name in ("x", "y"))
    found: list[float] = np.bincount(y * across + x, weights=rows["n"].to_numpy(), minlength=across**2).tolist()
    return found
