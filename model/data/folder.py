"""Folders of pictures and of masks: a mask belongs to the picture of the same name."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from model.data.sample import DataError, Look, Sample, Thing, read_mask, read_picture, shown
from model.prompt import Mask
from nodes.sensors.virtual.pictures import IMAGES

LEAST = 16  # px² of an object
KEPT = 8


class Piece(NamedTuple):
    """An object of a mask file: which files, and which component of it; 0 is all of them."""

    picture: Path
    mask: Path
    number: int


class Folder:
    """Objects of mask files.

    Attributes:
        pieces: What there is, by name of file.

    Args:
        images: Folder of the pictures.
        masks: Folder of the masks: what is not black is meant. It may be the same folder, where the two differ in how
            they end.
        kind: What the objects are.
        look: How objects are prompted.
        apart: Whether each connected piece is an object, or everything in a picture is one.
        least: Smaller objects are left out, px².

    Raises:
        DataError: If there are no such pairs, or if nothing is left of them.
    """

    def __init__(
        self, images: Path, masks: Path, kind: str = "object", look: Look | None = None, *, apart: bool = True,
        least: int = LEAST,
    ) -> None:  # fmt: skip
        self._kind, self._look = kind, look or Look()
        self._labels = lru_cache(maxsize=KEPT)(_labelled)
        self._picture = lru_cache(maxsize=KEPT)(read_picture)
        pairs = _pairs(images, masks)
        self.pieces = [Piece(*pair, number) for pair in pairs for number in self._numbers(pair[1], apart, least)]
        if not self.pieces:
            raise DataError(f"{masks}: expected masks with objects of at least {least} px², found only smaller ones")

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self.pieces)

    def sample(self, index: int, dice: np.random.Generator) -> Sample:
        """An object, prompted."""
        piece = self.pieces[index]
        labels, stats, middles = self._labels(piece.mask)
        picture = self._picture(piece.picture)
        if picture.shape[:2] != labels.shape:
            sizes = [f"{shape[1]} × {shape[0]} px" for shape in (picture.shape, labels.shape)]
            raise DataError(f"{piece.mask}: expected a mask of {sizes[0]}, as its picture is, found {sizes[1]}")
        others = [tuple(middles[each]) for each in range(1, len(stats)) if piece.number not in (0, each)]
        return shown(picture, Thing(self._kind, self.mask(index), others), self._look, dice)

    def mask(self, index: int) -> Mask:
        """The pixels of an object, (H, W)."""
        piece = self.pieces[index]
        labels = self._labels(piece.mask)[0]
        found: Mask = labels == piece.number if piece.number else labels > 0
        return found

    def _numbers(self, mask: Path, apart: bool, least: int) -> list[int]:
        areas = self._labels(mask)[1][1:, cv2.CC_STAT_AREA]
        if not apart:
            return [0] if areas.sum() >= least else []
        return [int(each) + 1 for each in np.flatnonzero(areas >= least)]


def _labelled(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components of a mask by number, with their statistics and their middles."""
    _, labels, stats, middles = cv2.connectedComponentsWithStats(read_mask(path).view(np.uint8), connectivity=8)
    return labels, stats, middles


def _pairs(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Pictures with their masks; a picture without one holds nothing that could be learned."""
    known = {path.stem: path for path in sorted(masks.glob("*.png"))}
    found = [path for path in sorted(images.glob("*")) if path.suffix.lower() in IMAGES and path not in known.values()]
    pairs = [(path, known[path.stem]) for path in found if path.stem in known]
    if not pairs:
        raise DataError(
            f"{images} and {masks}: expected pictures, and masks as PNG with the same names, "
            f"found {len(found)} and {len(known)}, and no two that belong together"
        )
    return pairs
