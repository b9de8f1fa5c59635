"""Fleet: the camera and the drift that are there are found, and no more false alarms are raised than is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.batch import quantiles
from pipeline.batch.changes import changes, pettitt
from pipeline.batch.drift import choices, distances, drift, together
from pipeline.batch.peers import adjusted, funnel
from pipeline.batch.peers import together as holm
from pipeline.batch.trends import Trend, trend

Numbers = NDArray[np.float64]


def fleet(dice: np.random.Generator, cameras: int = 32, spread: float = 0.0) -> tuple[Numbers, Numbers]:
    """Hits and frames of cameras that are alike, but for a spread of their true rates."""
    of = dice.integers(2_000, 20_000, cameras)
    return dice.binomial(of, np.clip(dice.normal(0.03, spread, cameras), 0, 1)).astype(float), of.astype(float)


@pytest.mark.slow
@pytest.mark.parametrize("cameras", [4, 16, 64])
@pytest.mark.parametrize("spread", [0.0, 0.006])
def test_cameras_that_are_alike_are_not_accused(cameras: int, spread: float) -> None:
    """At most one fleet in ten has a camera with q ≤ 0.05, also where rates differ as normal values do."""
    fleets = [fleet(np.random.default_rng(number), cameras, spread) for number in range(300)]
    assert np.mean([(funnel(*each).q <= 0.05).any() for each in fleets]) <= 0.1


def test_a_camera_that_sees_otherwise_is_found() -> None:
    """And it alone, although it is part of what the others are held against."""
    accused = 0
    for number in range(50):
        hits, of = fleet(np.random.default_rng(number), spread=0.003)
        hits[5] = of[5] * 0.07
        found = funnel(hits, of)
        assert found.q[5] < 0.001
        assert found.rate == pytest.approx(0.03, abs=0.003)
        accused += int((np.delete(found.q, 5) <= 0.05).sum())
    assert accused <= 10  # of 1,550 others


def test_a_fleet_of_one_or_of_none_failing() -> None:
    """Nobody differs from nobody, and where nothing ever happens all are alike."""
    assert funnel(np.array([3.0]), np.array([10.0])).q.tolist() == [1.0]
    assert funnel(np.zeros(5), np.full(5, 10.0)).q.tolist() == [1.0] * 5


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_probabilities(drawn: list[float]) -> None:
    """Never smaller than before, never above 1, and in the same order."""
    p = np.array(drawn)
    q = adjusted(p)
    assert (q >= p - 1e-15).all()
    assert (q <= 1).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= 0).all()


def test_a_change_of_level() -> None:
    """The first point after it, and medians on either side; two changes are two."""
    dice = np.random.default_rng(4)
    values = dice.normal(np.repeat([5.0, 8.0, 6.0], [30, 25, 40]))
    found = changes(values)
    assert len(found) == 2
    assert [change.at for change in found] == pytest.approx([30, 55], abs=3)
    assert [found[0].before, found[0].after, found[1].after] == pytest.approx([5, 8, 6], abs=0.6)


def test_the_largest_change_is_where_it_is() -> None:
    """All below, then all above: Pettitt's K is n²/4, and p as in his formula."""
    at, p = pettitt(np.array([1.0, 2, 3, 4, 11, 12, 13, 14]))
    assert at == 4
    assert p == pytest.approx(2 * np.exp(-6 * 16**2 / (8**3 + 8**2)))


def test_a_level_that_does_not_change() -> None:
    """At most one series in a hundred is divided; equal values, few values and none are not."""
    divided = [bool(changes(np.random.default_rng(number).normal(size=60))) for number in range(300)]
    assert sum(divided) <= 6
    assert changes(np.ones(50)) == changes(np.arange(5.0)) == changes(np.empty(0)) == []


def test_trends() -> None:
    """A slope is found, also among wild points; at most one still series in twenty has p ≤ 0.05."""
    times = np.arange(60) / 3
    dice = np.random.default_rng(5)
    values = 10 + 0.5 * times + dice.normal(0, 1, 60)
    values[[7, 30, 55]] = 500
    found = trend(times, values)
    assert found.slope == pytest.approx(0.5, abs=0.1)
    assert found.p < 1e-6
    assert trend(times, -values).tau == pytest.approx(-found.tau)
    still = [trend(times, np.random.default_rng(number).normal(size=60)).p for number in range(400)]
    assert np.mean(np.array(still) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert trend(times, np.ones(60)) == Trend(0.0, 0.0, 1.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 50))
