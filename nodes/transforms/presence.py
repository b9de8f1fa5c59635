"""Patterns: which of the things that should be at known places are there, and how far apart they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from nodes.transforms.components import components, holes
from nodes.transforms.layout import places
from nodes.transforms.views import Pattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]
    Floats = NDArray[np.float64]

EXACT = 1e-9


class Spacing(NamedTuple):
    """Distances of a pattern: see `Presence`; None where there is nothing between which they are."""

    offset: float | None
    pitch: float | None
    error: float | None


def things(pixels: Dense, pattern: Pattern) -> Floats:
    """The centroids of what is looked for: (n, 2) x and y, px."""
    import numpy as np

    found, numbers = holes(pixels) if pattern.find == "holes" else (every := components(pixels), _all(every.count))
    large = numbers[found.areas[numbers] >= pattern.min_area]
    centres: Floats = np.asarray(found.centroids[large], np.float64).reshape(-1, 2)
    return centres


def matched(wanted: Floats, found: Floats, tolerance: float) -> dict[int, int]:
    """Which thing is at which place: place → the nearest thing within the tolerance.

    A layout whose tolerance reaches half way to the next place is refused, so no thing is at two.
    """
    import numpy as np

    if not len(found):
        return {}
    off = np.hypot(*np.moveaxis(wanted[:, None] - found[None], -1, 0))
    nearest = off.argmin(axis=1)
    return {place: int(thing) for place, thing in enumerate(nearest) if off[place, thing] <= tolerance + EXACT}


def neighbours(pattern: Pattern) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Places that are next to each other: those whose distance is the pitch, and others whose distance is known."""
    if (grid := pattern.grid) is None:
        return [(n, n + 1) for n in range(len(places(pattern)) - 1)], []
    number = [[row * grid.columns + column for column in range(grid.columns)] for row in range(grid.rows)]
    across = [pair for row in number for pair in itertools.pairwise(row)]
    down = [pair for one, two in itertools.pairwise(number) for pair in zip(one, two, strict=True)]
    return (across, down) if across else (down, [])


def spacing(pattern: Pattern, wanted: Floats, found: Floats, pairs: dict[int, int]) -> Spacing:
    """Distances between the things that are there, and from their places.

    Args:
        pattern: The pattern.
        wanted: (n, 2): where things should be, px or mm.
        found: (m, 2): where they are.
        pairs: Which thing is at which place.
    """
    first, others = neighbours(pattern)
    offsets = [_far(wanted[place], found[thing]) for place, thing in pairs.items()]
    spans = {pair: _far(*(found[pairs[place]] for place in pair)) for pair in (*first, *others) if {*pair} <= {*pairs}}
    errors = [abs(span - _far(wanted[a], wanted[b])) for (a, b), span in spans.items()]
    pitches = [spans[pair] for pair in first if pair in spans]
    return Spacing(max(offsets, default=None), _mean(pitches), max(errors, default=None))


def _all(count: int) -> NDArray[np.intp]:
    import numpy as np

    return np.arange(1, count + 1)


def _far(one: Floats, other: Floats) -> float:
    return math.hypot(float(one[0] - other[0]), float(one[1] - other[1]))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
