"""Quantiles to within 1 %: a histogram whose bins grow by a constant factor, so that counts merge exactly.

Layout of DDSketch: C. Masson, J. E. Rim, H. K. Lee, PVLDB 12 (2019), 2195-2205; no bin is ever collapsed, so the
promise holds at every quantile. Zero has a bin, and negative values mirror the positive ones.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

ERROR = 0.01
GAMMA = (1 + ERROR) / (1 - ERROR)
LOG = float(np.log(GAMMA))
ZERO = 40_000  # more than any float64's bin, so that numbers of bins have the values' order and sign
QUANTILES = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")


def bins(values: NDArray[np.float64]) -> NDArray[np.int32]:
    """The bin of each finite value, int32 (N,): greater values never have a smaller one, 0 is that of zero."""
    with np.errstate(divide="ignore"):
        place = np.ceil(np.log(np.abs(values)) / LOG)
    found = np.where(values == 0, 0.0, np.copysign(place + ZERO, values))
    return found.astype(np.int32)


def middles(numbers: NDArray[np.int32]) -> NDArray[np.float64]:
    """The value that stands for each bin: no value in it is further from it than 1 % of itself."""
    size = np.exp((np.abs(numbers).astype(np.float64) - ZERO) * LOG) * (2 / (1 + GAMMA))
    return np.where(numbers == 0, 0.0, np.copysign(size, numbers))


def rank(share: str, n: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of n ≥ 1 sorted values, counted from 1, is the quantile: ⌈share · n⌉, in whole numbers.

    >>> rank("0.95", np.array([1, 20, 21])).tolist()
    [1, 19, 20]
    """
    exact = Fraction(share)
    return np.maximum(1, -(-n * exact.numerator // exact.denominator))


class Histograms(Struct, frozen=True):
    """Several histograms that lie one behind the other.

    Attributes:
        numbers: (B,) bins, ascending within each histogram.
        upto: (B,) values up to the end of each, from the first histogram on.
        before: (H,) values before each histogram.
        n: (H,) how many values each has.
    """

    numbers: NDArray[np.int32]
    upto: NDArray[np.int64]
    before: NDArray[np.int64]
    n: NDArray[np.int64]

    @classmethod
    def of(cls, numbers: NDArray[np.int32], counts: NDArray[np.signedinteger], starts: NDArray[np.int64]) -> Histograms:
        """Of bins, with how many values are in each, and where each histogram begins; none is empty."""
        upto = np.cumsum(counts, dtype=np.int64)
        edges = np.concatenate([[0], upto])[np.append(starts, len(numbers))]
        return cls(numbers, upto, edges[:-1], np.diff(edges))

    def quantile(self, share: str) -> NDArray[np.float64]:
        """A quantile of each, float64 (H,); 0…1, as decimal text so that ranks are exact."""
        found = np.searchsorted(self.upto, self.before + rank(share, self.n))
        return middles(self.numbers[found])


def quantiles(
    numbers: NDArray[np.int32], counts: NDArray[np.int64], starts: NDArray[np.int64], share: str
) -> NDArray[np.float64]:
    """A quantile of several histograms that lie one behind the other; see `Histograms`."""
    return Histograms.of(numbers, counts, starts).quantile(share)
