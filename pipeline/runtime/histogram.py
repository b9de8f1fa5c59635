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


class Durations:
    """Durations, noted where they are measured and sorted into buckets when somebody reads them.

    A lane wakes with cold caches, where to find a bucket costs as much as a node: to note costs one call.
    One thread notes and one reads, at least every few thousand notes: what is noted takes memory until then.

    Attributes:
        note: Take a duration, ns.
    """

    __slots__ = ("_counts", "_longest", "_noted", "note")

    def __init__(self, longest: int = 2**62) -> None:
        """Durations below 0 or above `longest`, ns, are not counted."""
        self._noted: list[int] = []
        self._counts: dict[int, int] = {}
        self._longest = longest
        self.note = self._noted.append

    def read(self) -> dict[int, int]:
        """The histogram of everything that was noted so far."""
        counts, noted = self._counts, self._noted
        fresh = noted[:]
        for ns in fresh:
            if 0 <= ns <= self._longest:
                index = bucket(ns)
                counts[index] = counts.get(index, 0) + 1
        del noted[: len(fresh)]
        return dict(counts)


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
