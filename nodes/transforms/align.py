"""Golden masks laid upon what is seen: as they were, by the centroid, or until the outlines go together best.

Outlines are compared as distances to them, cut off a few pixels away: a binary mask has no slope that could be
followed, its distances have. Evangelidis and Psarakis, "Parametric Image Alignment Using Enhanced Correlation
Coefficient Maximization", IEEE TPAMI 30 (2008), as OpenCV has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from nodes.transforms.template import Template, distances, middle, vision
from pipeline.masks import Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Distances = NDArray[np.float32]

FAR = 8.0  # px: outlines that are further apart than this do not pull
STEPS, ENOUGH = 40, 1e-4  # of the alignment: more of either moves it by less than 0.001 px
STRAIGHT = 0.6  # degrees: what is turned by less beside a quarter turn is tried without
TURNED = 20.0  # degrees: parts that may be turned by more are tried by how long they lie, too
LIKELY = 1.5  # times as many pixels differ as where fewest do: a place where an alignment may begin
NEAR = 1.5  # px: outlines that are further apart than this were broken off, or are something else
WAYS = (0.0, 180.0, 90.0, 270.0)


class Limits(NamedTuple):
    """How a golden mask may be laid: see `View`; lengths are px, angles degrees."""

    align: Literal["none", "centroid", "ecc"]
    max_shift: float
    max_turn: float
    alike: float


class Laid(NamedTuple):
    """How a golden mask lies on what is seen.

    Attributes:
        matrix: (2, 3): from its pixels to those of the view.
        turn: By how much it was turned, clockwise on a screen, degrees.
        shift: How far its centroid has moved, px.
        distances: Its `distances` there, (H, W).
    """

    matrix: Floats
    turn: float
    shift: float
    distances: Distances

    @property
    def still(self) -> bool:
        """Whether it lies as it was seen."""
        return self.turn == 0 and self.shift == 0

    def points(self, there: Floats) -> Floats:
        """Where points of the golden mask's view are: (n, 2) px."""
        if self.still:
            return there
        moved: Floats = there @ self.matrix[:, :2].T + self.matrix[:, 2]
        return moved


class Astray(NamedTuple):
    """Why a golden mask could not be laid upon what is seen."""

    note: str


def lay(golden: Template, seen: Mask, limits: Limits) -> Laid | Astray:
    """Lay a golden mask upon a mask of its size.

    Where it fits as well at whole pixels, or without a small turn, it lies there: so that what is the same is the same.
    """
    pixels = seen.dense
    if limits.align == "none":
        return Laid(_moved(0.0, 0.0), 0.0, 0.0, golden.distances)
    centre = middle(pixels)
    if math.isnan(centre[0]):
        return Astray("nothing is there that it could be aligned with")
    start = _moved(centre[0] - golden.centroid[0], centre[1] - golden.centroid[1])
    ways = [start] if limits.align == "centroid" else [*_followed(golden, pixels, start, limits.max_turn)]
    if not ways:
        return Astray("the alignment did not converge")
    tried = [_laid(golden, way, pixels) for rough in ways for way in (*_tidy(golden, rough), rough)]
    off, best = min(tried, key=lambda each: each[0])
    return _astray(best, pixels, limits, off) or best


def carried(mask: Dense, laid: Laid) -> Dense:
    """The pixels of a zone of the golden mask's view, where they are on what is seen: (H, W) bool."""
    if laid.still:
        return mask
    cv2, (height, width) = vision(), mask.shape
    found: Dense = cv2.warpAffine(mask.astype("f4"), laid.matrix, (width, height), flags=cv2.INTER_LINEAR) >= 0.5
    return found


def _laid(golden: Template, matrix: Floats, pixels: Dense) -> tuple[int, Laid]:
    """How many pixels differ, and how it lies."""
    import numpy as np

    cv2, (height, width) = vision(), golden.size
    there = cv2.warpAffine(
        golden.distances, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    (x, y), (a, b) = golden.centroid, golden.centroid
    x, y = matrix[:, :2] @ (x, y) + matrix[:, 2]
    turn = _around(math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])))
    off = int(np.count_nonzero((there > 0) != pixels))
    return off, Laid(matrix, turn, math.hypot(x - a, y - b), there)


def _astray(laid: Laid, pixels: Dense, limits: Limits, off: int) -> Astray | None:
    """Why it does not lie where it may."""
    import numpy as np

    if laid.shift > limits.max_shift:
        return Astray(f"it would have to move by {laid.shift:.1f} px, at most {limits.max_shift:g} px are allowed")
    if limits.align == "ecc" and abs(laid.turn) > limits.max_turn:
        return Astray(f"it would have to turn by {laid.turn:.1f}°, at most {limits.max_turn:g}° are allowed")
    either = np.count_nonzero((laid.distances > 0) | pixels)
    alike = 1 - off / max(int(either), 1)
    if alike < limits.alike:
        return Astray(f"its overlap with what is seen (IoU) is {alike:.2f}, at least {limits.alike:g} is expected")
    return None


