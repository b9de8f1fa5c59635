"""Payloads of Sparkplug B: what is written reads as it was, and whatever a stranger sends is read or refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.delivery.sparkplug_b import Metric, PayloadError, commands, payload

NAMES = st.text(max_size=20).filter(lambda name: "\0" not in name)
VALUES = st.one_of(
    st.tuples(st.just("Int64"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("UInt64"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("Boolean"), st.booleans()),
    st.tuples(st.just("String"), st.text(max_size=300)),
)


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_a_command_reads_as_it_was_written(wanted: dict[str, tuple[Any, Any]]) -> None:
    """Unsigned, as protobuf has numbers: what is negative is its complement."""
    data = payload([Metric(name, kind, value, 1) for name, (kind, value) in wanted.items()], 2, 3)
    expected = {
        name: value % 2**64 if isinstance(value, int) and not isinstance(value, bool) else value
        for name, (_, value) in wanted.items()
    }
    assert commands(data) == expected


@given(st.binary(max_size=200))
def test_whatever_a_stranger_sends_is_read_or_refused(data: bytes) -> None:
    """Never anything else."""
    try:
        commands(data)
    except PayloadError:
        return


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x12", "expected a number, found none that ends, at byte 1"),
        (b"\x1a\x05abc", "expected a whole field, found the end 2 bytes too early"),
        (b"\x13", "expected a field of protobuf, found kind 3 at byte 1"),
        (b"\x12\x03\x0a\x01\xff", "expected UTF-8, found b'\\\\xff'"),
        (bytes((1 << 20) + 1), "expected at most 1,048,576 bytes, found 1,048,577"),
    ],
)
def test_what_is_no_command_is_refused_in_words(data: bytes, said: str) -> None:
    """With the place."""
    with pytest.raises(PayloadError, match=f"^{said}$"):
        commands(data)


def test_numbers_are_little_endian_where_they_are_fixed() -> None:
    """A double."""
    assert struct.pack("<d", 1.5) in payload([Metric("x", "Double", 1.5, 1)], 1, 1)
