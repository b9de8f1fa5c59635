"""How well appraisers agree with what parts are, with one another, and with themselves; how sure that is.

An appraiser is whoever says of a part whether it is good: a line, a rule book, an inspector. The study is that of
AIAG, Measurement Systems Analysis, 4th edition, chapter III section C (attribute measurement systems).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from math import ceil, exp, lgamma, log, log1p, sqrt
from statistics import NormalDist

from msgspec import Struct

from pipeline.score import NO_READ, Ratio

GOOD, BAD, UNFOUND = "good", "bad", "not found"
WORDS = (GOOD, BAD, NO_READ, UNFOUND)
CONFIDENCE = 0.95

Calls = Mapping[str, Sequence[str]]  # part → what was said of it, run by run


class Interval(Struct, frozen=True):
    """Between which shares the true one is, 0…1."""

    low: float
    high: float


class Study(Struct, frozen=True):
    """What appraisers said of parts that are known.

    Attributes:
        truth: Part → `good` or `bad`.
        calls: Appraiser → part → what was said in each run: `good`, `bad`, `no read`, or `not found`.
    """

    truth: Mapping[str, str]
    calls: Mapping[str, Calls]

    def runs(self, appraiser: str) -> int:
        """In how many runs a part was shown, at most."""
        return max((len(said) for said in self.calls[appraiser].values()), default=0)

    def effectiveness(self, appraiser: str) -> Ratio:
        """Parts that were called what they are in every run."""
        calls = self.calls[appraiser]
        return Ratio(sum({*said} == {self.truth[part]} for part, said in calls.items()), len(calls))

    def repeatability(self, appraiser: str) -> Ratio:
        """Parts that were called the same in every run."""
        calls = self.calls[appraiser]
        return Ratio(sum(len({*said}) == 1 for said in calls.values()), len(calls))

    def misses(self, appraiser: str) -> Ratio:
        """Of all decisions on bad parts, those that let one go: called good, or not even found."""
        said = self._of(appraiser, BAD)
        return Ratio(said[GOOD] + said[UNFOUND], said.total() - said[NO_READ])

    def false_alarms(self, appraiser: str) -> Ratio:
        """Of all decisions on good parts, those that called one bad."""
        said = self._of(appraiser, GOOD)
        return Ratio(said[BAD], said[BAD] + said[GOOD])

    def unread(self, appraiser: str) -> Ratio:
        """Of all showings, those that ended without a decision, or unnoticed."""
        said = self._of(appraiser, GOOD) + self._of(appraiser, BAD)
        return Ratio(said[NO_READ] + said[UNFOUND], said.total())

    def kappa(self, appraiser: str) -> float | None:
        """Agreement with what parts are, beyond chance; see `kappa`."""
        return kappa((self.truth[part], each) for part, said in self.calls[appraiser].items() for each in said)

    def between(self) -> dict[tuple[str, str], float | None]:
        """Agreement of every two appraisers, run by run; the parts and runs that both have."""
        return {(one, two): kappa(self._both(one, two)) for one, two in combinations(self.calls, 2)}

    def unanimous(self) -> Ratio:
        """Parts that every appraiser called what they are in every run."""
        said = {part: {c for calls in self.calls.values() for c in calls.get(part, ())} for part in self.truth}
        shown = {part: words for part, words in said.items() if words}
        return Ratio(sum(words == {self.truth[part]} for part, words in shown.items()), len(shown))

    def wrong(self, appraiser: str) -> Iterator[tuple[str, Sequence[str]]]:
        """Parts that were not called what they are, in some run."""
        for part, said in self.calls[appraiser].items():
            if {*said} != {self.truth[part]}:
                yield part, said

    def _of(self, appraiser: str, kind: str) -> Counter[str]:
        calls = self.calls[appraiser]
        return Counter(each for part, said in calls.items() if self.truth[part] == kind for each in said)

    def _both(self, one: str, two: str) -> Iterator[tuple[str, str]]:
        for part, said in self.calls[one].items():
            yield from zip(said, self.calls[two].get(part, ()), strict=False)


def kappa(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Cohen's kappa: agreement beyond what two who guess would have, at most 1; None where nobody ever differs in kind.

    J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20 (1960) 37–46.

    >>> round(kappa([("good", "good")] * 97 + [("bad", "bad")] * 44 + [("bad", "good")] * 6 + [("good", "bad")] * 3), 3)
    0.863
    """
    both = Counter(pairs)
    total = both.total()
    if not total:
        return None
    one, two = (Counter[str]() for _ in range(2))
    for (first, second), count in both.items():
        one[first] += count
        two[second] += count
    agreed = sum(count for (first, second), count in both.items() if first == second) / total
    chance = sum(count * two[word] for word, count in one.items()) / total**2
    return (agreed - chance) / (1 - chance) if chance < 1 else None


def exact(ratio: Ratio, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval of a share: it holds the true one at least as often as `confidence` says.

    C. Clopper and E. Pearson, The use of confidence or fiducial limits, Biometrika 26 (1934) 404–413.

    >>> interval = exact(Ratio(42, 50))
    >>> f"{interval.low:.3f} to {interval.high:.3f}"
    '0.709 to 0.928'
    """
    hits, of, rest = ratio.hits, ratio.of, (1 - confidence) / 2
    low = _quantile(rest, hits, of - hits + 1) if hits else 0.0
    return Interval(low, _quantile(1 - rest, hits + 1, of - hits) if hits < of else 1.0)


def wilson(ratio: Ratio, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of a share: narrower, right on average.

    E. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927) 209–212.

    >>> interval = wilson(Ratio(42, 50))
    >>> f"{interval.low:.3f} to {interval.high:.3f}"
    '0.715 to 0.917'
    """
    if not ratio.of:
        return Interval(0.0, 1.0)
    z, n, share = NormalDist().inv_cdf((1 + confidence) / 2), ratio.of, ratio.hits / ratio.of
    middle, half = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n)))


def at_most(ratio: Ratio, confidence: float = CONFIDENCE) -> float:
    """The share that the true one does not exceed, as sure as `confidence`: Clopper and Pearson, one-sided.

    >>> round(at_most(Ratio(0, 299)), 3)
    0.01
    """
    return _quantile(confidence, ratio.hits + 1, ratio.of - ratio.hits) if ratio.hits < ratio.of else 1.0


def needed(limit: float, confidence: float = CONFIDENCE) -> int:
    """How many parts without one mistake show that mistakes are no more frequent than a limit.

    >>> needed(0.01)
    299
    """
    return ceil(log(1 - confidence) / log1p(-limit)) if 0 < limit < 1 else 0


INTERVALS = {"exact": exact, "wilson": wilson}


def _quantile(share: float, a: float, b: float) -> float:
    """The value below which a share of a beta distribution lies, by halving."""
    low, high = 0.0, 1.0
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _beta(middle, a, b) < share else (low, middle)
    return middle


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: https://dlmf.nist.gov/8.17#E22, by Lentz's method."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    found, up, down = 1.0, 1.0, 0.0
    for n in range(1, 10_000):
        m = n // 2
        over = m * (b - m) if n % 2 == 0 else -(a + m) * (a + b + m)
        step = over * x / ((a + n - 1) * (a + n))
        up, down = 1 + step / up, 1 / (1 + step * down)
        found *= up * down
        if abs(up * down - 1) < 1e-15:
            break
    return found
