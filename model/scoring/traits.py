"""What masks look like, whether or not anybody knows what was meant: to compare with those of another network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import msgspec
import numpy as np

from model.data.sample import DataError
from model.prompt import Mask
from pipeline import masks
from pipeline.errors import MaskError


class Traits(NamedTuple):
    """What one mask looks like.

    Attributes:
        area: Share of the crop that it covers.
        pieces: Connected ones.
        holes: In them.
        rough: Length of its outline over that of a disc of the same area; an empty mask has 0.
        centred: 1 where the pixel in the middle is inside: a prompt asks for it.
        touching: 1 where it reaches the edge of the crop.
    """

    area: float
    pieces: float
    holes: float
    rough: float
    centred: float
    touching: float


def traits(mask: Mask) -> Traits:
    """What a mask looks like, (H, W)."""
    padded = np.pad(mask, 1).view(np.uint8)
    pieces = cv2.connectedComponents(padded, connectivity=8)[0] - 1
    holes = cv2.connectedComponents(1 - padded, connectivity=4)[0] - 2
    area, (height, width) = int(mask.sum()), mask.shape
    length = _length(padded)
    rim = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    rough = length / math.sqrt(4 * math.pi * area) if area else 0.0
    return Traits(area / mask.size, pieces, holes, rough, float(mask[height // 2, width // 2]), float(rim))


def compared(sets: dict[str, Sequence[Mask]]) -> str:
    """A line for each set of masks: means of what they look like, and the spread of their area."""
    titles = " ".join(f"{each:>8}" for each in Traits._fields[1:])
    wide = max(map(len, ("masks", *sets)))
    lines = [f"{'masks':{wide}} {'count':>6} {'area':>6} {'5 … 95 %':>14} {titles}"]
    for name, members in sets.items():
        values = np.array([traits(mask) for mask in members])
        low, high = np.percentile(values[:, 0], [5, 95])
        area = f"{values[:, 0].mean():6.3f} {f'{low:.3f} … {high:.3f}':>14}"
        rest = " ".join(f"{mean:8.2f}" for mean in values[:, 1:].mean(0))
        lines.append(f"{name:{wide}} {len(members):6} {area} {rest}")
    return "\n".join(lines)


def read(path: Path) -> list[Mask]:
    """The masks of a list of COCO results.

    Raises:
        DataError: If it is none.
    """
    try:
        told = msgspec.json.decode(path.read_bytes(), type=list[dict[str, object]])
        found = [masks.Mask.from_coco(each["segmentation"]).dense for each in told]  # type: ignore[arg-type]
    except (OSError, msgspec.DecodeError, KeyError, MaskError) as error:
        why = f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: expected a list of COCO results with masks; {why}") from error
    if not found:
        raise DataError(f"{path}: expected a list of COCO results with masks, found an empty one")
    return found


def _length(padded: np.ndarray) -> float:
    """Of all outlines, by Crofton's formula: how often lines in four directions cross them."""
    counts: Iterable[tuple[float, np.ndarray, np.ndarray]] = (
        (1.0, padded[1:], padded[:-1]),
        (1.0, padded[:, 1:], padded[:, :-1]),
        (math.sqrt(0.5), padded[1:, 1:], padded[:-1, :-1]),
        (math.sqrt(0.5), padded[1:, :-1], padded[:-1, 1:]),
    )
    return math.pi / 8 * sum(weight * float((one != other).sum()) for weight, one, other in counts)
