"""Control charts: the limits that others published, and as many false alarms as was promised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.batch import spc
from pipeline.batch.patterns import NELSON, WESTERN_ELECTRIC, flagged
from pipeline.batch.spc import Chart

Columns = dict[str, NDArray[np.float64]]
Data = Callable[[str], Columns]


@pytest.fixture
def qcc(shared_data: Path) -> Data:
    """Reads a set of the R package qcc; TRUE is 1."""
    folder = shared_data / "spc_qcc" / "data"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")

    def read(name: str) -> Columns:
        head, *lines = (folder / f"{name}.txt").read_text(encoding="ascii").split("\n")
        rows = [
            [float({"TRUE": 1, "FALSE": 0}.get(word, word)) for word in line.split()] for line in lines if line.strip()
        ]
        return dict(zip(head.split(), np.array(rows).T, strict=True))

    return read


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
    assert (np.flatnonzero(WESTERN_ELECTRIC[rule](np.array(scores))) + 1).tolist() == points


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
    assert np.flatnonzero(NELSON[rule](np.array(pattern))).tolist() == [len(pattern) - 1]
    assert not NELSON[rule](np.array(spoilt)).any()


@given(st.lists(st.floats(-4, 4), max_size=40))
def test_rules_know_no_side(drawn: list[float]) -> None:
    """A chart upside down has the same flags; every rule has one for every point."""
    one, two = (flagged(way * np.array(drawn), range(1, 9)) for way in (1, -1))
    assert all(one[rule].tolist() == two[rule].tolist() and len(one[rule]) == len(drawn) for rule in one)


def test_false_alarms_are_as_many_as_promised() -> None:
    """On a process that is left alone: rule 1 flags 0.27 % of the points, all eight about 2.5 %."""
    scores = np.random.default_rng(1).normal(size=200_000)
    found = flagged(scores, range(1, 9))
    assert found[1].mean() == pytest.approx(0.0027, abs=4e-4)
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
