"""Run lengths of masks, there and back, beside pycocotools."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from time import perf_counter_ns
from typing import TypeVar

import cv2  # noqa: F401 - loaded wherever a line makes pixels, and then used to turn them
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from benchmarks.figure import Figure, Limit, alternate, paired
from pipeline.masks import Mask

Pixels = NDArray[np.uint8]
T = TypeVar("T")

LIMIT = Limit("≤", 0.5)
CALLS = 300
# (height, width) px and blobs: what the sensor's network gives, and a full view of small parts.
VIEWS = (((96, 96), 5), ((480, 640), 50))


def figures() -> Iterator[Figure]:
    """Pixels → run lengths and back; beside it what a mask adds: its own copy, and the check of a stranger's runs.

    Without OpenCV there is no limit: a process that works on pixels has it, and to turn them costs numpy as much here
    as there.
    """
    for size, blobs in VIEWS:
        where = f"{size[1]}×{size[0]}, µs per mask"
        rows = _blobs(size, blobs)
        columns = np.asfortranarray(rows)
        told = coco.encode(columns)
        counts = told["counts"]
        yield _pair(f"RLE encode {where}", _masks(rows), _runs, partial(_encode_coco, rows))
        with without("cv2"):
            yield _pair(f"RLE encode without OpenCV, {where}", _masks(rows), _runs, partial(_encode_coco, rows), None)
        yield _pair(f"RLE encode, column-major, {where}", _masks(columns), _runs, partial(coco.encode, columns))
        yield _pair(f"RLE decode {where}", _told(size, counts), _pixels, partial(coco.decode, told))
        yield _alone(f"mask of pixels: copy, {where}", _masks(rows))
        yield _alone(f"mask of run lengths: check, {where}", _told(size, counts))


@contextmanager
def without(module: str) -> Iterator[None]:
    """As in a process that has never loaded it: what is measured looks for it among the loaded ones."""
    hidden = sys.modules.pop(module)
    try:
        yield
    finally:
        sys.modules[module] = hidden


def _masks(pixels: Pixels) -> Callable[[], Mask]:
    return partial(Mask.from_dense, pixels)


def _told(size: tuple[int, int], counts: bytes) -> Callable[[], Mask]:
    return partial(Mask.from_counts, size, counts)


def _runs(mask: Mask) -> bytes:
    return mask.counts


def _pixels(mask: Mask) -> NDArray[np.bool_]:
    return mask.dense


def _encode_coco(pixels: Pixels) -> object:
    """What pycocotools needs for row-major pixels: it takes column-major alone."""
    return coco.encode(np.asfortranarray(pixels))


def _pair(
    what: str,
    made: Callable[[], Mask],
    asked: Callable[[Mask], object],
    theirs: Callable[[], object],
    limit: Limit | None = LIMIT,
) -> Figure:
    """A conversion of a mask that is made before the watch starts: a mask converts once, so each call has its own."""
    pairs = alternate(lambda: _timed(asked, made), lambda: _timed(_call, lambda: theirs), rounds=15)
    return paired(what, [*pairs], "pycocotools", limit)


def _alone(what: str, made: Callable[[], Mask]) -> Figure:
    return Figure(what, median(_timed(_call, lambda: made) for _ in range(15)))


def _call(call: Callable[[], object]) -> object:
    return call()


def _timed(asked: Callable[[T], object], made: Callable[[], T]) -> float:
    """µs per call, what it is asked of made anew and in the cache each time."""
    spent = 0
    for _ in range(CALLS):
        thing = made()
        start = perf_counter_ns()
        asked(thing)
        spent += perf_counter_ns() - start
    return spent / CALLS / 1e3


def _blobs(size: tuple[int, int], count: int, seed: int = 1) -> Pixels:
    """(H, W) uint8, row-major: that many ellipses with rough edges."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    view = np.zeros(size, np.uint8)
    for _ in range(count):
        centre = random.random(2) * size
        radii = (0.5 + random.random(2)) * np.sqrt(size[0] * size[1] / count) / 4
        rough = random.normal(0, 0.08, size)
        view |= ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 + rough < 1
    return view
