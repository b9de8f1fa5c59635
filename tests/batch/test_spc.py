"""Control charts: the limits that others published, and as many false alarms as was promised."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.batch import spc
from pipeline.batch.patterns import RULES, flagged
from pipeline.batch.spc import Chart
from tests.batch.rsets import Data

NELSON = [f"N{number}" for number in range(1, 9)]


def printed(chart: Chart, at: int = 0) -> tuple[str, str, str]:
    """Centre and limits with the seven digits that R prints."""
    return f"{chart.center[at]:.7g}", f"{chart.low[at]:.7g}", f"{chart.high[at]:.7g}"


def test_piston_rings(qcc: Data) -> None:
    """Montgomery's piston rings: means by ranges, and standard deviations."""
    groups = qcc("pistonrings")["diameter"].reshape(-1, 5)
    first = np.arange(len(groups)) < 25
    assert printed(spc.xbar_r(groups, first)) == ("74.00118", "73.98805", "74.0143")
    means, spread = spc.xbar_s(groups.mean(axis=1), groups.std(axis=1, ddof=1), np.full(len(groups), 5), first)
    assert printed(spread) == ("0.009240037", "0", "0.01930242")
    assert f"{means.sigma[0] * 5**0.5:.7g}" == "0.009829977"
    assert np.flatnonzero(spc.xbar_r(groups, first).outside()).tolist() == [36, 37, 38]


def test_orange_juice(qcc: Data) -> None:
    """Shares; all trial samples, and without those whose cause was found."""
    told = qcc("orangejuice")
    trial = told["trial"] == 1
    assert printed(spc.p(told["D"], told["size"], trial)) == ("0.2313333", "0.05242755", "0.4102391")
    trial[[14, 22]] = False
    assert printed(spc.p(told["D"], told["size"], trial)) == ("0.215", "0.04070284", "0.3892972")
    told = qcc("orangejuice2")
    assert printed(spc.p(told["D"], told["size"], told["trial"] == 1)) == ("0.1108333", "0", "0.2440207")


def test_circuits_and_computers(qcc: Data) -> None:
    """Counts per unit."""
    told = qcc("circuit")
    trial = told["trial"] == 1
    trial[[5, 19]] = False
    assert printed(spc.u(told["x"], told["size"], trial)) == ("0.1966667", "0.06362532", "0.329708")
    told = qcc("pcmanufact")
    assert printed(spc.u(told["x"], told["size"])) == ("1.93", "0.06613305", "3.793867")


def test_viscosity(qcc: Data) -> None:
    """Single values by their moving ranges; with and without the batch that had a cause."""
    told = qcc("viscosity")
    values, trial = told["viscosity"], told["trial"] == 1
    assert printed(spc.individuals(values, trial)[0]) == ("34.088", "32.56504", "35.61096")
    without = np.arange(len(values)) != 3
    assert printed(spc.individuals(values[without], trial[without])[0]) == ("33.98947", "32.75425", "35.2247")


def test_moving_ranges() -> None:
    """Limits are those of D3 = 0 and D4 = 3.267; the first value has no range."""
    _, moving = spc.individuals(np.array([1.0, 3.0, 2.0, 6.0]))
    assert moving.high / moving.center == pytest.approx(3.267, abs=5e-4)
    assert (moving.low == 0).all()
    assert np.isnan(moving.values[0])
    assert moving.values[1:].tolist() == [2, 1, 4]


def test_constants() -> None:
    """As Montgomery's table VI."""
    assert spc.c4(np.array([2, 5, 25])).round(4).tolist() == [0.7979, 0.94, 0.9896]
    assert [spc.d2(n) for n in (2, 5, 25)] == [spc.D2, 2.326, 3.931]


def test_ewma_and_cusum_as_qcc() -> None:
    """The unit tests of qcc."""
    means, limits = spc.ewma((np.array([11.0, 13, 12]) - 10) / 2, weight=0.5, sigmas=1)
    assert (10 + 2 * means).tolist() == [10.5, 11.75, 11.875]
    assert 2 * limits == pytest.approx([1, 1.118033988749895, 1.1456439237389602])
    above, below = spc.cusum(np.array([1.5, 0.5, 0.6, -1.5, -0.5, -0.8]), slack=0.5)
    assert above == pytest.approx([1.0, 1.0, 1.1, 0, 0, 0])
    assert below == pytest.approx([0, 0, 0, -1.0, -1.0, -1.3])


