"""Data is held against types as msgspec does it, in the words of a YAML author."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from pipeline import words
from pipeline.conform import Conform, Said, whole
from pipeline.located import BROKEN, parse
from pipeline.units import Area, Count, Rate, Ratio, Seconds, Url


class Lens(Struct, frozen=True, forbid_unknown_fields=True):
    """Something nested."""

    focus: Annotated[float, Meta(gt=0, description="mm")]
    filters: tuple[Literal["red", "blue"], ...] = ()


class Camera(Struct, frozen=True, forbid_unknown_fields=True):
    """A bit of everything."""

    lens: Lens | None = None
    area: Area = 3
    share: Ratio | None = None
    url: Url | None = None
    pair: tuple[int, int] = (0, 0)
    named: dict[str, Count] = {}
    many: Annotated[int, Meta(ge=1, le=9)] = 1


def _read(text: str, kind: Any = Camera) -> tuple[Any, list[str]]:
    document = parse(text)
    found = Conform(document)(document.data, kind, ())
    return found, [fault.text for fault in document.faults]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("area: -3", "area: expected at least 0 px², got -3"),
        ("area: 3.5", "area: expected a whole number, at least 0 px², got 3.5"),
        ("area: many", "area: expected a whole number, at least 0 px², got 'many'"),
        ("area: true", "area: expected a whole number, at least 0 px², got true"),
        ("area:", "area: expected a whole number, at least 0 px², got nothing"),
        ("share: 1.5", "share: expected 0 to 1, got 1.5"),
        ("many: 10", "many: expected 1 to 9, got 10"),
        ("url: ftp://x", "url: expected http(s) URL, got 'ftp://x'"),
        ("pair: [1]", "pair: expected a list of 2: a whole number, a whole number, got a list"),
        ("named: {a: -1}", "a: expected at least 0 count, got -1"),
        ("lens: {focus: 0}", "focus: expected more than 0 mm, got 0"),
        ("lens: {}", "missing field 'focus': expected a number, more than 0 mm"),
        ("lens: {focus: 1, filters: [green]}", "expected 'blue' or 'red', got 'green'"),
        ("lens: {focus: 1, filters: [bleu]}", "expected 'blue' or 'red', got 'bleu'; did you mean 'blue'?"),
        ("lens: [1]", "lens: expected a mapping, got a list"),
        ("lense: {}", "unknown field 'lense'; did you mean 'lens'?"),
        ("- 1", "expected a mapping, got a list"),
    ],
)
def test_text(text: str, said: str) -> None:
    """A refusal says the field, what was expected with unit and range, and what was found."""
    assert _read(text)[1] == [said]


def test_every_fault_is_told() -> None:
    """One fault does not hide another, and what is good is kept."""
    found, said = _read("area: -1\nlens: {focus: x, filters: [red, 3]}\nshare: 0.5\nodd: 1")
    assert len(said) == 4
    assert whole(found) == {"lens": {"filters": ["red"]}, "share": 0.5}


def test_a_variable_is_read_as_if_written_there() -> None:
    """Text that a variable gives becomes a number where one is taken, and stays text where text is."""
    conform = Conform(parse(""))
    assert conform(Said("30"), Rate, ()) == 30
    assert conform(Said("30"), str, ()) == "30"
    assert conform(Said("true"), bool | None, ()) is True
    assert conform(Said("[red]"), tuple[str, ...], ()) == ["red"]
    assert conform(Said("30"), Any, ()) == "30"
    assert conform(BROKEN, int, ()) is BROKEN


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.sampled_from(["", "red", "http://x", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*Camera.__struct_fields__, "focus"]), inner)
    ),
    max_leaves=8,
)


@pytest.mark.slow
@given(VALUES, st.sampled_from([Camera, Lens, Area, Ratio, Seconds, Url, tuple[int, int], dict[str, Area], list[Lens]]))
def test_accepts_what_msgspec_accepts(value: Any, kind: Any) -> None:
    """A value without fault converts, and one that does not convert has a fault."""
    document = parse("")
    found = Conform(document)(value, kind, ())
    assert (not document.faults) == words.fits(value, kind)
    if not document.faults:
        assert msgspec.convert(found, kind) == msgspec.convert(value, kind)
