"""How the stream gathers measures: value by value, with the digits and bins of the batch, for the same numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.batch import moments, quantiles
from pipeline.batch.measures import MEASURES
from pipeline.records import Reading, Regions, Summary

AT_ONCE = 1024  # values
READ = tuple(measure for measure in MEASURES if measure.column in Reading.__struct_fields__)


class Sample:
    """Values of one measure; what is kept does not grow with their number."""

    def __init__(self) -> None:
        self._new: list[float] = []
        self._bins: Counter[int] = Counter()
        self._digits: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
        self._low, self._high = float("inf"), float("-inf")

    def add(self, value: float) -> None:
        """Add a value; one that is not `moments.measurable` is passed over, as its row is by the batch."""
        self._new.append(value)
        if len(self._new) >= AT_ONCE:
            self._take()

    def finish(self, label: str, measure: str) -> Summary | None:
        """What is known of the values; None where there are none."""
        self._take()
        if not self._bins:
            return None
        n, (sums, squares) = self._bins.total(), ([*found.items()] for found in self._digits)
        told = moments.finish(n, sums, squares)
        limits, shares = (self._low, self._high), [self._quantile(share) for share in ("0.5", "0.95", "0.99")]
        return Summary(label, measure, n, told.mean, told.deviation, *limits, *shares)

    def _take(self) -> None:
        values, self._new = np.array(self._new, np.float64), []
        values = values[moments.measurable(values)]
        if not len(values):
            return
        self._bins.update(quantiles.bins(values).tolist())
        for power, place, digits in moments.powers(values):
            self._digits[power - 1][place] += int(digits.sum())
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))

    def _quantile(self, share: str) -> float:
        numbers, counts = (np.array(each) for each in zip(*sorted(self._bins.items()), strict=True))
        (found,) = quantiles.quantiles(numbers, counts, np.array([0]), share)
        return float(np.clip(found, self._low, self._high))


class Samples:
    """Every measure of some frames, label by label."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], Sample] = defaultdict(Sample)

    def add(self, frame: Regions) -> None:
        """Add what was measured in a frame."""
        self._samples["", "found"].add(len(frame.regions))
        for measure in READ if frame.reading is not None else ():
            if (value := getattr(frame.reading, measure.column)) is not None:
                self._samples["", measure.name].add(float(value))
        for region in frame.regions:
            for measure in MEASURES:
                if measure.table == "regions" and (value := _value(region, measure.column)) is not None:
                    self._samples[region.label, measure.name].add(value)

    def finish(self) -> Iterator[Summary]:
        """What is known of each, by label and measure."""
        for (label, measure), sample in sorted(self._samples.items()):
            if (told := sample.finish(label, measure)) is not None:
                yield told


def _value(region: Any, column: str) -> float | None:
    """What stands in a column, read off the record."""
    held = region
    for name in column.split("."):
        held = None if held is None else getattr(held, name)
    return None if held is None else float(held)
