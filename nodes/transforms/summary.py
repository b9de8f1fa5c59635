"""What is measured of a part in view after view, kept as sums: a part that rests in view for a day costs no more."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import msgspec

from pipeline.records import Region, Spread


class Sums(NamedTuple):
    """What is kept of one measure (Welford, *Note on a method for calculating corrected sums of squares and products*,
    Technometrics 4 (1962))."""

    mean: float
    squares: float
    low: float
    high: float


Summary = tuple[int, tuple[Sums, ...]]

NOTHING: Summary = (0, ())


def added(summary: Summary, region: Region) -> Summary:
    """The summary with one more view."""
    count, sums = summary
    values = [float(getattr(region, name)) for name in measures()]
    if not count:
        return 1, tuple(Sums(value, 0.0, value, value) for value in values)
    return count + 1, tuple(_with(each, value, count + 1) for each, value in zip(sums, values, strict=True))


def spreads(summary: Summary) -> tuple[Spread, ...]:
    """What is told of it; nothing, where there was no view."""
    count, sums = summary
    return tuple(
        Spread(name, each.mean, each.low, each.high, math.sqrt(each.squares / (count - 1)) if count > 1 else 0.0)
        for name, each in zip(measures(), sums, strict=False)
    )


@cache
def measures() -> tuple[str, ...]:
    """Every number that a region has."""
    kinds = (msgspec.inspect.IntType, msgspec.inspect.FloatType)
    told = msgspec.inspect.type_info(Region)
    assert isinstance(told, msgspec.inspect.StructType)
    return tuple(field.name for field in told.fields if isinstance(field.type, kinds))


def _with(sums: Sums, value: float, count: int) -> Sums:
    mean = sums.mean + (value - sums.mean) / count
    squares = sums.squares + (value - sums.mean) * (value - mean)
    return Sums(mean, squares, min(sums.low, value), max(sums.high, value))
