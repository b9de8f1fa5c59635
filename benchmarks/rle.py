"""Run lengths of masks, there and back, beside pycocotools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from benchmarks.figure import Figure, Limit, alternate, paired
from pipeline.masks import Mask

Pixels = NDArray[np.uint8]

LIMIT = Limit("≤", 0.5)
# (height, width) px and blobs: what the sensor's network gives, and a full view of small parts.
VIEWS = (((96, 96), 5), ((480, 640), 50))


def figures() -> Iterator[Figure]:
    """Encode from row-major and from column-major pixels, and decode; the mask object and its checks included."""
    for size, blobs in VIEWS:
        where = f"{size[1]}×{size[0]}, µs per mask"
        rows = _blobs(size, blobs)
        columns = np.asfortranarray(rows)
        told = coco.encode(columns)
        yield _pair(f"RLE encode {where}", partial(_encode, rows), partial(_encode_coco, rows))
        yield _pair(f"RLE encode, column-major, {where}", partial(_encode, columns), partial(coco.encode, columns))
        yield _pair(f"RLE decode {where}", partial(_decode, size, told["counts"]), partial(coco.decode, told))


def _encode(pixels: Pixels) -> bytes:
    return Mask.from_dense(pixels).counts


def _encode_coco(pixels: Pixels) -> object:
    """What pycocotools needs for row-major pixels: it takes column-major alone."""
    return coco.encode(np.asfortranarray(pixels))


def _decode(size: tuple[int, int], counts: bytes) -> NDArray[np.bool_]:
    return Mask.from_counts(size, counts).dense


def _pair(what: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Figure:
    pairs = alternate(partial(_timed, ours), partial(_timed, theirs), rounds=15)
    return paired(what, [*pairs], "pycocotools", LIMIT)


def _timed(call: Callable[[], object], calls: int = 500) -> float:
    """µs per call."""
    start = perf_counter_ns()
    for _ in range(calls):
        call()
    return (perf_counter_ns() - start) / calls / 1e3


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
