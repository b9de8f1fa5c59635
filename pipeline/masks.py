"""Masks: which pixels belong to something, dense or as COCO run lengths, converted lazily and once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from pipeline import kernels, runs
from pipeline.errors import MaskError
from pipeline.runs import MAX_PIXELS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MAX_PIXELS", "Mask", "Rle", "Side", "difference", "intersection", "iou", "ious", "union"]

SHORT = 24  # characters of run lengths that Python judges as fast as it calls a library

Size = tuple[int, int]
Side = Annotated[int, Meta(ge=0, le=MAX_PIXELS)]


class Rle(Struct, frozen=True):
    """A mask as it travels: what a decoder reads before it is checked; typed, so nothing else is ever built.

    Attributes:
        size: (height, width), px.
        counts: COCO compressed run lengths, column-major.
    """

    size: tuple[Side, Side]
    counts: bytes


class Mask:
    """A binary mask of a fixed size; immutable, equal where its pixels are.

    Holds the form it was made from and derives the other on first use. numpy and hotcoco are imported only when
    pixels are asked for: a process that passes masks on loads neither.
    """

    __slots__ = ("_counts", "_dense", "_size")

    def __init__(self, size: Size, dense: NDArray[np.bool_] | None, counts: bytes | None) -> None:
        self._size = size
        self._dense = dense
        self._counts = counts

    @classmethod
    def from_dense(cls, pixels: NDArray[Any]) -> Mask:
        """A mask of every pixel that is not zero.

        Args:
            pixels: (H, W), bool, integer or float, any memory order; copied, so it may be written to afterwards.

        Raises:
            MaskError: If it is not a two-dimensional array of numbers or holds more than `MAX_PIXELS`.
        """
        shape = pixels.shape
        if len(shape) != 2 or pixels.dtype.kind not in "biuf":
            raise MaskError(f"expected an array (H, W) of numbers, found {pixels.dtype} {shape}")
        runs.measure(shape)
        dense = pixels.astype("?")
        dense.setflags(write=False)
        return cls((shape[0], shape[1]), dense, None)

    @classmethod
    def from_counts(cls, size: Size, counts: bytes) -> Mask:
        """A mask of COCO compressed run lengths, column-major, as pycocotools writes them.

        Args:
            size: (height, width), px.
            counts: Compressed run lengths; empty runs and padded numbers are allowed and disappear.

        Raises:
            MaskError: If they do not describe exactly height × width pixels.
        """
        if len(counts) < SHORT and runs.settled(size, counts):
            return cls(size, None, counts)
        return cls(size, None, counts if kernels.plain(size, counts) else runs.canonical(size, counts))

    @classmethod
    def from_runs(cls, size: Size, lengths: Sequence[int]) -> Mask:
        """A mask of COCO uncompressed run lengths: background first, down the columns.

        Args:
            size: (height, width), px.
            lengths: Run lengths, px; empty runs are allowed and disappear.

        Raises:
            MaskError: If they are not whole numbers that describe exactly height × width pixels.
        """
        return cls(size, None, runs.flatten(size, lengths))

    @classmethod
    def from_coco(cls, segmentation: Mapping[str, Any]) -> Mask:
        """A mask of a COCO segmentation: `size`, and `counts` as text, bytes or a list of run lengths.

        Raises:
            MaskError: If it has no such keys or does not describe exactly height × width pixels.
        """
        match segmentation:
            case {"size": [int(height), int(width)], "counts": str() | bytes() as counts}:
                return cls.from_counts((height, width), _encoded(counts))
            case {"size": [int(height), int(width)], "counts": [*lengths]}:
                return cls.from_runs((height, width), lengths)
        raise MaskError("expected a segmentation {size: [height, width], counts: …} of run lengths")

    @classmethod
    def empty(cls, size: Size) -> Mask:
        """A mask of this size that has no pixel set."""
        return cls(size, None, kernels.nothing(size)["counts"])

    @property
    def size(self) -> Size:
        """(height, width), px."""
        return self._size

    @property
    def dense(self) -> NDArray[np.bool_]:
        """The pixels: (H, W) bool, read-only, in the memory order it was made in; column-major off the wire."""
        if self._dense is None:
            dense = kernels.library().decode(_coco(self)).view("?")
            dense.setflags(write=False)
            self._dense = dense
        return self._dense

    @property
    def counts(self) -> bytes:
        """COCO compressed run lengths, column-major: the bytes pycocotools writes for the same pixels."""
        if self._counts is None:
            self._counts = kernels.library().encode(kernels.columns(self.dense))["counts"]
        return self._counts

    @property
    def runs(self) -> list[int]:
        """COCO uncompressed run lengths, px: background first, down the columns."""
        return runs.parse(self.counts)

    @property
    def area(self) -> int:
        """Number of pixels that are set."""
        if self._dense is not None:
            import numpy as np

            return int(np.count_nonzero(self._dense))
        return int(kernels.library().area(_coco(self)))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(x, y, width, height) of the smallest upright box around what is set, px; zeros where nothing is."""
        x, y, width, height = kernels.library().to_bbox(_coco(self)).tolist()
        return int(x), int(y), int(width), int(height)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and self._size == other._size and self.counts == other.counts

    def __hash__(self) -> int:
        return hash((self._size, self.counts))

    def __reduce__(self) -> tuple[Any, ...]:
        return Mask.from_counts, (self._size, self.counts)

    def __repr__(self) -> str:
        return f"Mask({self._size[0]}×{self._size[1]}, {self.area} px)"


