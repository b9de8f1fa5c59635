"""The trend of what fails: a p-chart of the last windows, with limits of its own for each version of the rules.

Limits are those of `pipeline.batch.spc`; where few are expected, the upper one is as unlikely to be passed as three
sigmas are, by Poisson's law, as in reports: there the normal law alarms too often.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, groupby
from math import exp

from msgspec import Struct

from nodes.screen.tally import Window

POINTS = 5  # of a phase: limits from fewer say nothing
FEW = 25  # expected in a window: of fewer, limits are by Poisson's law
TAIL = 0.00135  # of a normal value beyond three sigmas, on one side


class Point(Struct, frozen=True):
    """A window of the chart.

    Attributes:
        t_ms: When it begins, UTC, ms.
        n: Verdicts, those that could not be inspected left out.
        fails: FAIL among them.
        center: Share of FAIL in its phase; with both limits None where the phase is too short for limits.
        low: Lower limit.
        high: Upper limit.
        begins: The rules are other ones than in the point before.
        open: It is not over.
    """

    t_ms: float
    n: int
    fails: int
    center: float | None = None
    low: float | None = None
    high: float | None = None
    begins: bool = False
    open: bool = False


def chart(windows: Sequence[Window], camera: str | None = None) -> list[Point]:
    """The points of a camera, or of all together where it is None; a window without a verdict is none."""
    seen = [(window, _counted(window, camera)) for window in windows]
    phases = groupby(((w, of, f) for w, (of, f) in seen if of), key=lambda each: _rules(each[0], camera))
    points: list[Point] = []
    for _, phase in phases:
        points += _limited([*phase], windows[-1], first=not points)
    return points


def _counted(window: Window, camera: str | None) -> tuple[int, int]:
    if camera is not None:
        return window.counts.get(camera, (0, 0))
    return sum(of for of, _ in window.counts.values()), sum(fails for _, fails in window.counts.values())


def _rules(window: Window, camera: str | None) -> str:
    return window.rules.get(camera, "") if camera is not None else " ".join(sorted({*window.rules.values()}))


def _limited(phase: Sequence[tuple[Window, int, int]], last: Window, *, first: bool) -> list[Point]:
    """The points of one phase; the window that is open is held against limits, but they are not made of it."""
    import numpy as np

    from pipeline.batch import spc

    closed = np.array([window is not last for window, _, _ in phase])
    of, hits = (np.array([each[column] for each in phase], np.float64) for column in (1, 2))
    limits = spc.p(hits, of, closed) if closed.sum() >= POINTS else None
    points: list[Point] = []
    for place, (window, n, fails) in enumerate(phase):
        point = Point(window.begin_ns / 1e6, n, fails, begins=not first and place == 0, open=window is last)
        if limits is not None:
            center, high = float(limits.center[place]), float(limits.high[place])
            high = min(1.0, max(high, rare(center * n) / n))
            point = Point(
                point.t_ms, n, fails, center, float(limits.low[place]), high, begins=point.begins, open=point.open
            )
        points.append(point)
    return points


def rare(expected: float) -> float:
    """The least count that more are as unlikely as three sigmas, by Poisson's law; 0 where many are expected."""
    if not 0 < expected < FEW:
        return 0.0
    term = below = exp(-expected)
    for number in count(1):
        if below >= 1 - TAIL:
            return number - 1.0
        term *= expected / number
        below += term
    raise AssertionError
