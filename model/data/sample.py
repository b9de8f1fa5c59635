"""What a network learns from and is judged by: a crop of a picture, and which of its pixels are meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Protocol

import cv2
import numpy as np
from msgspec import Meta, Struct

from model.prompt import SIDE, Crop, Mask, Pixels, box_of, crop_of, cut, cut_mask, jittered, point_of
from nodes.sensors.prompts import MARGIN, Box, Prompt
from pipeline.errors import KensaError


class DataError(KensaError):
    """Pictures or masks that cannot be learned from."""


class Sample(NamedTuple):
    """A crop with its mask.

    Attributes:
        picture: (96, 96, 3) RGB.
        mask: (96, 96); what is meant.
        kind: What it is: a category, or a kind of defect.
        area: Of the whole object, in pixels of the picture that it was cut from.
        rivals: Other objects whose centre is in the crop.
        box: (x, y, width, height) in the crop that the prompt was made of; of a point, one pixel.
    """

    picture: Pixels
    mask: Mask
    kind: str
    area: int
    rivals: int
    box: tuple[float, float, float, float]


class Source(Protocol):
    """Samples by number; a pure function of the number and of the chance that is given."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def sample(self, index: int, dice: np.random.Generator) -> Sample:
        """One of them.

        Args:
            index: From 0.
            dice: Decides how carelessly the prompt is drawn.
        """
        ...


class Look(Struct, frozen=True, forbid_unknown_fields=True):
    """How a prompt is made of an object.

    Attributes:
        prompt: `box`: its box with a margin, squared; `point`: a click with a crop of a fixed side.
        margin: How many times the longer side of the box the crop is wide.
        size: Side of the crop around a point, px of the picture.
        jitter: How carelessly a box is drawn, as a share of its sides.
    """

    prompt: Literal["box", "point"] = "box"
    margin: Annotated[float, Meta(ge=1, le=20)] = MARGIN
    size: Annotated[int, Meta(ge=8, le=4032)] = SIDE
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.1

    def box(self, mask: Mask, dice: np.random.Generator) -> Box:
        """The box that somebody draws around an object, or the pixel that is clicked."""
        return jittered(box_of(mask), self.jitter, dice) if self.prompt == "box" else (*point_of(mask), 1, 1)

    def crop(self, box: Box) -> Crop:
        """Where the network looks for it."""
        if self.prompt == "point":
            return crop_of(Prompt(point=box[:2], size=self.size))
        return crop_of(Prompt(box=box, margin=self.margin))


class Thing(NamedTuple):
    """An object of a picture.

    Attributes:
        kind: What it is.
        mask: (H, W); its pixels.
        others: (x, y), centres of other objects.
    """

    kind: str
    mask: Mask
    others: Sequence[tuple[float, float]] = ()


def shown(picture: Pixels, thing: Thing, look: Look, dice: np.random.Generator) -> Sample:
    """An object of a picture as a network is shown it.

    Args:
        picture: (H, W, 3) RGB.
        thing: What is meant.
        look: How it is prompted.
        dice: Where the chance comes from.
    """
    box = look.box(thing.mask, dice)
    crop = look.crop(box)
    rivals = sum(_inside(crop, *each) for each in thing.others)
    seen, meant = cut(picture, crop), cut_mask(thing.mask, crop)
    return Sample(seen, meant, thing.kind, int(thing.mask.sum()), rivals, inside(box, crop))


def inside(box: Box, crop: Crop) -> tuple[float, float, float, float]:
    """A box in the pixels of a crop as a network sees it."""
    scale = SIDE / crop.side
    return (box[0] - crop.left) * scale, (box[1] - crop.top) * scale, box[2] * scale, box[3] * scale


def read_picture(path: Path) -> Pixels:
    """A picture file as (H, W, 3) RGB.

    Raises:
        DataError: If it is none.
    """
    return np.ascontiguousarray(_read(path, cv2.IMREAD_COLOR)[..., ::-1])


def read_mask(path: Path) -> Mask:
    """Every pixel of a picture file that is not black, (H, W).

    Raises:
        DataError: If it is none.
    """
    found = _read(path, cv2.IMREAD_UNCHANGED)
    bright: Mask = found.reshape(*found.shape[:2], -1)[..., :3].max(axis=-1) > 0
    return bright


def _read(path: Path, how: int) -> Pixels:
    try:
        found = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), how)
    except OSError as error:
        raise DataError(f"{path}: expected a picture, found none: {error.strerror}") from error
    except cv2.error as error:
        raise DataError(f"{path}: expected a picture, but OpenCV says: {error.err}") from error
    if found is None:
        raise DataError(f"{path}: expected a picture, found something else or a damaged one")
    return np.asarray(found, np.uint8)


def _inside(crop: Crop, x: float, y: float) -> bool:
    return 0 <= x - crop.left < crop.side and 0 <= y - crop.top < crop.side
