"""Capability: the indices and intervals that others print, and no index where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch.capability import by_quantiles, centred, spread
from pipeline.batch.spc import D2, individuals
from tests.batch.rsets import Data

pytest.importorskip("scipy", reason="pip install 'kensa[batch]'")


def test_piston_rings(qcc: Data) -> None:
    """As qcc prints them for Montgomery's piston rings between 73.95 and 74.05, by the deviation of the x̄ chart."""
    first = qcc("pistonrings")["diameter"].reshape(-1, 5)[:25]
    sigma = float(np.ptp(first, axis=1).mean()) / 2.326
    assert f"{sigma:.7g}" == "0.009785039"
    cp, cpk = spread(73.95, 74.05, sigma, 125), centred(73.95, 74.05, float(first.mean()), sigma, 125)
    assert [f"{each:.3f}" for each in (cp.value, cp.low, cp.high) if each] == ["1.703", "1.491", "1.915"]
    assert [f"{each:.3f}" for each in (cpk.value, cpk.low, cpk.high) if each] == ["1.663", "1.448", "1.878"]
    least, greatest = (
        centred(73.95, None, float(first.mean()), sigma, 125),
        centred(None, 74.05, float(first.mean()), sigma, 125),
    )
    assert [f"{each.value:.3f}" for each in (least, greatest)] == ["1.743", "1.663"]


def test_bottles(sixsigma: Data) -> None:
    """As the R package SixSigma prints them for the volumes of its bottles between 740 and 760."""
    volumes = sixsigma("ss.data.ca")["Volume"]
    mean, sigma, n = float(volumes.mean()), float(volumes.std(ddof=1)), len(volumes)
    cp, cpk = spread(740, 760, sigma, n), centred(740, 760, mean, sigma, n)
    assert [f"{each.value:.7g}" for each in (cp, cpk)] == ["1.584136", "1.546513"]


@given(st.floats(0.1, 5), st.floats(-3, 3), st.integers(2, 10_000))
def test_an_index_lies_in_its_interval(sigma: float, mean: float, n: int) -> None:
    """And Cpk is never above Cp, which it is where the mean is in the middle."""
    cp, cpk, middle = spread(-3, 3, sigma, n), centred(-3, 3, mean, sigma, n), centred(-3, 3, 0, sigma, n)
    for index in (cp, cpk):
        assert index.value is not None
        assert index.low is not None
        assert index.high is not None
        assert index.low <= index.value <= index.high
    assert cpk.value is not None
    assert cp.value is not None
    assert cpk.value <= cp.value + 1e-12
    assert middle.value == pytest.approx(cp.value)


def test_intervals_hold_what_they_promise() -> None:
    """Of 2,000 samples of 60 normal values about 95 in 100 have the true index in the interval."""
    dice = np.random.default_rng(1)
    drawn = dice.normal(0.5, 1, (2000, 60))
    held = []
    for each in drawn:
        mean, sigma = float(each.mean()), float(each.std(ddof=1))
        both = (spread(-4, 4, sigma, 60), 4 / 3), (centred(-4, 4, mean, sigma, 60), 3.5 / 3)
        held.append([bool(index.low <= true <= index.high) for index, true in both if index.low and index.high])
    assert np.mean(held, axis=0) == pytest.approx([0.95, 0.95], abs=0.015)


def test_quantiles_stand_for_sigmas() -> None:
    """Of a normal measure the same indices; one-sided where one limit is given; none of what never varies."""
    both, nearer = by_quantiles(-3, 5, (-3, 0, 3))
    assert (both.value, nearer.value) == (8 / 6, 1)
    assert by_quantiles(None, 6, (-3, 0, 3))[0].value is None
    assert by_quantiles(None, 6, (-3, 0, 3))[1].value == 2
    assert by_quantiles(0, 1, (0.5, 0.5, 0.5))[1].value is None
    assert spread(0, 1, 0.0, 9).value is None
    assert spread(None, 1, 1.0, 9).value is centred(None, None, 0, 1, 9).value is None


def test_individuals(sixsigma: Data, qicharts2: Data) -> None:
    """The sets of SixSigma and qicharts2 without printed answers: as their formulas, computed plainly, give them."""
    for values in (
        sixsigma("ss.data.pb1")["pb.humidity"],
        sixsigma("ss.data.density")["ss.data.density"],
        qicharts2("lots")["value"],
    ):
        chart, _ = individuals(values)
        moving = sum(abs(b - a) for a, b in zip(values[:-1].tolist(), values[1:].tolist(), strict=True)) / (
            len(values) - 1
        )
        assert chart.high[0] == pytest.approx(float(values.mean()) + 3 * moving / D2, rel=1e-12)
        assert chart.low[0] == pytest.approx(float(values.mean()) - 3 * moving / D2, rel=1e-12)
