"""Types in the words of a manual: `a whole number, at least 0 px²`, `'block', 'drop_oldest' or 'latest'`."""

from __future__ import annotations

import types
import typing
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import inspect

from pipeline.conversion import convert
from pipeline.faults import listed

NOUNS: dict[type[inspect.Type], str] = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.StrType: "a text",
    inspect.DictType: "a mapping",
    inspect.StructType: "a mapping",
}
SPELLED = inspect.UnionType | inspect.LiteralType | inspect.StrType | inspect.TupleType  # by their description alone
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


@lru_cache(maxsize=1024)
def described(kind: Any) -> inspect.Type:
    """Msgspec's description of a type, remembered: reading one takes longer than using it."""
    return inspect.type_info(kind)


def fits(value: Any, kind: Any) -> bool:
    """Whether msgspec takes a value as that type, without coercing text to numbers."""
    try:
        convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def wanted(kind: Any) -> str:
    """A type in words, with unit and range."""
    return _wanted(described(kind))


def expected(value: Any, kind: Any) -> str:
    """What stands in place of a value: the range where only that is wrong, else the whole type.

    Example:
        >>> from pipeline.units import Area
        >>> expected(-3, Area), expected("many", Area)
        ('at least 0 px²', 'a whole number, at least 0 px²')
    """
    info = _some(described(kind))
    limits = _range(_bare(info))
    return f"{limits}{_measure(info)}" if limits and _counts(value, _bare(info)) else _wanted(info)


def unit(kind: Any) -> str:
    """The unit of a type, as its description has it; empty where it has none."""
    return _unit(_some(described(kind)))


def limits(kind: Any) -> str:
    """The range of a number: `at least 0`; empty where it has none."""
    return _range(_bare(_some(described(kind))))


def noun(kind: Any) -> str:
    """The type alone, without unit and range: `whole number`, `text`, `list of text`."""
    info = _bare(_some(described(kind)))
    return listed(map(str, info.values)) if isinstance(info, inspect.LiteralType) else _noun(info).removeprefix("a ")


def choices(kind: Any) -> list[str]:
    """The words of a type that is a choice of words."""
    info = _bare(_some(described(kind)))
    return [str(value) for value in info.values] if isinstance(info, inspect.LiteralType) else []


def asked(kind: Any) -> dict[str, Any]:
    """What a type asks of its reader: `beside`, `read`; see `Conform`."""
    info = _some(described(kind))
    return (info.extra or {}) if isinstance(info, inspect.Metadata) else {}


def textual(kind: Any) -> bool:
    """Whether text is taken as it is."""
    info = _bare(_some(described(kind)))
    options = info.types if isinstance(info, inspect.UnionType) else (info,)
    return any(isinstance(_bare(one), inspect.StrType | inspect.AnyType | inspect.LiteralType) for one in options)


def inner(kind: Any) -> Any:
    """The Python type behind its unit, and behind `| None` where that is all a union says."""
    if typing.get_origin(kind) is Annotated:
        return inner(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        some = [one for one in typing.get_args(kind) if one is not types.NoneType]
        return inner(some[0]) if len(some) == 1 else kind
    return kind


def _wanted(info: inspect.Type) -> str:
    info = _some(info)
    bare = _bare(info)
    if _unit(info) and isinstance(bare, SPELLED):
        return _unit(info)
    if isinstance(bare, inspect.UnionType):
        return " or ".join(_wanted(one) for one in bare.types if not isinstance(one, inspect.NoneType))
    if isinstance(bare, inspect.LiteralType):
        return listed(map(str, bare.values))
    if isinstance(bare, inspect.StrType):
        return "text"
    if limits := _range(bare):
        return f"{_noun(bare)}, {limits}{_measure(info)}"
    return f"{_noun(bare)} ({_unit(info)})" if _unit(info) else _noun(bare)


def _noun(bare: inspect.Type) -> str:
    if isinstance(bare, inspect.ListType | inspect.VarTupleType):
        return f"a list of {_wanted(bare.item_type).removeprefix('a ')}"
    if isinstance(bare, inspect.TupleType):
        return f"a list of {len(bare.item_types)}: {', '.join(map(_wanted, bare.item_types))}"
    return NOUNS.get(type(bare), "a value")


def _some(info: inspect.Type) -> inspect.Type:
    """What a type is where it is not None, as long as that is one type."""
    if isinstance(info, inspect.UnionType):
        some = [one for one in info.types if not isinstance(one, inspect.NoneType)]
        return _some(some[0]) if len(some) == 1 else info
    return info


def _bare(info: inspect.Type) -> inspect.Type:
    return _bare(info.type) if isinstance(info, inspect.Metadata) else info


def _unit(info: inspect.Type) -> str:
    schema = info.extra_json_schema if isinstance(info, inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


def _measure(info: inspect.Type) -> str:
    """The unit behind a number: ` px²`; none for what is a range already, such as `0…1`."""
    said = _unit(info)
    return f" {said}" if said and "…" not in said else ""


def _range(bare: inspect.Type) -> str:
    low, high = getattr(bare, "ge", None), getattr(bare, "le", None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    found = ((said, getattr(bare, name, None)) for name, said in LIMITS.items())
    return " and ".join(f"{said} {limit}" for said, limit in found if limit is not None)


def _counts(value: Any, bare: inspect.Type) -> bool:
    """Whether a value is a number of the right kind, so that only its range can be wrong."""
    takes = int if isinstance(bare, inspect.IntType) else (int, float)
    return isinstance(value, takes) and not isinstance(value, bool)
