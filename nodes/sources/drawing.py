"""Draw the parts of a belt into a mask, by signed distances: places and tilts are exact to a part of a pixel."""

from __future__ import annotations

import math
import random
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from nodes.sources.belt import Belt, BeltPart, in_view, made

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Field = NDArray[np.float32]

GRAIN = 256


class Drawing:
    """What one camera sees of its belt.

    Signed distances are composed as in Quilez, *2D distance functions*: negative is inside, the
    larger of two is their intersection, the smaller their union.
    """

    def __init__(self, belt: Belt) -> None:
        import numpy as np

        self.belt = belt
        seed = (belt.seed & 0xFFFFFFFF, zlib.crc32(belt.camera.encode()))
        dots = np.random.default_rng(seed).standard_normal((GRAIN, GRAIN), dtype=np.float32)
        # Neighbours differ little: an edge wanders, it does not sparkle. Half the sum of four keeps the deviation.
        four = dots + np.roll(dots, 1, 0) + np.roll(dots, 1, 1) + np.roll(dots, (1, 1), (0, 1))
        self._grain: Field = four * np.float32(belt.rough / 2)
        self._made = lru_cache(maxsize=64)(lambda number: made(belt, number))

    def frame(self, number: int) -> NDArray[np.bool_]:
        """The mask of one frame: (height, width) bool."""
        import numpy as np

        belt = self.belt
        mask = np.zeros((belt.height, belt.width), bool)
        dice = random.Random(f"{belt.seed}/{belt.camera}/frame/{number}")  # noqa: S311 - a picture, not a secret
        for part in map(self._made, in_view(belt, number)):
            self._part(mask, part, belt.speed * number - part.lag, dice)
        self._specks(mask, dice)
        return mask

    def _part(self, mask: NDArray[np.bool_], part: BeltPart, x: float, dice: random.Random) -> None:
        """Add a part whose centre is at x; its edge flickers from frame to frame as a network's does."""
        height, width = mask.shape
        behind, ahead = part.reach
        across = max(behind, ahead, part.b + part.a * abs(part.tilt) + part.bite[1])
        left, right = max(0, int(x - behind) - 2), min(width, int(x + ahead) + 3)
        top, bottom = max(0, int(part.y - across) - 2), min(height, int(part.y + across) + 3)
        if left >= right or top >= bottom:
            return
        field = distance(part, (left - x, right - x), (top - part.y, bottom - part.y))
        mask[top:bottom, left:right] |= field < self._edge(bottom - top, right - left, dice)

    def _edge(self, height: int, width: int, dice: random.Random) -> Field:
        """A piece of the grain from a random place, repeated where the part is larger than the grain."""
        import numpy as np

        rows = np.arange(height) + dice.randrange(GRAIN)
        columns = np.arange(width) + dice.randrange(GRAIN)
        return self._grain.take(rows, axis=0, mode="wrap").take(columns, axis=1, mode="wrap")

    def _specks(self, mask: NDArray[np.bool_], dice: random.Random) -> None:
        """Flip a few spots of one to four pixels: specks on the belt, pinholes and nicks on a part."""
        height, width = mask.shape
        for _ in range(int(dice.expovariate(1 / self.belt.specks)) if self.belt.specks else 0):
            x, y = dice.randrange(width), dice.randrange(height)
            spot = mask[y : y + dice.randint(1, 2), x : x + dice.randint(1, 2)]
            spot ^= True


def distance(part: BeltPart, xs: tuple[float, float], ys: tuple[float, float]) -> Field:
    """Signed distance to a part's outline, px, negative inside.

    Args:
        part: The part.
        xs: First and last column (exclusive) relative to the part's centre.
        ys: First and last row (exclusive) relative to the part's centre.

    Returns:
        (rows, columns) float32.
    """
    import numpy as np

    x = np.arange(round(xs[1] - xs[0]), dtype=np.float32) + np.float32(xs[0])
    y = (np.arange(round(ys[1] - ys[0]), dtype=np.float32) + np.float32(ys[0]))[:, None]
    return outline(part, x, y)


def outline(part: BeltPart, x: Field, y: Field) -> Field:
    """Signed distance to a part's outline at any places: x and y are px from its centre and broadcast together."""
    cos, sin = math.cos(part.tilt), math.sin(part.tilt)
    u, v = x * cos + y * sin, y * cos - x * sin
    return _spoil(part, u, v, _plate(part, u, v))


def _plate(part: BeltPart, u: Field, v: Field) -> Field:
    import numpy as np

    p = np.abs(u) - np.float32(part.a - part.corner)
    q = np.abs(v) - np.float32(part.b - part.corner)
    outside: Field = np.hypot(np.maximum(p, 0), np.maximum(q, 0))
    return outside + np.minimum(np.maximum(p, q), 0) - np.float32(part.corner)


def _spoil(part: BeltPart, u: Field, v: Field, good: Field) -> Field:
    import numpy as np

    (x, y), (along, across) = part.spot, part.bite
    spoilt = good
    if part.kind == "hole":
        spoilt = np.maximum(good, along - np.hypot(u - x, v - y))
    elif part.kind == "burr":
        spoilt = np.minimum(good, np.hypot(u - x, v - y) - along)
    elif part.kind == "short":
        spoilt = np.maximum(good, math.copysign(1, x) * (u - x) + along)
    elif part.kind == "chip":
        cut = math.copysign(1, x) / along * (u - x) + math.copysign(1, y) / across * (v - y) + 1
        spoilt = np.maximum(good, cut / math.hypot(1 / along, 1 / across))
    return spoilt
