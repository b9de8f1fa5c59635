from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.backoff import DEGRADED_AFTER, MOST_NS, STORM, Backoff

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


def _lives(seconds: float, deaths: int) -> Backoff:
    """A process that lives so long after each start, and then dies."""
    row = Backoff(storm=STORM)
    for _ in range(deaths):
        row = row.failed(row.retry_ns + int(seconds * S))
    return row


def test_what_lives_for_seconds_and_dies_again_and_again_is_degraded() -> None:
    """Eleven seconds of life end no row: the fifth death in a row is one too many."""
    assert not _lives(11, 4).degraded
    assert _lives(11, 5).degraded
    assert _lives(11, 5).often == "5 failures in a row"


def test_what_dies_after_each_minute_of_health_is_a_storm() -> None:
    """Each death begins a new row; the eighth within ten minutes is a storm, and rests as long as may be."""
    assert (_lives(61, 7).failures, _lives(61, 7).degraded) == (1, False)
    storm = _lives(61, 8)
    assert (storm.degraded, storm.often, storm.rest_ns) == (True, "8 failures in 10 min", MOST_NS)


def test_a_storm_is_over_when_the_last_ten_minutes_saw_fewer() -> None:
    """A minute of health is not enough after a storm; a death every two minutes is none."""
    storm = _lives(61, 8)
    assert not storm.over(storm.failed_ns + 70 * S)
    assert storm.over(storm.failed_ns + 600 * S)
    assert not _lives(120, 50).degraded


def test_a_node_knows_no_storms() -> None:
    """A bad record every minute is not a bad node."""
    row = Backoff(free=1)
    for _ in range(50):
        row = row.failed(row.retry_ns + 61 * S)
    assert not row.degraded


@given(st.lists(st.integers(0, 100 * S), max_size=60), st.integers(0, 3))
def test_any_history_keeps_the_bounds(pauses: list[int], free: int) -> None:
    """Whenever it fails, a rest is between nothing and 10 s, and a row is degraded from its fifth failure on."""
    row, now = Backoff(free=free), 0
    for pause in pauses:
        now += pause
        row = row.failed(now)
        assert 0 <= row.rest_ns <= MOST_NS
        assert row.degraded == (row.failures >= DEGRADED_AFTER)