def test_ewma_of_piston_rings(qcc: Data) -> None:
    """Limits as qcc prints them, with three sigmas and with 2.7; those of viscosity, of single values."""
    groups = qcc("pistonrings")["diameter"].reshape(-1, 5)[:25]
    chart = spc.xbar_r(groups)
    for sigmas, at, limited in (
        (3, 0, ("73.99855", "74.00380")),
        (3, 24, ("73.99680", "74.00555")),
        (2.7, 1, ("73.99815", "74.00420")),
    ):
        _, limits = spc.ewma(chart.scores(), 0.2, sigmas)
        apart = limits[at] * chart.sigma[0]
        assert tuple(f"{chart.center[0] + way * apart:.5f}" for way in (-1, 1)) == limited
    told = qcc("viscosity")
    single, _ = spc.individuals(told["viscosity"], told["trial"] == 1)
    _, limits = spc.ewma(single.scores(), 0.2, 2.7)
    apart = limits[[0, 1, 34]] * single.sigma[0]
    assert [f"{34.088 - each:.5f}" for each in apart] == ["33.81387", "33.73694", "33.63111"]
    assert [f"{34.088 + each:.5f}" for each in apart] == ["34.36213", "34.43906", "34.54489"]


def test_charts_that_sum() -> None:
    """A shift of one sigma is seen by both, and by no single point; where nothing shifts they hold still."""
    drawn, after = np.random.default_rng(4).normal(size=60), np.arange(60) >= 30
    still, moved = (_standard(values) for values in (drawn, drawn + after))
    up, down = spc.cusum_charts(moved)
    assert (up.kind, down.kind) == ("cusum up", "cusum down")
    assert spc.ewma_chart(moved).outside()[30:].any()
    assert up.outside()[30:].any()
    assert not down.outside().any()
    assert not any(chart.outside().any() for chart in (spc.ewma_chart(still), *spc.cusum_charts(still)))


def test_attendances(qicharts2: Data) -> None:
    """Large samples whose rate wanders: p′ as qicharts2 computes it, plainly; limits are many times as wide."""
    told = qicharts2("nhs_accidents")
    hits, of = told["r"], told["n"]
    center = hits.sum() / of.sum()
    scores = [
        (h / n - center) / (center * (1 - center) / n) ** 0.5 for h, n in zip(hits.tolist(), of.tolist(), strict=True)
    ]
    spread = sum(abs(b - a) for a, b in pairwise(scores)) / (len(scores) - 1) / 1.128
    chart = spc.p_prime(hits, of)
    assert chart.spread == pytest.approx(spread, rel=1e-12)
    assert chart.spread > 5
    assert chart.high[0] == pytest.approx(center + 3 * spread * (center * (1 - center) / of[0]) ** 0.5, rel=1e-12)
    assert spc.p(hits, of).outside().mean() > 0.5
    assert chart.outside().mean() < 0.1


def test_infections(qicharts2: Data) -> None:
    """Counts per unit of unequal size, as the textbook's formula gives them: CDI before the intervention."""
    told = qicharts2("cdi")
    counts, days = told["n"], told["days"]
    before = np.arange(len(counts)) < 24
    center = counts[before].sum() / days[before].sum()
    chart = spc.u(counts, days, before)
    assert chart.high == pytest.approx(center + 3 * np.sqrt(center / days), rel=1e-12)
    assert chart.low == pytest.approx(np.maximum(0, center - 3 * np.sqrt(center / days)), rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "scores", "points"),
    [
        (1, [0, 3.2, -3.5, 2.9], [2, 3]),
        (2, [0, 2.5, 1.0, 2.6, 0], [4]),
        (3, [0, 1.2, 1.3, 0.2, 1.4, 1.5], [6]),
        (4, [-1] * 8 + [1], [8]),
        (2, [2.5, 0, 0, 2.5, -2.5], []),
    ],
)
def test_western_electric_as_qcc(rule: int, scores: list[float], points: list[int]) -> None:
    """The unit tests of qcc; and two points on two sides are no pattern."""
    assert (np.flatnonzero(RULES[f"W{rule}"].flags(np.array(scores))) + 1).tolist() == points


