"""Answers beside each other: a network's and those without one; over all samples, by size, by rivals, by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct

from model.data.sample import Sample, Source
from model.prompt import Mask
from model.scoring.metrics import Score, fit, score

SMALL, LARGE = 32**2, 96**2  # px² of the picture: COCO's

Answer = Callable[[Sample], Mask]


class Row(Struct, frozen=True):
    """How one answer scores on some of the samples.

    Attributes:
        answer: Whose it is.
        group: Which samples: `all`, `size: small`, `rivals: 1-2`, `kind: pit`.
        score: How well.
    """

    answer: str
    group: str
    score: Score


def samples(source: Source, count: int, seed: int = 0) -> list[Sample]:
    """Some of a source, drawn from all of it, each prompted by a chance of its own."""
    places = np.random.default_rng(seed).choice(len(source), min(count, len(source)), replace=False)
    return [source.sample(int(place), np.random.default_rng([seed, int(place)])) for place in places]


def rows(shown: Sequence[Sample], answers: dict[str, Answer], seed: int = 0) -> Iterator[Row]:
    """Scores of every answer, over all samples and over each group of them.

    Args:
        shown: At least one.
        answers: By name.
        seed: Of the intervals.
    """
    members = _members(shown)
    for name, answer in answers.items():
        fits = [fit(answer(sample), sample.mask) for sample in shown]
        for group, places in members.items():
            yield Row(name, group, score([fits[place] for place in places], seed))


def table(found: Sequence[Row]) -> str:
    """Scores as text: a line per group and answer, with the interval of the mean IoU."""
    wide = max(len(row.group) for row in found), max(10, *(len(row.answer) for row in found))
    titles = f"{'count':>6} {'mIoU':>7} {'95 %':>15} {'Dice':>7} {'bound. F':>9} {'AP':>7}"
    head = f"{'group':{wide[0]}}  {'answer':{wide[1]}} {titles}"
    order = list(dict.fromkeys(row.group for row in found))
    lines = [_line(row, wide) for row in sorted(found, key=lambda row: order.index(row.group))]
    return "\n".join([head, *lines])


def _line(row: Row, wide: tuple[int, int]) -> str:
    told, (low, high) = row.score, row.score.miou_interval
    interval = f"{100 * low:.1f} … {100 * high:.1f}"
    figures = f"{100 * told.dice:7.1f} {100 * told.boundary:9.1f} {100 * told.ap:7.1f}"
    return (
        f"{row.group:{wide[0]}}  {row.answer:{wide[1]}} {told.count:6} {100 * told.miou:7.1f} {interval:>15} {figures}"
    )


def _members(shown: Sequence[Sample]) -> dict[str, list[int]]:
    """Places of the samples of each group."""
    found: dict[str, list[int]] = {"all": [*range(len(shown))]}
    kinds = sorted({sample.kind for sample in shown})
    for named in (_size, _rivals, *([_kind] if 1 < len(kinds) <= 16 else [])):
        groups: dict[str, list[int]] = {}
        for place, sample in enumerate(shown):
            groups.setdefault(named(sample), []).append(place)
        found |= dict(sorted(groups.items()))
    return found


def _size(sample: Sample) -> str:
    size = "1 small" if sample.area < SMALL else "2 medium" if sample.area < LARGE else "3 large"
    return f"size: {size}"


def _rivals(sample: Sample) -> str:
    return "rivals: " + ("0" if not sample.rivals else "1-2" if sample.rivals <= 2 else "3+")


def _kind(sample: Sample) -> str:
    return f"kind: {sample.kind}"