def test_probabilities_of_all_together(drawn: list[float], more: int) -> None:
    """Holm's are never below those of Benjamini and Hochberg, never above Bonferroni's, and in the same order."""
    p, tests = np.array(drawn), len(drawn) + more
    held = holm(p, tests)
    assert (held >= adjusted(np.append(p, np.ones(more)))[: len(p)] - 1e-12).all()
    assert (held <= np.minimum(1, p * tests) + 1e-12).all()
    assert (np.diff(held[np.argsort(p, kind="stable")]) >= 0).all()


def windows(dice: np.random.Generator, n: int, each: int, scale: Numbers) -> tuple[NDArray[np.int64], Numbers]:
    """Histograms of lognormal areas, window by window, each with a wander of its own."""
    values = [dice.lognormal(5 + dice.normal(0, 0.05), 0.5, each) * scale[number] for number in range(n)]
    numbers = [quantiles.bins(each) for each in values]
    bins = np.unique(np.concatenate(numbers))
    counts = np.array([np.bincount(np.searchsorted(bins, own), minlength=len(bins)) for own in numbers])
    return counts, quantiles.middles(bins)


@pytest.mark.slow
@pytest.mark.parametrize("each", [100, 2_000])
def test_false_alarms_of_drift_are_as_many_as_stated(each: int) -> None:
    """Without drift one in twenty has p ≤ 0.05, whether windows are small or large, and although they wander."""
    late = np.arange(30) >= 20
    found = [
        drift(*windows(np.random.default_rng(n), 30, each, np.ones(30)), choices(late, 199, n)).p or 1.0
        for n in range(200)
    ]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.045)


def test_drift_is_found() -> None:
    """Areas that grow by a tenth in the last ten of thirty days, by about that much."""
    late = np.arange(30) >= 20
    counts, values = windows(np.random.default_rng(1), 30, 1_000, np.where(late, 1.1, 1.0))
    found = drift(counts, values, choices(late))
    assert (found.before, found.since) == (20_000, 10_000)
    assert found.p is not None
    assert found.p <= 0.005
    mean = float(np.exp(5 + 0.125))
    assert found.shift == pytest.approx(0.1 * mean, rel=0.35)
    assert found.psi > 0.01


@pytest.mark.slow
def test_a_fleet_without_drift_is_left_alone() -> None:
    """Of 60 fleets of 12 cameras about one in twenty has any alarm; one camera that drifts is found among them."""
    late = np.arange(30) >= 23
    alarms = 0
    for number in range(60):
        dice, chosen = np.random.default_rng(number), choices(late, 199, number)
        apart = [distances(windows(dice, 30, 200, np.ones(30))[0], chosen) for _ in range(12)]
        alarms += bool((together(np.array(apart)) <= 0.05).any())
        apart[3] = distances(windows(dice, 30, 200, np.where(late, 1.25, 1.0))[0], chosen)
        found = together(np.array(apart))
        assert found[3] <= 0.05
    assert alarms <= 8


def test_few_windows_say_nothing() -> None:
    """With four on a side there is a distance, and no probability is made up."""
    late = np.arange(10) >= 6
    counts, values = windows(np.random.default_rng(1), 10, 100, np.ones(10))
    assert drift(counts, values, choices(late)).p is None


def test_stability_has_no_bias_of_its_own() -> None:
    """PSI without drift is about 0 at 100 values a side, where the plain index is 0.18 on average."""
    late = np.arange(2) >= 1
    found = []
    for number in range(200):
        values = np.random.default_rng(number).lognormal(5, 0.5, 200)
        bins, code = np.unique(quantiles.bins(values), return_inverse=True)
        counts = np.array([np.bincount(code[:100], minlength=len(bins)), np.bincount(code[100:], minlength=len(bins))])
        found.append(drift(counts, quantiles.middles(bins), choices(late, 9)).psi)
    assert np.mean(found) == pytest.approx(0, abs=0.03)