@pytest.mark.parametrize(
    ("rule", "pattern", "spoilt"),
    [
        (1, [3.1], [3.0]),
        (2, [0.1] * 9, [0.1] * 8 + [-0.1]),
        (3, [-2, -1, 0, 0.5, 1, 1.5], [-2, -1, 0, 0.5, 0.5, 1.5]),
        (3, [2, 1, 0, -0.5, -1, -1.5], [2, 1, 0, -0.5, 0, -1.5]),
        (4, [0.5, -0.5] * 7, [0.5, -0.5] * 6 + [0.5, 0.6]),
        (5, [2.1, 0, 2.1], [2.1, 0, -2.1]),
        (6, [1.1, 1.1, 0, 1.1, 1.1], [1.1, 1.1, 0, 1.1, 0.9]),
        (7, [0.9, -0.9, 0] * 5, [0.9, -0.9, 0] * 4 + [0.9, -0.9, 1.1]),
        (8, [1.1, -1.1] * 4, [1.1, -1.1] * 3 + [1.1, 0.9]),
    ],
)
def test_nelson(rule: int, pattern: list[float], spoilt: list[float]) -> None:
    """Each pattern is flagged where it is complete, and not before, nor where it is spoilt."""
    assert np.flatnonzero(RULES[f"N{rule}"].flags(np.array(pattern))).tolist() == [len(pattern) - 1]
    assert not RULES[f"N{rule}"].flags(np.array(spoilt)).any()


@given(st.lists(st.floats(-4, 4), max_size=40))
def test_rules_know_no_side(drawn: list[float]) -> None:
    """A chart upside down has the same flags; every rule has one for every point."""
    one, two = (flagged(way * np.array(drawn), [*RULES]) for way in (1, -1))
    assert all(one[rule].tolist() == two[rule].tolist() and len(one[rule]) == len(drawn) for rule in one)


def test_false_alarms_are_as_many_as_promised() -> None:
    """On a process that is left alone: rule 1 flags 0.27 % of the points, all eight about 2.5 %."""
    scores = np.random.default_rng(1).normal(size=200_000)
    found = flagged(scores, NELSON)
    assert found["N1"].mean() == pytest.approx(0.0027, abs=4e-4)
    assert np.any([*found.values()], axis=0).mean() == pytest.approx(0.025, abs=0.004)


def test_a_rate_that_wanders_alarms_no_camera() -> None:
    """3,600 frames an hour, 2 % and half a point of wandering: a p-chart cries wolf every fifth hour, p′ does not."""
    dice = np.random.default_rng(2)
    of = np.full(20_000, 3600.0)
    hits = dice.binomial(3600, np.clip(dice.normal(0.02, 0.005, len(of)), 0, 1)).astype(float)
    plain, prime = spc.p(hits, of), spc.p_prime(hits, of)
    assert plain.outside().mean() > 0.15
    assert prime.outside().mean() < 0.01
    assert prime.spread == pytest.approx(np.sqrt(1 + (0.005 / plain.sigma[0]) ** 2), rel=0.03)


def test_a_rate_that_does_not_wander_has_the_same_limits() -> None:
    """σz is then 1, for shares and for counts."""
    dice = np.random.default_rng(3)
    of = dice.integers(200, 400, 20_000).astype(float)
    assert spc.p_prime(dice.binomial(of.astype(int), 0.1).astype(float), of).spread == pytest.approx(1, abs=0.02)
    assert spc.u_prime(dice.poisson(of * 0.1).astype(float), of).spread == pytest.approx(1, abs=0.02)


def test_a_process_without_spread_is_at_its_centre() -> None:
    """Nothing ever failed: no score is NaN, nothing is outside."""
    chart = spc.p_prime(np.zeros(9), np.full(9, 50.0))
    assert chart.scores().tolist() == [0] * 9
    assert not chart.outside().any()
    assert chart.spread == 0


def _standard(values: NDArray[np.float64]) -> Chart:
    one = np.ones(len(values))
    return Chart("x", values, 0 * one, one, -3 * one, 3 * one)
