"""What a change is worth: two answers to the same samples, pair by pair, over several runs of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from model.scoring.metrics import COVERED, RESAMPLED


class Gain(Struct, frozen=True):
    """How much better one answer is than another.

    Attributes:
        without: Mean IoU of each run of the other, 0…1.
        with_: Of each run of the one, in the same order.
        mean: By how much the one is better, over all runs.
        interval: (low, high): it holds that mean with 95 %, were other samples and other runs drawn.
    """

    without: tuple[float, ...]
    with_: tuple[float, ...]
    mean: float
    interval: tuple[float, float]


def gain(without: Sequence[Sequence[float]], with_: Sequence[Sequence[float]], seed: int = 0) -> Gain:
    """Compare run by run and sample by sample.

    Args:
        without: IoU of every sample, run by run: (R, N).
        with_: The same of the other answer, for the same samples.
        seed: Of what is drawn again: both runs and samples, so that an interval knows of either's chance.
    """
    one, other = np.array(without, np.float64), np.array(with_, np.float64)
    drawn = np.percentile(_means(other - one, np.random.default_rng(seed)), [50 - 50 * COVERED, 50 + 50 * COVERED])
    means = [tuple(map(float, each.mean(1))) for each in (one, other)]
    return Gain(means[0], means[1], float((other - one).mean()), (float(drawn[0]), float(drawn[1])))


def _means(gains: NDArray[np.float64], dice: np.random.Generator) -> NDArray[np.float64]:
    """Means of gains drawn again, runs first and then samples of them (Davison and Hinkley, 1997, 3.8)."""
    runs, count = gains.shape
    rows = dice.integers(runs, size=(RESAMPLED, runs))
    weights = dice.multinomial(count, np.full(count, 1 / count), RESAMPLED) / count
    found: NDArray[np.float64] = np.einsum("brn,bn->b", gains[rows], weights) / runs
    return found


def table(told: Gain) -> str:
    """A line for each run, and one for the gain, in points of mean IoU."""
    lines = [f"{'run':>6} {'without':>8} {'with':>8} {'gain':>7}"]
    for run, (one, other) in enumerate(zip(told.without, told.with_, strict=True)):
        lines.append(f"{run:6} {100 * one:8.2f} {100 * other:8.2f} {100 * (other - one):+7.2f}")
    means = [100 * float(np.mean(each)) for each in (told.without, told.with_)]
    low, high = (f"{100 * each:+.2f}" for each in told.interval)
    return "\n".join([*lines, f"{'all':>6} {means[0]:8.2f} {means[1]:8.2f} {100 * told.mean:+7.2f} ({low} … {high})"])
