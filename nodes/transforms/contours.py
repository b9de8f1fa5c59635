"""Outer borders of regions: Freeman's chain code, and the pixels that it walks over.

H. Freeman, "On the encoding of arbitrary geometric configurations", IRE Transactions EC-10 (1961); with y down, ways
are counted clockwise on a screen: 0 is to the right, 2 is down.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from nodes.transforms.components import vision
from pipeline.errors import MaskError
from pipeline.masks import Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RIGHT = (1, 1, 0, -1, -1, -1, 0, 1)
DOWN = (0, 1, 1, 1, 0, -1, -1, -1)


def contour(mask: Mask) -> NDArray[np.int64]:
    """The outer border of a region: (n, 2) x and y of its outermost pixels, clockwise on a screen, each step once.

    It begins with the first pixel, down the columns. It does not travel: whoever has the mask has it.

    Raises:
        MaskError: If the mask shows anything but one piece.
        NodeError: If OpenCV is not installed.
    """
    import numpy as np

    cv2, around = vision(), mask.dense.view("u1")
    borders, _ = cv2.findContours(np.pad(around, 1), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if len(borders) != 1:
        raise MaskError(f"expected the mask of one region, found {len(borders)} pieces")
    border = borders[0].reshape(-1, 2) - 1
    first = border[np.lexsort((border[:, 1], border[:, 0]))[0]]
    return points((int(first[0]), int(first[1])), chain(border))


def points(first: tuple[int, int], code: bytes) -> NDArray[np.int64]:
    """The pixels that a walk passes: (n, 2) x and y of their centres, each step once.

    Args:
        first: x and y of the pixel where it begins.
        code: A way for each step, until it is there again.
    """
    import numpy as np

    ways = np.frombuffer(code, np.uint8)[:-1]
    steps = np.stack([np.array(RIGHT)[ways], np.array(DOWN)[ways]], axis=1)
    return np.concatenate([[first], first + steps.cumsum(axis=0)])


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
