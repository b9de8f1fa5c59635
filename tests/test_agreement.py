"""Agreement: the study that AIAG publishes comes out as published, intervals hold what they promise."""

from __future__ import annotations

import doctest
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import agreement
from pipeline.agreement import BAD, GOOD, UNFOUND, Interval, Study, at_most, exact, kappa, needed, wilson
from pipeline.score import NO_READ, Ratio

# AIAG, Measurement Systems Analysis, 4th edition (2010), table III-C 1, p. 134 (3rd edition, p. 127): 50 parts, three
# appraisers, three trials; also at https://www.sigmaxl.com/AttributeMSABinary.sthtml and, row by row, in
# https://www.scribd.com/document/690454322/MSA-Attribute-Kappa-01-1. On parts that are left out here all agreed.
MIXED = {
    6: "110110100", 7: "111111101", 12: "000000010", 14: "110111100", 21: "110101010", 22: "001010110",
    26: "010000001", 30: "000001000", 34: "001001011", 36: "110111101", 43: "101111110",
}  # fmt: skip
REJECTED = {3, 4, 5, 9, 12, 22, 25, 26, 30, 34, 37, 39, 42, 45, 48, 50}
TRUTH = {str(part): BAD if part in REJECTED else GOOD for part in range(1, 51)}


def test_examples() -> None:
    """What the docstrings show is what happens."""
    assert doctest.testmod(agreement).failed == 0


def trials(part: int) -> list[str]:
    """What was said of a part: A three times, B three times, C three times."""
    return [GOOD if each == "1" else BAD for each in MIXED.get(part, "01"[part not in REJECTED] * 9)]


AIAG = Study(TRUTH, {who: {str(p): trials(p)[3 * n :][:3] for p in range(1, 51)} for n, who in enumerate("ABC")})


def test_the_data_are_those_of_the_manual() -> None:
    """A refused 50 times, B 47 times; A was of one mind on 29 good and 13 bad parts, B on 32 and 13, C on 28 and 12."""
    refused = {who: sum(said.count(BAD) for said in calls.values()) for who, calls in AIAG.calls.items()}
    assert (refused["A"], refused["B"]) == (50, 47)
    alike = {w: [*(sum(s == [k] * 3 for s in c.values()) for k in (GOOD, BAD))] for w, c in AIAG.calls.items()}
    assert alike == {"A": [29, 13], "B": [32, 13], "C": [28, 12]}


def test_kappas_are_those_of_the_manual() -> None:
    """Page 137: A·B 0.86, A·C 0.78, B·C 0.79; with the reference 0.88, 0.92 and 0.77."""
    between = {"".join(pair): round(found or 0, 2) for pair, found in AIAG.between().items()}
    assert between == {"AB": 0.86, "AC": 0.78, "BC": 0.79}
    assert [round(AIAG.kappa(who) or 0, 2) for who in "ABC"] == [0.88, 0.92, 0.77]


@pytest.mark.parametrize(
    ("who", "effective", "rates"),
    [("A", [84, 71, 93], [6.3, 4.9]), ("B", [90, 78, 97], [6.3, 2.0]), ("C", [80, 66, 90], [12.5, 8.8])],
)
def test_rates_are_those_of_the_manual(who: str, effective: list[int], rates: list[float]) -> None:
    """Pages 139 and 140: effectiveness with its 95 % interval; miss rate and false alarm rate; in percent."""
    found = AIAG.effectiveness(who)
    interval = exact(found)
    assert [round(100 * each) for each in (found.value or 0, interval.low, interval.high)] == effective
    misses, alarms = AIAG.misses(who), AIAG.false_alarms(who)
    assert [100 * (each.value or 0) for each in (misses, alarms)] == pytest.approx(rates, abs=0.06)


def test_the_system_is_right_on_39_of_50() -> None:
    """All three, in all three trials: 78 %, 64 to 88."""
    found = AIAG.unanimous()
    assert (found.hits, found.of) == (39, 50)
    assert [round(100 * each) for each in (exact(found).low, exact(found).high)] == [64, 88]


