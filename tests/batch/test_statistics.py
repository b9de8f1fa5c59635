"""Statistics: exact sums, quantiles within their promise, and a merge that no order changes."""

from __future__ import annotations

import math
import re
import statistics
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import moments, quantiles
from pipeline.batch.intervals import wilson
from pipeline.batch.statistics import KEYS, Aggregate, Arranged, aggregate, celled, empty, measured, merge

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[batch]'")

NUMBERS = st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100)
VALUES = st.lists(
    NUMBERS | st.integers(-(2**40), 2**40).map(float) | st.floats(0, 1, width=32), min_size=1, max_size=40
)


def told(values: list[float]) -> moments.Moments:
    """Mean and variance by way of digits."""
    sums: dict[int, list[tuple[int, int]]] = {1: [], 2: []}
    for power, place, digits in moments.powers(np.array([v if abs(v) > 1e-100 else 0.0 for v in values])):
        sums[power].append((place, int(digits.sum())))
    return moments.finish(len(values), sums[1], sums[2])


@given(VALUES)
def test_moments_are_rounded_once(drawn: list[float]) -> None:
    """Mean and variance are the float64 nearest to the true ones, whatever was added up."""
    values = [Fraction(v if abs(v) > 1e-100 else 0.0) for v in drawn]
    mean, found = sum(values) / len(values), told(drawn)
    assert found.mean == float(mean)
    if len(values) > 1:
        assert found.variance == float(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


@pytest.mark.parametrize(("name", "decimals"), [("Lew", 0), ("Lottery", 0), ("Mavro", 4), ("Michelso", 2)])
def test_certified_digits(name: str, decimals: int, shared_data: Path) -> None:
    """Every digit that NIST certifies of mean and standard deviation (StRD, univariate)."""
    path = shared_data / "nist_strd" / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"no {path}")
    mean, deviation, values = _certified(path.read_text(encoding="utf-8"))
    # In units of the last decimal, for no float64 is 299.85: what is certified is about decimals.
    found = told([float(round(value * 10**decimals)) for value in values])
    assert found.deviation is not None
    assert f"{found.mean / 10**decimals:.15g}" == f"{mean:.15g}"
    assert f"{found.deviation / 10**decimals:.15g}" == f"{deviation:.15g}"
    assert told(values).deviation == pytest.approx(deviation, rel=1e-12)  # as they are, rounded to float64 before


def test_what_would_drown_in_rounding_does_not() -> None:
    """NIST's NumAcc4: 10,000,000.2 and a spread of a tenth; sums of squares in float64 leave two digits of it."""
    values = [10_000_000.2] + [10_000_000.1, 10_000_000.3] * 500
    assert told(values).mean == pytest.approx(10_000_000.2, rel=1e-15)
    assert told(values).deviation == pytest.approx(0.1, rel=1e-8)  # the data themselves have no more digits


def test_numbers_that_cannot_be_squared_are_not_measurable() -> None:
    """NaN, infinities and what is beyond 2⁴⁰⁰; zero is."""
    values = np.array([np.nan, np.inf, -np.inf, 2.0**401, 2.0**-401, 0.0, -1.5])
    assert moments.measurable(values).tolist() == [False] * 5 + [True] * 2


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.sampled_from(quantiles.QUANTILES))
def test_a_quantile_is_within_one_per_cent(drawn: list[float], share: str) -> None:
    """Of the value with the rank ⌈q·n⌉, of any sign and size."""
    values = np.array(drawn)
    numbers, counts = np.unique(quantiles.bins(values), return_counts=True)
    (found,) = quantiles.quantiles(numbers, counts, np.array([0]), share)
    exact = sorted(drawn)[max(1, math.ceil(Fraction(share) * len(drawn))) - 1]
    assert abs(found - exact) <= abs(exact) * (quantiles.ERROR + 1e-9)


