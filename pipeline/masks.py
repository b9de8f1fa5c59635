"""Masks: which pixels belong to something, dense or as COCO run lengths, converted lazily and once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.errors import MaskError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_PIXELS = 1 << 24


class Mask:
    """A binary mask of a fixed size; immutable.

    Holds the form it was made from and derives the other on first use. numpy is
    imported only when pixels are asked for: a process that passes masks on never loads it.
    """

    __slots__ = ("_counts", "_dense", "size")

    def __init__(self, size: tuple[int, int], dense: NDArray[np.bool_] | None, counts: bytes | None) -> None:
        self.size = size
        self._dense = dense
        self._counts = counts

    @classmethod
    def from_dense(cls, pixels: NDArray[Any]) -> Mask:
        """A mask of every pixel that is not zero.

        Args:
            pixels: (H, W), bool or any integer dtype, any memory order; never written to afterwards.

        Raises:
            MaskError: If it is not two-dimensional or larger than `MAX_PIXELS`.
        """
        import numpy as np

        if pixels.ndim != 2:
            raise MaskError(f"expected an array (H, W), got shape {pixels.shape}")
        dense = pixels.astype(bool, copy=True)
        dense.flags.writeable = False
        return cls((int(np.int64(dense.shape[0])), dense.shape[1]), dense, None)

    @classmethod
    def from_counts(cls, size: tuple[int, int], counts: bytes) -> Mask:
        """A mask of COCO compressed run lengths (column-major, as pycocotools writes them).

        Args:
            size: (height, width), px.
            counts: Compressed run lengths.

        Raises:
            MaskError: If they do not describe exactly height × width pixels.
        """
        return cls(size, None, counts)

    @property
    def dense(self) -> NDArray[np.bool_]:
        """The pixels: (H, W) bool, read-only."""
        import hotcoco.mask as rle

        if self._dense is None:
            self._dense = rle.decode({"size": list(self.size), "counts": self._counts}).view(bool)
            self._dense.flags.writeable = False
        return self._dense

    @property
    def counts(self) -> bytes:
        """COCO compressed run lengths, bit-exact with pycocotools."""
        import hotcoco.mask as rle

        if self._counts is None:
            self._counts = rle.encode(self._dense)["counts"]
        assert self._counts is not None
        return self._counts

    @property
    def area(self) -> int:
        """Number of pixels that are set."""
        import hotcoco.mask as rle

        return int(rle.area({"size": list(self.size), "counts": self.counts}))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and self.size == other.size and self.counts == other.counts

    def __hash__(self) -> int:
        return hash((self.size, self.counts))

    def __repr__(self) -> str:
        return f"Mask({self.size[0]}×{self.size[1]}, {self.area} px)"
