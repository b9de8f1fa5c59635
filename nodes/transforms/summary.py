"""What is measured of a part in view after view, kept as sums: a part that rests in view for a day costs no more.

After Welford, *Note on a method for calculating corrected sums of squares and products*, Technometrics 4 (1962).
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterator
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from pipeline.gauges import Gauge
from pipeline.masks import Rle
from pipeline.records import Region, Spread
from pipeline.shapes import Metric, Shape

MOST = 4096  # numbers that a part may have
ROUND = {"angle_deg": 180.0, "turn_deg": 360.0}  # measures that begin anew after so many degrees


class Summary:
    """The measures of one part, over the views that were added: its own, and those of every tool as `TOOL.MEASURE`.

    What was missing in a view, such as an edge that was not found, is summed over the others. Angles go on beyond
    their range where views are on both sides of its end.
    """

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[Any, _Group] = {}

    def add(self, region: Region) -> None:
        """Take in one more view."""
        self._take(Region, region)
        if region.shape is not None:
            self._take(Shape, region.shape)
        if region.metric is not None:
            self._take(Metric, region.metric)
        for gauge in region.gauges:
            for read, kind in _tools():
                if (held := read(gauge)) is not None:
                    self._take((gauge.tool, kind), held)

    @property
    def spreads(self) -> tuple[Spread, ...]:
        """What is told of it; nothing, where there was no view."""
        told = (
            Spread(name, mean, low, high, math.sqrt(squares / max(count - 1, 1)))
            for whose, group in self._groups.items()
            for name, (count, mean, squares, low, high) in zip(_names(whose), group.settled(), strict=True)
            if count
        )
        return tuple(islice(told, MOST))

    def _take(self, whose: Any, held: Struct) -> None:
        if (group := self._groups.get(whose)) is None:
            group = self._groups[whose] = _Group(_numbers(type(held)))
        group.take(held)


class _Group:
    """The numbers of one struct: those that stay the same are only counted, until they change."""

    __slots__ = ("_last", "_numbers", "_sums", "_times")

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._last: tuple[float | None, ...] = ()
        self._times = 0
        self._sums = [[0, 0.0, 0.0, math.inf, -math.inf] for _ in numbers.names]

    def take(self, held: Struct) -> None:
        values = self._numbers.read(held)
        if values == self._last:
            self._times += 1
        else:
            self.settled()
            self._last, self._times = values, 1

    def settled(self) -> list[list[float]]:
        """Count, mean, sum of squares around it, least and greatest of each number."""
        times, self._times = self._times, 0
        if not times:
            return self._sums
        for sums, value, period in zip(self._sums, self._last, self._numbers.periods, strict=True):
            if value is None:
                continue
            count, mean, squares, low, high = sums
            if period and count:
                value -= period * round((value - mean) / period)  # noqa: PLW2901 - the same angle, counted on
            count += times
            after = mean + (value - mean) * (times / count)
            sums[:] = (
                count,
                after,
                squares + (value - mean) * (value - after) * times,
                min(low, value),
                max(high, value),
            )
        return self._sums


class Numbers(NamedTuple):
    """The numbers that a kind of struct has.

    Attributes:
        names: What they are called.
        read: Takes all of them from one.
        periods: After how much each begins anew; 0 where it does not.
    """

    names: tuple[str, ...]
    read: Any
    periods: tuple[float, ...]


@cache
def _numbers(kind: type[Struct]) -> Numbers:
    names = tuple(field.name for field in msgspec.structs.fields(kind) if _is_number(field.type))
    return Numbers(names, attrgetter(*names), tuple(ROUND.get(name, 0.0) for name in names))


def _is_number(kind: Any) -> bool:
    """Whether it is one, perhaps within a range, and perhaps missing; a truth is none."""
    if typing.get_origin(kind) is typing.Annotated:
        return _is_number(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return all(one is types.NoneType or _is_number(one) for one in typing.get_args(kind))
    return kind in (int, float)


@cache
def _tools() -> tuple[tuple[Any, type[Struct]], ...]:
    """Every kind of measurement that a tool makes, and what reads it from a gauge."""
    return tuple(_held())


def _held() -> Iterator[tuple[Any, type[Struct]]]:
    for field in msgspec.structs.fields(Gauge):
        for kind in typing.get_args(field.type):
            if isinstance(kind, type) and issubclass(kind, Struct) and kind is not Rle:
                yield attrgetter(field.name), kind


@cache
def _names(whose: Any) -> tuple[str, ...]:
    """As rules call them."""
    if isinstance(whose, tuple):
        tool, kind = whose
        return tuple(f"{tool}.{name}" for name in _numbers(kind).names)
    names = _numbers(whose).names
    known = {*_numbers(Region).names, *_numbers(Shape).names} if whose is Metric else set()
    return tuple(f"metric_{name}" if name in known else name for name in names)
