"""A consumer's ledger: what is missing, came twice or late is known by the numbers alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nodes.delivery.receiving import Ledger, Stream

TOLD = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 4), st.booleans()), max_size=60)


@given(TOLD, st.none() | st.integers(0, 20))
def test_ranges_say_what_sets_say(told: list[tuple[int, int, bool]], known: int | None) -> None:
    """Against a set of every number: whatever comes in whatever order, nothing is missed and nothing made up."""
    stream, have, gone, twice = Stream(known), set[int](), set[int](), 0
    begin = known + 1 if known is not None else told[0][0] if told else 1
    highest = begin - 1
    for first, more, dropped in told:
        last = first + more if dropped else first
        fresh = {n for n in range(first, last + 1) if n >= begin} - have - gone
        stream.hear(first, last, dropped=dropped)
        twice += not fresh
        (gone if dropped else have).update(fresh)
        highest = max(highest, last)
    missing = {*range(begin, highest + 1)} - have - gone
    assert _all(stream.missing) == missing
    assert _all(stream.dropped) == gone
    assert (stream.came, stream.twice) == (len(have), twice)
    assert stream.through == (min(missing) - 1 if missing else highest if told or known is not None else 0)


def test_what_came_late_is_no_more_missing() -> None:
    """It is told as late; the second time as twice."""
    stream = Stream()
    assert [stream.hear(n, n) for n in (5, 7, 6, 6, 4)] == ["new", "new", "late", "twice", "twice"]
    assert (stream.missing, stream.late, stream.twice, stream.through) == ([], 1, 2, 7)


def test_a_ledger_says_it_in_a_line_per_stream() -> None:
    """For people, with the first few ranges."""
    ledger = Ledger({"b": 3})
    for stream, sequence in (("a", 1), ("a", 3), ("a", 3), ("b", 4)):
        ledger.hear(b'{"id":"x","type":"kensa.verdict","stream":"%s","sequence":"%016d"}' % (stream.encode(), sequence))
    ledger.hear(b'{"id":"x","type":"kensa.dropped","stream":"b","sequence":"7","first":"5"}')
    assert [*ledger.told()] == [
        "stream b: 1 messages, 4 to 7; missing: none; dropped: 3 (5-7); twice: 0; late: 0",
        "stream a: 2 messages, 1 to 1; missing: 1 (2); dropped: none; twice: 1; late: 0",
    ]
    assert not ledger.whole


def _all(ranges: list[tuple[int, int]]) -> set[int]:
    found = [n for low, high in ranges for n in range(low, high + 1)]
    assert len(found) == len({*found})
    return {*found}
