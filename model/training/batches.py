"""Batches in an order that follows from seed, epoch and place: a run that was killed goes on where it was."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.data.sample import Source

Key = tuple[int, int]  # epoch and place
Batch = tuple[Tensor, Tensor]


class Samples(Dataset[tuple[Tensor, Tensor]]):
    """Samples of some sources by epoch and place, turned and mirrored by chance.

    Args:
        sources: Samples are taken from all of them alike.
        seed: Another seed, another order.
        size: How many an epoch has.
        turned: Whether they are turned and mirrored; not where a network is judged.
    """

    def __init__(self, sources: Sequence[Source], seed: int, size: int, *, turned: bool) -> None:
        self._sources, self._seed, self._size, self._turned = sources, seed, size, turned
        self._orders = [_order(len(source), np.random.default_rng([seed, len(source)])) for source in sources]

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor]:
        """(3, 96, 96) and (1, 96, 96), uint8: a picture and its mask."""
        epoch, place = key
        dice = np.random.default_rng([self._seed, epoch, place])
        turn, which = divmod(epoch * self._size + place, len(self._sources))
        source, (begin, step) = self._sources[which], self._orders[which]
        found = source.sample((begin + turn * step) % len(source), dice)
        picture, mask = found.picture, found.mask
        if self._turned:
            turns, mirrored = int(dice.integers(4)), 1 - 2 * int(dice.integers(2))
            picture, mask = np.rot90(picture, turns)[:, ::mirrored], np.rot90(mask, turns)[:, ::mirrored]
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1)), np.ascontiguousarray(mask[None], np.uint8)
        return torch.from_numpy(planes[0]), torch.from_numpy(planes[1])


def _order(count: int, dice: np.random.Generator) -> tuple[int, int]:
    """Where to begin and how far to go each time, so that all have had their turn before any comes again."""
    step = int(dice.integers(1, count + 1))
    while math.gcd(step, count) != 1:
        step = step % count + 1
    return int(dice.integers(count)), step


def batches(samples: Samples, epoch: int, places: range, size: int, workers: int = 0) -> Iterable[Batch]:
    """Batches of an epoch.

    Args:
        samples: What they are made of.
        epoch: From 0.
        places: Which batches of it: a run that goes on begins with a later one.
        size: Of a batch.
        workers: Processes that make them.
    """
    keys = [[(epoch, batch * size + place) for place in range(size)] for batch in places]
    found: Iterable[Batch] = DataLoader(
        samples,
        batch_sampler=keys,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_alone,
        generator=torch.Generator(),
    )
    return found


def _alone(worker: int) -> None:  # noqa: ARG001 - torch gives it
    """Workers share the cores with each other already."""
    cv2.setNumThreads(0)