def union(first: Mask, *others: Mask) -> Mask:
    """The pixels that are set in any of them.

    Raises:
        MaskError: If their sizes differ.
    """
    masks = _alike(first, *others)
    return _fold("logical_or", masks) if _all_dense(masks) else _merged(masks, intersect=False)


def intersection(first: Mask, *others: Mask) -> Mask:
    """The pixels that are set in all of them.

    Raises:
        MaskError: If their sizes differ.
    """
    masks = _alike(first, *others)
    return _fold("logical_and", masks) if _all_dense(masks) else _merged(masks, intersect=True)


def difference(first: Mask, second: Mask) -> Mask:
    """The pixels that are set in the first and not in the second.

    Raises:
        MaskError: If their sizes differ.
    """
    return _fold("greater", _alike(first, second))


def iou(first: Mask, second: Mask) -> float:
    """Pixels set in both over pixels set in either, 0…1; 0 where neither has any.

    Raises:
        MaskError: If their sizes differ.
    """
    return float(ious([first], [second])[0, 0])


def ious(rows: Sequence[Mask], columns: Sequence[Mask]) -> NDArray[np.float64]:
    """The `iou` of every pair, float64 (rows, columns).

    Raises:
        MaskError: If their sizes differ.
    """
    import numpy as np

    if not rows or not columns:
        return np.zeros((len(rows), len(columns)))
    _alike(*rows, *columns)
    found = kernels.library().iou([*map(_coco, rows)], [*map(_coco, columns)], [False] * len(columns))
    return np.asarray(found, np.float64)


def _encoded(counts: str | bytes) -> bytes:
    return counts if isinstance(counts, bytes) else counts.encode(errors="surrogatepass")


def _coco(mask: Mask) -> dict[str, Any]:
    return {"size": mask.size, "counts": mask.counts}


def _alike(*masks: Mask) -> tuple[Mask, ...]:
    for mask in masks:
        if mask.size != masks[0].size:
            raise MaskError(f"expected masks of one size, found {masks[0].size} and {mask.size}")
    return masks


def _all_dense(masks: tuple[Mask, ...]) -> bool:
    return all(mask._dense is not None for mask in masks)  # noqa: SLF001 - its own module


def _fold(ufunc: str, masks: tuple[Mask, ...]) -> Mask:
    import numpy as np

    folded = reduce(getattr(np, ufunc), [mask.dense for mask in masks])
    folded.setflags(write=False)
    return Mask(masks[0].size, folded, None)


def _merged(masks: tuple[Mask, ...], *, intersect: bool) -> Mask:
    return Mask(masks[0].size, None, kernels.library().merge([*map(_coco, masks)], intersect)["counts"])
