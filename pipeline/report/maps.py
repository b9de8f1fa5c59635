"""Heat maps of a report: where on a view, or on the part, regions lie; with the outline of the part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.batch.measures import CELLS
from pipeline.report.drawing import HEAT, INK, figure, heat_colour, rect, words

Grid = NDArray[np.float64]
Flags = NDArray[np.bool_]

SIDE = 300.0
MARGIN = 26.0


def heat_map(
    title: str, cells: Grid, outline: Flags | None = None, spots: Sequence[tuple[int, int, int]] = (), tall: float = 1.0
) -> str:
    """A map of cells, darker where there is more.

    Args:
        title: Of the map.
        cells: (H, W) counts.
        outline: (h, w) where the part lies, over the same area.
        spots: x, y and side of squares that are framed, in cells.
        tall: Height of the area over its width.
    """
    body = [words(0, 14, title, "strong"), rect((0, MARGIN), (SIDE, SIDE), "#fbfcfd")]
    step, cells = SIDE / cells.shape[1], coarse(cells)
    most = float(cells.max(initial=0))
    body += [_level(cells, most, number) for number in range(len(HEAT))] if most else []
    if outline is not None and outline.any():
        body.append(_edges(outline))
    for x, y, side in spots:
        frame = f'x="{x * step:.1f}" y="{MARGIN + y * step:.1f}" width="{side * step:.1f}" height="{side * step:.1f}"'
        body.append(f'<rect {frame} fill="none" stroke="#b3261e" stroke-width="2.5"/>')
    body.append(f'<rect x="0.5" y="{MARGIN}" width="{SIDE - 1}" height="{SIDE - 1}" fill="none" stroke="#b9c3ce"/>')
    head, *drawn = body
    flat = f'<g transform="translate(0 {MARGIN * (1 - tall):.2f}) scale(1 {tall:.4f})">{"".join(drawn)}</g>'
    bottom = MARGIN + SIDE * tall
    return figure(SIDE, bottom + 30, title, [head, flat, *_scale(most, bottom)])


def coarse(cells: Grid, least: float = 24.0, fewest: int = 16) -> Grid:
    """Cells counted together, two by two, until the fullest holds enough to tell chance from a place."""
    while cells.max(initial=0) < least and cells.shape[0] > fewest and cells.any():
        cells = cells.reshape(cells.shape[0] // 2, 2, cells.shape[1] // 2, 2).sum(axis=(1, 3))
    return cells


def gridded(rows: dict[str, NDArray[np.int64]]) -> Grid:
    """Counts per cell, (64, 64), of columns `x`, `y` and `n`."""
    cells = np.zeros((CELLS, CELLS))
    np.add.at(cells, (np.clip(rows["y"], 0, CELLS - 1), np.clip(rows["x"], 0, CELLS - 1)), rows["n"])
    return cells


def _level(cells: Grid, most: float, number: int) -> str:
    """All cells of one colour as one path, in runs along the rows."""
    share = cells / most
    # One hot cell must not hide where the others are.
    part = np.sqrt(share) if np.median(share[cells > 0]) < 1 / 6 else share
    level = np.minimum(len(HEAT) - 1, (part * len(HEAT)).astype(int))
    mine, step = (level == number) & (cells > 0), SIDE / cells.shape[1]
    steps = [
        f"M{a * step:.1f} {MARGIN + y * step:.1f}h{(b - a) * step:.1f}v{step:.1f}h{(a - b) * step:.1f}z"
        for y, a, b in _runs(mine)
    ]
    return f'<path d="{"".join(steps)}" fill="{HEAT[number]}"/>' if steps else ""


def _runs(flags: Flags) -> Iterator[tuple[int, int, int]]:
    """Row, begin and end of every run that is up."""
    edges = np.diff(np.pad(flags.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, begins = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    yield from zip(rows.tolist(), begins.tolist(), ends.tolist(), strict=True)


def _edges(inside: Flags) -> str:
    """The border of what is inside, side by side of its pixels."""
    height, width = inside.shape
    x, y = SIDE / width, SIDE / height
    flat, up = np.pad(inside, ((1, 1), (0, 0))), np.pad(inside, ((0, 0), (1, 1)))
    across = _runs(flat[1:] != flat[:-1])
    along = _runs((up[:, 1:] != up[:, :-1]).T)
    steps = [f"M{a * x:.1f} {MARGIN + row * y:.1f}H{b * x:.1f}" for row, a, b in across]
    steps += [f"M{column * x:.1f} {MARGIN + a * y:.1f}V{MARGIN + b * y:.1f}" for column, a, b in along]
    return f'<path d="{"".join(steps)}" fill="none" stroke="{INK}" stroke-width="1.6"/>'


def _scale(most: float, bottom: float) -> Iterator[str]:
    y, step = bottom + 8, 22.0
    yield words(0, y + 10, "none", "dim")
    for number in range(len(HEAT)):
        yield rect((34 + number * step, y), (step, 12), heat_colour(number / len(HEAT)))
    yield words(40 + len(HEAT) * step, y + 10, f"{most:,.0f} in a cell", "dim")
