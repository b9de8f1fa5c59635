from __future__ import annotations

import doctest
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime import histogram
from pipeline.runtime.histogram import BUCKETS, bucket, merge, middle, quantile

durations = st.integers(0, 2**63 - 1)
histograms = st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 1000), max_size=8)


def test_examples() -> None:
    """The examples in the docstrings are true."""
    assert doctest.testmod(histogram).failed == 0


@given(durations)
def test_a_bucket_is_off_by_a_sixteenth(ns: int) -> None:
    """Every duration has a bucket, whose middle is within 1/16 of it."""
    assert 0 <= bucket(ns) < BUCKETS
    assert abs(middle(bucket(ns)) - ns) <= ns / 16 + 0.5


@given(durations, durations)
def test_buckets_keep_the_order(one: int, other: int) -> None:
    """A longer duration is never in an earlier bucket."""
    assert bucket(min(one, other)) <= bucket(max(one, other))


@given(histograms, histograms, histograms)
def test_merge_is_associative_and_commutative(a: dict[int, int], b: dict[int, int], c: dict[int, int]) -> None:
    """Histograms of lanes and hosts may be merged in any order."""
    assert merge([a, b]) == merge([b, a])
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])])
    assert merge([a, {}]) == dict(sorted(a.items()))


@given(st.lists(durations, min_size=1, max_size=50), st.floats(0.01, 1))
def test_quantile_is_that_of_the_sorted_list(values: list[int], q: float) -> None:
    """A quantile is the bucket of the value that a sorted list has there."""
    counts: Counter[int] = Counter()
    for value in values:
        counts[bucket(value)] += 1
    rank = next(i for i in range(len(values)) if i + 1 >= q * len(values))
    assert quantile(counts, q) == middle(bucket(sorted(values)[rank]))


def test_nothing_counted() -> None:
    """No records, no latency: 0, not an error."""
    assert quantile({}, 0.99) == 0
