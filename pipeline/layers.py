"""What a sensor shows in one exposure: layers of a mask, the scores behind it, the crop it was seen in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from pipeline.fields import Name, Nat
from pipeline.masks import Mask, Rle, Side

if TYPE_CHECKING:
    Pixels = Mask
else:
    # A decoder reads a typed struct here, and `_settle` makes the mask of it: a type that msgspec does not know
    # would be read as anything at all, and 4 MB of empty lists would become 300 MB of objects.
    Pixels = Rle


class Roi(Struct, frozen=True):
    """The rectangle of the sensor that the network saw, in sensor pixels; the prompt is this crop."""

    x: Nat
    y: Nat
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]


class Scores(Struct, frozen=True):
    """What the network said before any threshold: quantised logits, as the sensor gives them.

    Attributes:
        size: (height, width) in px.
        data: int8, row-major, height × width bytes; score = (value − zero_point) × scale.
        scale: Logits per step; a positive score is inside.
        zero_point: The value that means a score of 0.
    """

    size: tuple[Side, Side]
    data: Annotated[bytes, Meta(max_length=1 << 24)]
    scale: float
    zero_point: int = 0


class Layer(Struct, frozen=True):
    """One mask of a frame: what was found for one label.

    Attributes:
        label: What the pixels mean: `part`, `pit`, …
        mask: The pixels.
        score: Confidence of the whole mask, 0…1.
        scores: The logits behind the mask, where the sensor sent them.
    """

    label: Name
    mask: Pixels
    score: float = 1.0
    scores: Scores | None = None

    def __post_init__(self) -> None:
        if type(self.mask) is not Mask:
            settle(self)


def settle(holder: Any) -> None:
    """Make the mask of what a decoder read."""
    force_setattr(holder, "mask", Mask.from_counts(holder.mask.size, holder.mask.counts))
