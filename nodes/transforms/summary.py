"""What is measured of a part in view after view, kept as sums: a part that rests in view for a day costs no more.

After Welford, *Note on a method for calculating corrected sums of squares and products*, Technometrics 4 (1962).
"""

from __future__ import annotations

import math
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec

from pipeline.records import Region, Spread


class Summary:
    """The measures of one part, over the views that were added."""

    __slots__ = ("_count", "_sums")

    def __init__(self) -> None:
        self._count = 0
        self._sums: list[list[float]] = []  # mean, sum of squares around it, least, greatest

    def add(self, region: Region) -> None:
        """Take in one more view."""
        values = _read()(region)
        self._count = count = self._count + 1
        if count == 1:
            self._sums = [[value, 0.0, value, value] for value in values]
            return
        for sums, value in zip(self._sums, values, strict=True):
            mean, squares, low, high = sums
            if value == mean and not squares:
                continue
            after = mean + (value - mean) / count
            sums[:] = after, squares + (value - mean) * (value - after), min(low, value), max(high, value)

    @property
    def spreads(self) -> tuple[Spread, ...]:
        """What is told of it; nothing, where there was no view."""
        less = max(self._count - 1, 1)
        told = zip(measures(), self._sums, strict=False)
        return tuple(Spread(name, m, low, high, math.sqrt(squares / less)) for name, (m, squares, low, high) in told)


@cache
def measures() -> tuple[str, ...]:
    """Every number that a region has."""
    kinds = (msgspec.inspect.IntType, msgspec.inspect.FloatType)
    told = msgspec.inspect.type_info(Region)
    assert isinstance(told, msgspec.inspect.StructType)
    return tuple(field.name for field in told.fields if isinstance(field.type, kinds))


@cache
def _read() -> Any:
    return attrgetter(*measures())
