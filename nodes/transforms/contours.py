"""Outer borders of regions: Freeman's chain code, and the pixels that it walks over.

H. Freeman, "On the encoding of arbitrary geometric configurations", IRE Transactions EC-10 (1961); with y down, ways
are counted clockwise on a screen: 0 is to the right, 2 is down.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.errors import MaskError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RIGHT = (1, 1, 0, -1, -1, -1, 0, 1)
DOWN = (0, 1, 1, 1, 0, -1, -1, -1)
HEAD = struct.Struct("<II")


def packed(x: int, y: int, code: bytes) -> bytes:
    """A border as a region carries it.

    Args:
        x: Column of the region's first pixel, down the columns.
        y: Its row.
        code: A way for each step, clockwise, until the walk is at the first pixel again.
    """
    return HEAD.pack(x, y) + code


def points(contour: bytes) -> NDArray[np.int64]:
    """The pixels that a border walks over: (n, 2) x and y of their centres, each step once, the first pixel first.

    Raises:
        MaskError: If it is no contour.
    """
    import numpy as np

    if len(contour) < HEAD.size or any(way > 7 for way in contour[HEAD.size :]):
        raise MaskError(f"expected a contour of a region, found {len(contour)} bytes that are none")
    ways = np.frombuffer(contour, np.uint8, offset=HEAD.size)[:-1]
    steps = np.stack([np.array(RIGHT)[ways], np.array(DOWN)[ways]], axis=1)
    return np.concatenate([[HEAD.unpack_from(contour)], HEAD.unpack_from(contour) + steps.cumsum(axis=0)])


def chain(border: NDArray[Any]) -> bytes:
    """The chain code of a border as OpenCV walks it: against the clock, from any pixel on.

    Args:
        border: (n, 2) x and y of pixels, each a neighbour of the next, and the last of the first.
    """
    import numpy as np

    if len(border) < 2:
        return b""
    walk = border[::-1]
    moves = np.roll(walk, -1, axis=0) - walk
    ways = _ways()[moves[:, 1] + 1, moves[:, 0] + 1]
    # It may pass its first pixel several times: it begins with the way that comes first, clockwise, from above left.
    first = np.lexsort(((ways - 5) % 8, walk[:, 1], walk[:, 0]))[0]
    return bytes(np.roll(ways, -first))


@cache
def _ways() -> NDArray[np.uint8]:
    """The way to each neighbour by its row and column, of three each."""
    import numpy as np

    ways = np.zeros((3, 3), np.uint8)
    ways[np.array(DOWN) + 1, np.array(RIGHT) + 1] = range(8)
    return ways
