from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.backoff import DEGRADED_AFTER, MOST_NS, Backoff

S = 1_000_000_000


def _row(failures: int, free: int = 0) -> Backoff:
    """A row of failures, each at the moment of the retry."""
    row = Backoff(free=free)
    for _ in range(failures):
        row = row.failed(row.retry_ns)
    return row


def test_rest_doubles_up_to_ten_seconds() -> None:
    """The rests are 0.2 s, 0.4 s, … and never more than 10 s."""
    assert [_row(n).rest_ns / S for n in range(9)] == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


def test_free_failures_ask_for_no_rest() -> None:
    """One bad record is not a bad node: the rests begin after the free failures."""
    assert [_row(n, free=1).rest_ns / S for n in range(4)] == [0, 0, 0.2, 0.4]


def test_five_in_a_row_are_degraded() -> None:
    """Degraded begins with the fifth failure, not before."""
    assert [_row(n).degraded for n in range(1, 7)] == [False] * 4 + [True] * 2


def test_a_minute_of_health_ends_the_row() -> None:
    """The minute counts from the retry; a moment less of it, and the row goes on."""
    row = _row(4)
    assert row.failed(row.retry_ns + 60 * S - 1).failures == 5
    assert row.failed(row.retry_ns + 60 * S).failures == 1


def test_ready_when_the_rest_is_over() -> None:
    """It is tried again at `retry_ns`, and not a nanosecond before."""
    row = _row(3)
    assert not row.ready(row.retry_ns - 1)
    assert row.ready(row.retry_ns)


@given(st.lists(st.integers(0, 100 * S), max_size=60), st.integers(0, 3))
def test_any_history_keeps_the_bounds(pauses: list[int], free: int) -> None:
    """Whenever it fails, a rest is between nothing and 10 s, and a row is degraded from its fifth failure on."""
    row, now = Backoff(free=free), 0
    for pause in pauses:
        now += pause
        row = row.failed(now)
        assert 0 <= row.rest_ns <= MOST_NS
        assert row.degraded == (row.failures >= DEGRADED_AFTER)
