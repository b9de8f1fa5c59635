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
TIE = 1e-9  # distances that differ by less are the same
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


def choices(late: Flags, rounds: int = ROUNDS, seed: int = 0) -> Flags:
    """The windows since, and as many others of them, drawn by chance.

    Args:
        late: (W,) the windows since.
        rounds: How many choices are drawn; no probability below 1 / (rounds + 1) can come of them.
        seed: Of the draw: the same numbers give the same choices.

    Returns:
        bool (rounds + 1, W); the first row is `late` itself.
    """
    drawn = np.random.default_rng(seed).permuted(np.tile(late, (rounds, 1)), axis=1)
    return np.concatenate([late[None], drawn])


def distances(counts: Ints, chosen: Flags) -> Numbers:
    """How far each choice of windows lies from the others: Kolmogorov's D, (rounds + 1,); 1 where a side is empty.

    Args:
        counts: (W, B) values in each bin, window by window.
        chosen: As `choices` gives them.
    """
    upto = np.cumsum(counts, axis=1)
    since = chosen.astype(np.float64) @ upto.astype(np.float64)  # whole numbers, and exact up to 2⁵³
    one, two = (side / np.maximum(side[:, -1:], 1) for side in (since, upto.sum(axis=0) - since))
    apart: Numbers = np.abs(np.subtract(one, two, out=one), out=one).max(axis=1)
    return apart


def drift(counts: Ints, values: Numbers, chosen: Flags, apart: Numbers | None = None) -> Drift:
    """Compare the windows since with those of a baseline.

    Args:
        counts: (W, B) values in each bin, window by window; windows must be alike but for drift: whole days or shifts,
            where the hours of a day differ. Either side has values.
        values: (B,) what stands for each bin, ascending.
        chosen: As `choices` gives them.
        apart: As `distances` gives them, where they are known.
    """
    late = chosen[0]
    before, since = counts[~late].sum(axis=0), counts[late].sum(axis=0)
    apart = distances(counts, chosen) if apart is None else apart
    enough = min(int(late.sum()), int((~late).sum())) >= LEAST
    return Drift(
        int(before.sum()),
        int(since.sum()),
        float(apart[0]),
        _psi(before, since),
        _shift(before, since, values),
        float(np.mean(apart >= apart[0] - TIE)) if enough else None,
    )


def together(apart: Numbers) -> Numbers:
    """Probabilities with all measures minded: that any of them is as far from its own chance as each is.

    P. H. Westfall, S. S. Young, Resampling-Based Multiple Testing (1993): the choices of windows are the same for all.
    Of twenty fleets without drift, one has any measure at p ≤ 0.05.

    Args:
        apart: (M, rounds + 1) distances, measure by measure, for the same choices.

    Returns:
        (M,).
    """
    spread = apart.std(axis=1, keepdims=True)
    scores = (apart - apart.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    worst = scores.max(axis=0, initial=-np.inf)
    return np.array([float(np.mean(worst >= score - TIE)) for score in scores[:, 0].tolist()])


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
