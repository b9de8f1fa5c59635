"""What a topology says about a device of modlib."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from pipeline.node import Flaw
from pipeline.records import Name
from pipeline.units import Rate, Url

Stored = Annotated[str, Meta(description="a file or a folder", extra={"beside": True})]
Output = Annotated[int, Meta(ge=0, le=15, description="number")]
Logit = Annotated[float, Meta(description="logits")]
Side = Annotated[int, Meta(ge=1, le=4096, description="px")]
Share = Annotated[float, Meta(ge=0, le=1, description="0…1")]
Crop = Annotated[tuple[Share, Share, Share, Share], Meta(description="[left, top, width, height], 0…1 each")]
Size = Annotated[tuple[Side, Side], Meta(description="[width, height], px")]
Id = Annotated[int, Meta(ge=0, le=254, description="number")]
Labels = Annotated[dict[Name, Id], Meta(min_length=1, max_length=255, description="number of each label, 0 to 254")]
Colours = Literal["RGB", "BGR"]
Masks = Literal["scores", "classes"]

PART = {"part": 0}


class Triton(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Triton smart camera (IMX501), on this host's network.

    Attributes:
        network: Its network, `network.fpk`.
        info: What belongs to it, `fpk_info.dat`.
        input: Size of what the network reads.
        outputs: Size of each of its outputs.
        rate: Frames per second.
        crop: What of the sensor the network sees; left out, the middle, in the shape of `input`.
        output: Which output is the mask, from 0.
        masks: What its numbers are: `scores`, of which those above `threshold` are number 0; or `classes`, a number for
            each pixel, of which 0 is the background.
        threshold: A score above it is inside.
        colours: The order in which the network reads colours.
    """

    network: Stored
    info: Stored
    input: Size
    outputs: Annotated[tuple[Size, ...], Meta(min_length=1, max_length=16)]
    rate: Rate = 30.0
    crop: Crop | None = None
    output: Output = 0
    masks: Masks = "scores"
    threshold: Logit = 0.0
    colours: Colours = "RGB"


class Playback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recording of modlib.

    Attributes:
        path: The file, as modlib's recorder writes it in JSON; pickles are not read, since they may run anything.
    """

    path: Stored


class Interpreter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network that runs in an interpreter server for modlib; pictures come from this host.

    Attributes:
        endpoint: Where the server answers.
        images: A folder of images, shown in the order of their names.
        video: A video file instead.
        init: What the server is told to begin with, such as which network it should load; its manual says what.
        output: Which output is the mask, from 0.
        masks: What its numbers are: `scores`, of which those above `threshold` are number 0; or `classes`, a number for
            each pixel, of which 0 is the background.
        threshold: A score above it is inside.
        colours: The order in which the network reads colours.
        mean: What is taken from each colour, 0…255, before the network reads it.
        deviation: What it is then divided by.
        planes: Whether colours are planes (channels first), else pixels (channels last).
    """

    endpoint: Url
    images: Stored = ""
    video: Stored = ""
    init: dict[str, Any] = {}
    output: Output = 0
    masks: Masks = "scores"
    threshold: Logit = 0.0
    colours: Colours = "RGB"
    mean: float = 0.0
    deviation: Annotated[float, Meta(gt=0)] = 255.0
    planes: bool = True


class Device(Struct, frozen=True):
    """The one device that a source has; as it is told the process that opens it."""

    triton: Triton | None = None
    playback: Playback | None = None
    interpreter: Interpreter | None = None

    @property
    def name(self) -> str:
        """Which of them it is."""
        return next(name for name in self.__struct_fields__ if getattr(self, name) is not None)


def flaws(device: Device, labels: Mapping[str, int] | None) -> Iterator[Flaw]:
    """Everything that types cannot say is wrong."""
    named = [name for name in device.__struct_fields__ if getattr(device, name) is not None]
    if len(named) != 1:
        got = " and ".join(f"`{name}`" for name in named) or "none of them"
        yield Flaw((), f"expected one of `triton`, `playback` and `interpreter`, got {got}")
    if (server := device.interpreter) and bool(server.images) == bool(server.video):
        got = "both" if server.images else "neither"
        yield Flaw(("interpreter",), f"expected one of `images` and `video`, got {got}")
    yield from numbered(labels)


def numbered(labels: Mapping[str, int] | None) -> Iterator[Flaw]:
    """Labels that have the same number: nobody could tell them apart."""
    taken: dict[int, str] = {}
    for label, number in (labels or {}).items():
        if number in taken:
            text = f"expected a number of its own, got {number}, which is that of '{taken[number]}'"
            yield Flaw(("labels", label), text)
        taken.setdefault(number, label)