@given(st.lists(NUMBERS, min_size=2, max_size=60))
def test_bins_keep_the_order(drawn: list[float]) -> None:
    """A greater value never has a smaller bin."""
    assert all(a <= b for a, b in pairwise(quantiles.bins(np.array(sorted(drawn))).tolist()))


def test_quantiles_of_several_histograms() -> None:
    """Each is its own, wherever it lies."""
    found = quantiles.quantiles(np.array([40001, 40050, 40001]), np.array([9, 1, 1]), np.array([0, 2]), "0.95")
    assert found.tolist() == quantiles.middles(np.array([40050, 40001])).tolist()


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_wilson(hits: int, of: int, low: float, high: float) -> None:
    """As published: R. G. Newcombe, Stat. Med. 17 (1998), 857-872, table I, method 3, to its digits."""
    found = wilson(np.array([hits]), np.array([of]))
    assert (float(found[0][0]), float(found[1][0])) == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_is_unknown() -> None:
    """No interval is made up."""
    assert all(np.isnan(limit).all() for limit in wilson(np.array([0]), np.array([0])))


ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), NUMBERS), max_size=12)


def known(rows: list[tuple[str, int, float]]) -> Aggregate:
    """What is known of (camera, measure, value)."""
    groups = _groups([camera for camera, _, _ in rows])
    parts: dict[str, list[Any]] = {}
    for measure in (0, 1):
        mine = [number for number, row in enumerate(rows) if row[1] == measure]
        values = np.array([rows[number][2] for number in mine])
        for part, pieces in measured(Arranged.of(np.array(mine, np.int64)), measure, values).items():
            parts.setdefault(part, []).extend(pieces)
    if rows:
        xs = np.arange(len(rows)) % 3
        parts["heat"] = [celled(np.arange(len(rows)), 0, xs, xs)]
    return aggregate(groups, parts)


@pytest.mark.slow
@settings(max_examples=25)
@given(ROWS, ROWS, ROWS)
def test_merging_knows_no_order(one: list, two: list, three: list) -> None:  # type: ignore[type-arg]
    """Associative and commutative to the last bit; nothing changes nothing."""
    a, b, c = known(one), known(two), known(three)
    told = same(merge([a, b, c]))
    assert told == same(merge([c, merge([b, a])])) == same(merge([merge([a, c]), empty(), b]))


@pytest.mark.slow
@settings(max_examples=25)
@given(ROWS, ROWS)
def test_merging_is_adding(one: list, two: list) -> None:  # type: ignore[type-arg]
    """It does not matter how rows were cut into files; heat cells count by row, so they are left out here."""
    parts = ("moments", "limits", "bins")
    both, whole = merge([known(one), known(two)]), known(one + two)
    assert both.groups.equals(whole.groups)
    assert [both.parts[part] for part in parts] == [whole.parts[part] for part in parts]


def same(known: Aggregate) -> list[object]:
    """An aggregate as plain values."""
    return [known.groups.to_pylist(), *(known.parts[part].to_pylist() for part in sorted(known.parts))]


def _groups(cameras: list[str]) -> Any:
    plain = {name: pa.array([0 if kind == "int64" else ""] * len(cameras), kind) for name, kind in KEYS.items()}
    return pa.table(plain | {"camera": pa.array(cameras, pa.string())})


def _certified(text: str) -> tuple[float, float, list[float]]:
    """Mean, standard deviation and data of a file of NIST's, in either of its layouts."""
    each_line = re.compile(r"^(?:Sample )?(mean|Standard ?Dev).*?(-?\d+\.\d+)$", re.IGNORECASE | re.MULTILINE)
    (_, mean), (_, deviation) = each_line.findall(text)
    *_, data = re.split(r"^-{5,}$|^# Data$", text, flags=re.MULTILINE)
    return float(mean), float(deviation), [float(word) for word in data.split() if word.strip("#")]


def test_python_agrees() -> None:
    """The standard library's exact sums say the same."""
    values = [0.1 * number for number in range(100)]
    assert (told(values).mean, told(values).variance) == (statistics.mean(values), statistics.variance(values))
