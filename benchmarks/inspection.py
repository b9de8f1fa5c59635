"""A frame's whole way from scores to regions, beside three ways to compose it of libraries; and how its cost grows.

Threshold, open and close, find the pieces, measure each, and write each one's run lengths. Every composition gives
what `measure` gives of each piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.peers import inspecting
from benchmarks.plotting import plot
from nodes.transforms.clean import clean
from nodes.transforms.fast import compiled
from nodes.transforms.measure import measure
from pipeline.masks import Mask
from pipeline.records import Frame, Layer, Regions, Scores

SIZES = ((96, 96), (128, 128), (320, 320), (480, 640))
COUNTS = (0, 1, 5, 50)
CALLS = 400
SCALE = 0.125  # logits per step
PLOT = Path(__file__).resolve().parent.parent / "docs" / "images" / "inspection.svg"

T = TypeVar("T")
Bytes = NDArray[np.int8]
Costs = dict[tuple[tuple[int, int], int], float]


def figures() -> Iterator[Figure]:
    """Every size and number of pieces beside the best composition, and at 96 × 96 with five beside the others too."""
    cv2.setNumThreads(1)  # as all others: threads that wait for a busy machine would be measured
    kernels = compiled.compiled()
    compiled.ready = lambda: kernels
    costs: Costs = {}
    others: Costs = {}
    for size in SIZES:
        for count in COUNTS:
            row = _beside("OpenCV components and rlemasklib", inspecting.best, size, count)
            costs[size, count], others[size, count] = row.ours, row.theirs or 0.0
            yield row
            if (size, count) == ((96, 96), 5):
                yield _beside("OpenCV in a loop over full frames", inspecting.usual, size, count)
                yield _beside("scikit-image", inspecting.naive, size, count)
                yield _plainly(size, count)
    yield from _growth(costs)
    PLOT.write_text(_plot(costs, others), encoding="utf-8")


def _plot(costs: Costs, others: Costs) -> str:
    lines, dashed = (
        {f"{count} pieces": [(size[0] * size[1], told[size, count]) for size in SIZES] for count in COUNTS}
        for told in (costs, others)
    )
    title = "Scores → regions: Kensa, and (dashed) OpenCV with rlemasklib"
    return plot(title, ("pixels of a frame", "µs"), lines, dashed)


def _beside(peer: str, theirs: Callable[[Bytes], object], size: tuple[int, int], count: int) -> Figure:
    scores = inspecting.drawn(size, count)
    frame = _frame(scores)
    found, expected = len(_ours(frame).regions), len(inspecting.best(scores))
    if found != expected:
        raise RuntimeError(f"expected {expected} pieces, as many as the composition finds, found {found}")
    five = (size, count) == ((96, 96), 5)
    best = theirs is inspecting.best
    limit = Limit("≤", 1 / 3 if five else 1.0) if best else None
    pairs = alternate(partial(_timed, _ours, frame), partial(_timed, theirs, scores), rounds=9 if best else 5)
    what = f"frame → regions, {size[1]}×{size[0]}, {count} pieces, µs"
    return paired(what, [*pairs], peer, limit, f"{found} found" if found != count else "")


def _plainly(size: tuple[int, int], count: int) -> Figure:
    """The same without numba."""
    frame, ready = _frame(inspecting.drawn(size, count)), compiled.ready
    compiled.ready = lambda: None
    try:
        spent = median(_timed(_ours, frame) for _ in range(5))
    finally:
        compiled.ready = ready
    return Figure(f"the same without numba, {size[1]}×{size[0]}, {count} pieces, µs", spent)


def _growth(costs: Costs) -> Iterator[Figure]:
    """Cost over what linear growth would cost: of a view in its pixels, and of a piece more in the pieces."""
    small, large = costs[SIZES[0], 5], costs[SIZES[-1], 5]
    times = SIZES[-1][0] * SIZES[-1][1] / (SIZES[0][0] * SIZES[0][1])
    yield Figure(
        f"cost per frame with 5 pieces, 640×480 over 96×96, of {times:.1f} × the pixels, ×",
        large / small,
        Limit("≤", times),
    )
    few, many = costs[SIZES[-1], 5], costs[SIZES[-1], 50]
    yield Figure("cost per frame at 640×480, 50 pieces over 5, ×", many / few, Limit("≤", 10))


def _ours(frame: Frame) -> Regions:
    regions = measure(clean(frame, threshold=0.0, opening=1, closing=1, min_area=0))
    if regions is None:
        raise RuntimeError("expected regions of a settled frame, found none")
    for region in regions.regions:
        region.mask.counts  # noqa: B018 - what the others make, too
    return regions


def _frame(scores: Bytes) -> Frame:
    size = (scores.shape[0], scores.shape[1])
    layer = Layer("part", Mask.empty(size), 1.0, Scores(size, scores.tobytes(), SCALE))
    return Frame(camera="cam-1", session="s", seq=0, t_ns=0, size=size, layers=(layer,))


def _timed(call: Callable[[T], object], given: T) -> float:
    """µs per call: the median, since a machine that does something else now and then is no part of it."""
    spent: list[int] = []
    until = perf_counter_ns() + 150_000_000
    while len(spent) < 3 or (perf_counter_ns() < until and len(spent) < CALLS):
        start = perf_counter_ns()
        call(given)
        spent.append(perf_counter_ns() - start)
    return median(spent) / 1e3
