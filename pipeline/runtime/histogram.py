"""Durations counted in log buckets: eight per octave, so that a quantile is off by at most 1/16.

A histogram is a plain mapping bucket → count: two of them merge by adding, in any order.
The bucketing is that of HdrHistogram (https://hdrhistogram.github.io/HdrHistogram/).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

BUCKETS = 488


def bucket(ns: int) -> int:
    """The bucket of a duration in nanoseconds, which fits in 63 bits: below `BUCKETS`.

    >>> [bucket(ns) for ns in (0, 15, 16, 17, 18, 1_000_000)]
    [0, 15, 16, 16, 17, 143]
    """
    octave = ns.bit_length() - 4
    return (octave << 3) + (ns >> octave) if octave > 0 else ns


def middle(index: int) -> float:
    """The duration in the middle of a bucket, ns.

    >>> middle(15), middle(16), middle(143)
    (15.0, 17.0, 1015808.0)
    """
    octave = max(0, (index >> 3) - 1)
    return float((index - (octave << 3)) << octave) + ((1 << octave) >> 1)


def merge(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The histogram of everything that was counted in any of them."""
    total: Counter[int] = Counter()
    for counts in histograms:
        total.update(counts)
    return dict(sorted(total.items()))


def quantile(counts: Mapping[int, int], q: float) -> float:
    """The duration that a share `q` of all does not exceed, ns; 0 where nothing was counted.

    >>> quantile({143: 99, 300: 1}, 0.5)
    1015808.0
    """
    left = q * sum(counts.values())
    for index in sorted(counts):
        left -= counts[index]
        if left <= 0:
            return middle(index)
    return 0.0
