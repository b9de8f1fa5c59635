"""Tests of `pipeline.runtime.offset`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.offset import DRIFT, Exchange, measured

MS = 1_000_000
YEARS = 10 * 365 * 86_400 * 1000 * MS
Ways = st.tuples(st.integers(0, 2_000 * MS), st.integers(0, 50 * MS), st.integers(0, 2_000 * MS))


def exchange(ahead: int, at: int, out: int, there: int, back: int) -> Exchange:
    """One exchange with a clock that is so far ahead, which took so long on its way out, there and back."""
    return Exchange(at, at + out + ahead, at + out + there + ahead, at + out + there + back)


def test_nothing_is_known_before_the_first_exchange() -> None:
    """None, and not 0: a clock that was not compared is not right."""
    assert measured([], 0) is None


@given(st.integers(-YEARS, YEARS), st.lists(Ways, min_size=1, max_size=8))
def test_the_true_offset_lies_within_the_doubt(ahead: int, ways: list[tuple[int, int, int]]) -> None:
    """However unevenly the ways out and back are loaded, and however far the clocks are apart."""
    found = measured([exchange(ahead, i * 1_000 * MS, *way) for i, way in enumerate(ways)], len(ways) * 1_000 * MS)
    assert found
    assert abs(found.ns - ahead) <= found.doubt + 1


@given(st.integers(-YEARS, YEARS), st.lists(Ways, max_size=7))
def test_one_fast_exchange_says_more_than_any_number_of_slow_ones(ahead: int, ways: list[tuple[int, int, int]]) -> None:
    """What queues add is filtered out, as RFC 5905 does: the doubt is that of the fastest."""
    slow = [
        exchange(ahead, i * 1_000 * MS, 5 * MS + out, there, 5 * MS + back) for i, (out, there, back) in enumerate(ways)
    ]
    found = measured([*slow, exchange(ahead, 7_000 * MS, MS, 0, MS)], 7_002 * MS)
    assert found
    assert found.doubt == MS
    assert abs(found.ns - ahead) <= MS


def test_an_old_exchange_is_doubted_more() -> None:
    """Clocks part: what was exact a day ago gives way to what is less exact now."""
    day = 86_400_000 * MS
    old, new = exchange(0, 0, MS, 0, MS), exchange(500 * MS, day, 90 * MS, 0, 90 * MS)
    assert measured([old], day) == (0, MS + round((day - 2 * MS) * DRIFT))
    assert measured([old, new], day + 180 * MS) == (500 * MS, 90 * MS)