def _followed(golden: Template, pixels: Dense, start: Floats, most: float) -> Iterator[Floats]:
    """Where the alignment ends from each place at which it is worth to begin, as far as it comes to an end."""
    seen = distances(pixels)
    for begun in _begun(golden, pixels, start, most):
        found = _correlated(golden, seen, begun)
        if found is not None:
            # Once more without what differs most: a corner that is broken off must not pull the rest askew.
            better = _correlated(golden, seen, found, near=NEAR)
            yield found if better is None else better


def _begun(golden: Template, pixels: Dense, start: Floats, most: float) -> list[Floats]:
    """Where the alignment may begin: as the part was seen, or as it lies by its length; the likely ones."""
    if most <= TURNED:
        return [start]
    lies, centre = _lies(pixels) - _lies(golden.pixels), _at(start, golden.centroid)
    angles = dict.fromkeys(_around(lies + way) for way in WAYS)
    ways = [_turned(golden.centroid, centre, angle) for angle in angles if abs(angle) <= most + TURNED]
    tried = sorted((_laid(golden, way, pixels)[0], place) for place, way in enumerate(ways))
    return [ways[place] for off, place in tried if off <= LIKELY * tried[0][0]]


def _correlated(golden: Template, seen: Distances, start: Floats, near: float | None = None) -> Floats | None:
    """The shift and turn that make distances go together best; None where it does not converge.

    It looks for a small turn beside that of the start: OpenCV takes angles for their sines.

    Args:
        golden: The golden mask.
        seen: The distances of what is seen.
        start: Where it begins.
        near: Leave out pixels whose distances differ by more than this there, px.
    """
    import numpy as np

    cv2, (height, width) = vision(), golden.size
    there = cv2.warpAffine(
        golden.distances, start, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    left, top, right, bottom = _window(there)
    own, far = np.clip(there, -FAR, FAR), np.clip(seen, -FAR, FAR)
    kept = None if near is None else (abs(own - far) <= near).view("u1")
    ends = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, STEPS, ENOUGH)
    begin = np.array([[1, 0, left], [0, 1, top]], "f4")
    try:
        _, found = cv2.findTransformECC(own[top:bottom, left:right], far, begin, cv2.MOTION_EUCLIDEAN, ends, kept, 1)
    except cv2.error:
        return None
    more = found.astype("f8")
    more[:, 2] -= more[:, :2] @ (left, top)
    matrix = np.column_stack([more[:, :2] @ start[:, :2], more[:, :2] @ start[:, 2] + more[:, 2]])
    return matrix if bool(np.isfinite(matrix).all()) else None


def _window(there: Distances) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is near an outline."""
    import numpy as np

    rows, columns = (np.flatnonzero((there > -FAR).any(axis=axis)) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return 0, 0, there.shape[1], there.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _tidy(golden: Template, matrix: Floats) -> Iterator[Floats]:
    """The same without a small turn, and with its centroid moved by whole pixels, or onto the middle between two."""
    turn = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    quarter = 90.0 * round(turn / 90.0)
    if abs(turn - quarter) > STRAIGHT:
        return
    plain = _turned(golden.centroid, _at(matrix, golden.centroid), quarter)
    plain[:, :2] = plain[:, :2].round()
    # A quarter turn about a centroid moves pixels onto pixels where the shift of the first pixel is whole.
    plain[:, 2] = (_at(matrix, golden.centroid) - plain[:, :2] @ golden.centroid).round()
    yield plain


def _moved(x: float, y: float) -> Floats:
    import numpy as np

    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def _turned(centre: tuple[float, float], onto: Any, angle: float) -> Floats:
    """A turn about a point, which is moved onto another."""
    import numpy as np

    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, np.array(onto) - turn @ centre])


def _at(matrix: Floats, point: tuple[float, float]) -> Floats:
    found: Floats = matrix[:, :2] @ point + matrix[:, 2]
    return found


def _lies(pixels: Dense) -> float:
    """The way in which a mask is longest, by its second moments: degrees, clockwise on a screen."""
    told = vision().moments(pixels.view("u1"), binaryImage=True)
    return math.degrees(math.atan2(2 * told["mu11"], told["mu20"] - told["mu02"])) / 2


def _around(angle: float) -> float:
    """The same angle, −180 < angle ≤ 180."""
    return 180.0 - (180.0 - angle) % 360.0
