"""Whether what is measured has drifted since a baseline, at a false-alarm rate that is stated because it was made so.

Tables of PSI > 0.1 and of Kolmogorov's D are no such thing: the first alarms without drift where windows are small, the
second always where they are large. Here whole windows change places: if nothing has drifted, the windows since are such
as those before, and the distance between them is one of those that any other choice of as many windows has.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.batch.tally import Ints

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

ROUNDS = 999
LEAST = 5  # windows on either side: fewer can change places in too few ways


class Drift(Struct, frozen=True):
    """How far a measure is from its baseline.

    Attributes:
        before: Values in the baseline.
        since: Values after it.
        distance: Largest difference of the two distributions' shares below any value, 0…1 (Kolmogorov's D).
        psi: Population stability index, less what it is without drift, (bins - 1) (1/before + 1/since).
        shift: Mean distance of the values, in units of the measure: what has to be moved how far (Wasserstein).
        p: Share of choices of windows that are at least as far apart; None where there are too few windows to say.
    """

    before: int
    since: int
    distance: float
    psi: float
    shift: float
    p: float | None


def drift(counts: Ints, values: Numbers, late: Flags, rounds: int = ROUNDS, seed: int = 0) -> Drift:
    """Compare the windows since with those of a baseline.

    Args:
        counts: (W, B) values in each bin, window by window; windows must be alike but for drift: of whole days or
            shifts, where hours of a day differ.
        values: (B,) what stands for each bin, ascending.
        late: (W,) the windows since; the others are the baseline. Either has values.
        rounds: How many choices of windows are drawn; p is at least 1 / (rounds + 1).
        seed: Of the draw: the same numbers give the same p.
    """
    before, since = counts[~late].sum(axis=0), counts[late].sum(axis=0)
    enough = min(int(late.sum()), int((~late).sum())) >= LEAST
    return Drift(
        int(before.sum()),
        int(since.sum()),
        float(_distances(before, since)),
        _psi(before, since),
        _shift(before, since, values),
        _probability(counts, late, rounds, seed) if enough else None,
    )


def _probability(counts: Ints, late: Flags, rounds: int, seed: int) -> float:
    """Share of choices of as many windows that lie at least as far apart, the true one among them."""
    dice = np.random.default_rng(seed)
    chosen = dice.permuted(np.tile(late, (rounds, 1)), axis=1)
    since = chosen.astype(np.int64) @ counts
    before = counts.sum(axis=0) - since
    found = _distances(before, since)
    own = _distances(counts[~late].sum(axis=0), counts[late].sum(axis=0))
    return float((1 + np.count_nonzero(found >= own - 1e-12)) / (rounds + 1))


def _distances(before: Ints, since: Ints) -> Numbers:
    """Largest difference of cumulative shares, over the last axis; 1 where either side has no value."""
    sides = []
    for side in (before, since):
        total = side.sum(axis=-1, keepdims=True)
        sides.append(np.cumsum(side, axis=-1) / np.maximum(total, 1))
    apart: Numbers = np.abs(sides[0] - sides[1]).max(axis=-1)
    return apart


def _psi(before: Ints, since: Ints, most: int = 10) -> float:
    """Population stability index over bins that hold about as many values of the baseline each, without its bias."""
    upto = np.cumsum(before) / before.sum()
    which = np.minimum((np.concatenate([[0.0], upto[:-1]]) * most).astype(int), most - 1)
    one, two = (np.bincount(which, weights=side, minlength=most) for side in (before, since))
    held = one + two > 0
    # Half a value more in each: an empty bin is no infinity.
    p, q = ((side[held] + 0.5) / (side[held] + 0.5).sum() for side in (one, two))
    bias = (np.count_nonzero(held) - 1) * (1 / before.sum() + 1 / since.sum())
    return float(((p - q) * np.log(p / q)).sum() - bias)


def _shift(before: Ints, since: Ints, values: Numbers) -> float:
    below = np.cumsum(before) / before.sum() - np.cumsum(since) / since.sum()
    return float((np.abs(below[:-1]) * np.diff(values)).sum())
