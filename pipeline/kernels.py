"""The native side of masks: hotcoco's run lengths and OpenCV's transpose, used where a process has them loaded."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pipeline import runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Size = tuple[int, int]

SMALL = 1 << 15  # pixels that fit the first-level cache whole
BAND = 64  # rows turned at a time: their cache lines stay in the first-level cache from one column to the next


@cache
def library() -> Any:
    """hotcoco, looked up once: an import statement costs a quarter of an encode."""
    import hotcoco.mask

    return hotcoco.mask


def plain(size: Size, counts: bytes) -> bool:
    """Whether hotcoco, where this process has it, vouches for these run lengths; False says nothing.

    A union with nothing is written anew from the pixels: it equals its input only where that was whole and in its
    one spelling. It costs a tenth of reading the runs here; the size is checked first, since hotcoco trusts it.
    """
    if (merge := _loaded("hotcoco.mask", "merge")) is None:
        return False
    try:
        return bool(merge([{"size": size, "counts": counts}, nothing(size)])["counts"] == counts)
    except ValueError:
        return False


def columns(dense: NDArray[np.bool_]) -> NDArray[np.bool_] | NDArray[np.uint8]:
    """The same pixels, column-major; OpenCV turns them four times as fast as numpy, where it is loaded."""
    if dense.flags.f_contiguous:
        return dense
    if (vision := sys.modules.get("cv2")) and hasattr(vision, "transpose"):
        turned: NDArray[np.uint8] = vision.transpose(dense.view("u1"))
        return turned.T
    return dense.T.copy().T if dense.size <= SMALL else _banded(dense)


def _banded(dense: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A column-major copy, turned in bands of rows: a large copy at once misses the cache at every pixel."""
    import numpy as np

    turned = np.empty(dense.shape[::-1], np.bool_)
    for top in range(0, len(dense), BAND):
        turned[:, top : top + BAND] = dense[top : top + BAND].T
    return turned.T


@lru_cache(maxsize=256)
def nothing(size: Size) -> dict[str, Any]:
    """The run lengths of a mask that has no pixel set, as COCO has them."""
    return {"size": size, "counts": runs.compress([runs.measure(size)])}


def _loaded(module: str, name: str) -> Any:
    """A function of a module that this process has loaded; None where not, or not yet: another thread may be at it."""
    return getattr(sys.modules.get(module), name, None)
