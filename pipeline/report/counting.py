"""Sums over results that several parts of a report need: outcomes and frames per camera, line and day."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from pipeline.batch.charting import JUDGED
from pipeline.batch.intervals import wilson
from pipeline.report.findings import Camera
from pipeline.report.reading import Results

if TYPE_CHECKING:
    import pyarrow as pa

Line = tuple[str, str]


class Counts(Struct, frozen=True):
    """What was counted of a camera on a day.

    Attributes:
        frames: Frames that were inspected.
        missing: Frames that gaps tell missing.
        outcomes: Verdicts by outcome; of parts where parts were judged, else of frames.
    """

    frames: int
    missing: int
    outcomes: Counter[str]

    @property
    def judged(self) -> int:
        """All verdicts."""
        return self.outcomes.total()

    def share(self, outcome: str) -> float | None:
        """The share of an outcome; None where nothing was judged."""
        return self.outcomes[outcome] / self.judged if self.judged else None


def counted(results: Results) -> dict[tuple[Camera, str], Counts]:
    """What was counted, by camera and date."""
    subjects = _subjects(results.rates)
    frames: Counter[tuple[Camera, str]] = Counter()
    missing: Counter[tuple[Camera, str]] = Counter()
    outcomes: dict[tuple[Camera, str], Counter[str]] = defaultdict(Counter)
    keys = ["plant", "line", "camera", "date", "what", "name"]
    rows = results.rates.group_by(keys, use_threads=False).aggregate([("n", "sum")])
    for plant, line, camera, date, what, name, n in zip(
        *(rows[key].to_pylist() for key in (*keys, "n_sum")), strict=True
    ):
        at = (plant, line, camera), date
        if what == "frames":
            frames[at] += n
        elif what == "missing":
            missing[at] += n
        elif what == subjects.get((plant, line)):
            outcomes[at][name] += n
    places = sorted({*frames, *missing, *outcomes})
    return {at: Counts(frames[at], missing[at], outcomes[at]) for at in places}


def total(counts: list[Counts]) -> Counts:
    """Several counts together."""
    outcomes: Counter[str] = sum((each.outcomes for each in counts), Counter())
    return Counts(sum(each.frames for each in counts), sum(each.missing for each in counts), outcomes)


def interval(counts: Counts, outcome: str) -> tuple[float, float]:
    """Between which limits the true share of an outcome lies, 95 %."""
    low, high = wilson(np.array([counts.outcomes[outcome]]), np.array([counts.judged]))
    return float(low[0]), float(high[0])


def _subjects(rates: pa.Table) -> dict[Line, str]:
    """What is judged at each line: parts, where any are, else frames."""
    rows = rates.group_by(["plant", "line", "what"], use_threads=False).aggregate([])
    found: dict[Line, str] = {}
    for plant, line, what in zip(*(rows[key].to_pylist() for key in ("plant", "line", "what")), strict=True):
        if what in JUDGED and found.get((plant, line)) != "part":
            found[plant, line] = what
    return found