def test_what_is_not_read_is_neither_a_miss_nor_a_pass() -> None:
    """It is counted by itself; a bad part that was not even noticed went by."""
    study = Study(
        {"a": BAD, "b": BAD, "c": BAD, "d": GOOD, "e": GOOD},
        {"line": {"a": [BAD], "b": [NO_READ], "c": [UNFOUND], "d": [NO_READ], "e": [UNFOUND]}},
    )
    assert study.misses("line") == Ratio(1, 2)
    assert study.false_alarms("line") == Ratio(0, 0)
    assert study.unread("line") == Ratio(4, 5)
    assert study.effectiveness("line") == Ratio(1, 5)
    assert [part for part, _ in study.wrong("line")] == ["b", "c", "d", "e"]


RATIOS = st.integers(1, 60).flatmap(lambda n: st.integers(0, n).map(lambda k: Ratio(k, n)))


def tail(ratio: Ratio, share: float) -> Fraction:
    """How likely so many hits or more are, exactly."""
    p, n = Fraction(share), ratio.of
    return sum((comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(ratio.hits, n + 1)), Fraction(0))


@given(RATIOS, st.sampled_from([0.8, 0.95, 0.99]))
def test_an_exact_interval_is_exact(ratio: Ratio, confidence: float) -> None:
    """At its ends, as many hits or more, as few or fewer, are as unlikely as was allowed: counted out in fractions."""
    found, rest = exact(ratio, confidence), (1 - confidence) / 2
    assert found.low == 0 if not ratio.hits else float(tail(ratio, found.low)) == pytest.approx(rest, rel=1e-9)
    more = Ratio(ratio.hits + 1, ratio.of)
    if ratio.hits < ratio.of:
        assert float(1 - tail(more, found.high)) == pytest.approx(rest, rel=1e-9)
        assert at_most(ratio, 1 - rest) == found.high


@given(RATIOS)
def test_intervals_hold_the_share_and_mirror(ratio: Ratio) -> None:
    """Hits and misses are the same question."""
    for way in (exact, wilson):
        found, other = way(ratio), way(Ratio(ratio.of - ratio.hits, ratio.of))
        assert 0 <= found.low <= (ratio.value or 0) + 1e-12
        assert (ratio.value or 0) - 1e-12 <= found.high <= 1
        assert (found.low, found.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


def test_nothing_shown_is_nothing_known() -> None:
    """The interval is everything."""
    assert wilson(Ratio(0, 0)) == Interval(0, 1)
    assert exact(Ratio(0, 0)) == Interval(0, 1)


@pytest.mark.parametrize(("limit", "parts"), [(0.01, 299), (0.02, 149), (0.05, 59)])
def test_so_many_without_a_mistake_show_a_limit(limit: float, parts: int) -> None:
    """One fewer does not."""
    assert needed(limit) == parts
    assert at_most(Ratio(0, parts)) <= limit < at_most(Ratio(0, parts - 1))


PAIRS = st.lists(st.tuples(st.sampled_from("gbn"), st.sampled_from("gbn")), min_size=1)


@given(PAIRS)
def test_kappa_does_not_care_who_is_first(pairs: list[tuple[str, str]]) -> None:
    """It is at most 1, and 1 where nobody differs."""
    found, turned = kappa(pairs), kappa((two, one) for one, two in pairs)
    assert found == (None if turned is None else pytest.approx(turned, abs=1e-12))
    assert found is None or found <= 1 + 1e-12
    same = kappa((one, one) for one, _ in pairs)
    assert same is None or same == pytest.approx(1)


def test_guessing_is_no_agreement() -> None:
    """Where all pairs are as frequent as chance makes them, kappa is 0; where all is one kind, nobody knows."""
    assert kappa([("g", "g"), ("g", "b"), ("b", "g"), ("b", "b")]) == 0
    assert kappa([("g", "g")] * 9) is None
    assert kappa([]) is None
