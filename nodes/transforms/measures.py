"""What a rule can speak of: every number that a region or a part has, under its own name and unit.

Names and units are read off the records, so a measurement that a record gains can be limited at once. `length_mm` is
called that, or `length` where the limit says which unit is meant; `centroid`, two numbers in px, is `centroid_x` and
`centroid_y`; what stands in a struct that may be missing, such as one of millimetres, is missing then.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from nodes.transforms.quantity import ONE, UNITS, Dims, base
from pipeline.gauges import Gauge
from pipeline.masks import Rle
from pipeline.records import Part, Record, Region

Level = Literal["region", "part", "frame", "tool"]
Kind = Literal["number", "count", "truth"]
Read = Callable[[Any], float | None]

# By the end of its name, longest first; an area in `_px` is in px²: its name is older than this rule.
SUFFIXES = {"_mm2": "mm²", "_px2": "px²", "_mm": "mm", "_px": "px", "_deg": "°", "_s": "s"}
PIXELS = UNITS["px"].dims
COORDINATES = {2: ("x", "y"), 4: ("x", "y", "width", "height")}
UNKNOWN = "NO_TEMPLATE"  # the fault of a gauge that stands for all tools of a view that is not in the layout
FUNCTIONS = ("total", "mean", "least", "most")


class Measure(NamedTuple):
    """One thing that can be limited.

    Attributes:
        name: Its full name, with its unit where it has one: `length_mm`.
        stem: Its name without: `length`.
        dims: What kind of thing it is.
        kind: A whole number has no per cent, a truth is no number at all.
        level: Whether each region has it, a part, a whole frame, or what a tool measured of a region.
        read: Takes it from a region, a part or a gauge; None where that does not have it. Not for a frame's.
    """

    name: str
    stem: str
    dims: Dims
    kind: Kind
    level: Level
    read: Read


@lru_cache(maxsize=8)
def measures(region: type[Struct]) -> dict[str, Measure]:
    """Everything that can be limited, by full name."""
    found: dict[str, Measure] = {}
    for each in (*_fields(region, "region"), *_of_parts(), *_of_frames(), *_of_tools()):
        name = each.name if each.name not in found else f"metric_{each.name}"
        found.setdefault(name, each._replace(name=name, stem=each.stem if name == each.name else f"metric_{each.stem}"))
    return found


def stems(known: Iterable[Measure]) -> dict[str, list[Measure]]:
    """The same by the name without unit."""
    found: dict[str, list[Measure]] = {}
    for each in known:
        found.setdefault(each.stem, []).append(each)
    return found


def gauge_of(region: Region, tool: str) -> Gauge | None:
    """What a tool measured of a region; where nobody had a view for its prompt, that; None where there is neither."""
    unknown = None
    for gauge in region.gauges:
        if gauge.tool == tool:
            return gauge
        if gauge.fault == UNKNOWN:
            unknown = gauge
    return unknown


def by_tool(measure: Measure, tool: str) -> Measure:
    """A measurement of gauges as one of regions: that which one tool made."""

    def read(region: Region) -> float | None:
        gauge = gauge_of(region, tool)
        return None if gauge is None else measure.read(gauge)

    return measure._replace(read=read)


def _of_tools() -> Iterator[Measure]:
    """What tools measure; how they fared is no measurement."""
    for field in msgspec.structs.fields(Gauge):
        if isinstance(kind := _plain(field.type), type) and issubclass(kind, Struct):
            yield from _field(field.name, kind, "tool", attrgetter(field.name))


def _of_parts() -> Iterator[Measure]:
    """What a part says of itself beside its best view; who, when and where it was is no measurement."""
    about = {"id", "first_seq", "best_seq", "mark", "piece", "watermark"}
    own = {*Part.__struct_fields__} - {*Record.__struct_fields__, *about}
    yield from (each for each in _fields(Part, "part") if each.name in own)


def _of_frames() -> Iterator[Measure]:
    """What only everything together has."""
    nowhere: Read = _unread
    yield Measure("count", "count", ONE, "count", "frame", nowhere)
    yield Measure("coverage", "coverage", ONE, "number", "frame", nowhere)
    yield Measure("density_px2", "density", UNITS["1/px²"].dims, "number", "frame", nowhere)
    yield Measure("density_mm2", "density", UNITS["1/mm²"].dims, "number", "frame", nowhere)
    yield Measure("rate", "rate", UNITS["1/min"].dims, "number", "frame", nowhere)


def _unread(_: Any) -> float | None:
    raise NotImplementedError("of a whole frame")


def _fields(holder: type[Struct], level: Level) -> Iterator[Measure]:
    for field in msgspec.structs.fields(holder):
        yield from _field(field.name, _plain(field.type), level, attrgetter(field.name))


def _field(name: str, kind: Any, level: Level, read: Read) -> Iterator[Measure]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        for field in msgspec.structs.fields(kind) if kind is not Rle else ():
            yield from _field(field.name, _plain(field.type), level, _inside(read, attrgetter(field.name)))
    elif typing.get_origin(kind) is tuple and len(axes := COORDINATES.get(len(typing.get_args(kind)), ())) > 0:
        stem, dims = _unit(name, PIXELS)
        for place, (axis, one) in enumerate(zip(axes, typing.get_args(kind), strict=True)):
            if _plain(one) in (int, float):
                full = f"{stem}_{axis}_{base(dims).name.replace('²', '2')}"
                yield Measure(full, f"{stem}_{axis}", dims, "number", level, _inside(read, _at(place)))
    elif kind in (int, float, bool):
        stem, dims = _unit(name, ONE)
        number: Kind = "truth" if kind is bool else "count" if kind is int and dims == ONE else "number"
        yield Measure(name, stem, dims, number, level, read)


def _unit(name: str, otherwise: Dims) -> tuple[str, Dims]:
    """A field's name without its unit, and what that is."""
    for end, unit in SUFFIXES.items():
        if name.endswith(end):
            stem = name.removesuffix(end)
            square = stem.endswith("area") and end == "_px"
            return stem, UNITS["px²" if square else unit].dims
    return name, otherwise


def _inside(holder: Read, read: Read) -> Read:
    """Read something of what is read; None where that is missing."""

    def both(subject: Any) -> float | None:
        held = holder(subject)
        return None if held is None else read(held)

    return both


def _at(place: int) -> Read:
    return itemgetter(place)


def _plain(kind: Any) -> Any:
    """The type behind its range, and behind `| None`."""
    if typing.get_origin(kind) is Annotated:
        return _plain(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        some = [one for one in typing.get_args(kind) if one is not types.NoneType]
        return _plain(some[0]) if len(some) == 1 else None
    return kind
