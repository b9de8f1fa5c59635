"""Pieces of a mask counted with OpenCV and numpy: what `fast` counts, number for number, where it is not at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.transforms.components import Components, components, holes, vision
from nodes.transforms.contours import chain
from nodes.transforms.fast import figures
from pipeline.masks import Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]

Enclosed = dict[int, tuple[int, int]]
Row = list[Any]


def counted(mask: Mask, scores: NDArray[np.int8] | None) -> tuple[list[Row], list[Row], bytes, bytes]:
    """Every piece of a mask, in the order of their first pixels, down the columns; see `fast.counting.counted`."""
    found = components(mask.dense)
    enclosed = _enclosed(mask.dense, found) if found.count else {}
    whole: list[Row] = []
    shapes: list[Row] = []
    told = codes = b""
    for number in sorted(range(1, found.count + 1), key=found.first):
        pixels = _own(found, number)
        code, hull = _outline(pixels)
        counts = (mask if found.count == 1 else Mask.from_dense(found.labels == number)).counts
        told, codes = told + counts, codes + code
        sums = _sums(found, number, pixels)
        height, width = pixels.shape
        shapes.append(_shape(sums, code, hull, width, height))
        score = _score(found, number, pixels, scores)
        first = found.first(number)[1]
        inside = enclosed.get(number, (0, 0))
        whole.append([*sums, *inside, *figures.box(hull), score, len(told), first, len(code)])
    return whole, shapes, told, codes


def _own(found: Components, number: int) -> Dense:
    """The pixels of one component in its box: (h, w) bool."""
    x, y, width, height = found.boxes[number].tolist()
    own: Dense = found.labels[y : y + height, x : x + width] == number
    return own


def _sums(found: Components, number: int, pixels: Dense) -> Row:
    """Area, box by its ends, and the sums of columns, rows and their products: whole numbers, exact."""
    left, top, width, height = found.boxes[number].tolist()
    y, x = (each.astype("i8") for each in pixels.nonzero())
    x += left
    y += top
    # Whole numbers, as long as none can need more than 63 bits.
    kind = "i8" if max(found.labels.shape) <= 1 << 16 else "f8"
    moments = [int((one.astype(kind) * other).sum()) for one, other in ((x, 1), (y, 1), (x, x), (x, y), (y, y))]
    return [len(x), left, top, left + width, top + height, *moments]


def _outline(pixels: Dense) -> tuple[bytes, list[list[int]]]:
    """The chain code of the outer border, from the first pixel on, and the corners of its hull; both in the box."""
    import numpy as np

    cv2 = vision()
    padded = np.pad(pixels.view("u1"), 1)
    (border, *_), _ = cv2.findContours(padded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull: list[list[int]] = cv2.convexHull(border).reshape(-1, 2).tolist()
    return chain(border.reshape(-1, 2)), hull


def _shape(sums: Row, code: bytes, hull: list[list[int]], width: int, height: int) -> Row:
    area = sums[0]
    across = sum(way & 1 for way in code)
    turns = sum(way != code[i - 1] for i, way in enumerate(code))
    return [
        figures.perimeter(len(code) - across, across, turns),
        figures.diameter(area),
        figures.eccentricity(area, sums[5], sums[6], *sums[7:10]),
        figures.solidity(area, hull, width, height),
    ]


def _score(found: Components, number: int, pixels: Dense, scores: NDArray[np.int8] | None) -> int:
    if scores is None:
        return 0
    x, y, width, height = found.boxes[number].tolist()
    return int(scores[y : y + height, x : x + width][pixels].sum(dtype="i8"))


def _enclosed(pixels: Dense, found: Components) -> Enclosed:
    """For each component that has any: the number of its holes and their area."""
    gaps, inside = holes(pixels)
    told: Enclosed = {}
    for number in inside.tolist():
        owner = _around(found, gaps, number)
        count, area = told.get(owner, (0, 0))
        told[owner] = count + 1, area + int(gaps.areas[number])
    return told


def _around(found: Components, gaps: Components, number: int) -> int:
    """The component around a hole: it has the pixel left of the hole's leftmost one."""
    x, y = gaps.first(number)
    return int(found.labels[y, x - 1])
