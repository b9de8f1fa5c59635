"""What a virtual camera over a belt shows, told part by part: its verdicts can be judged by it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from nodes.sensors.prompts import Prompts, aims
from nodes.sensors.virtual.belt import HALF, MIDDLE, BeltScene
from nodes.sensors.virtual.setup import Setup, scene
from nodes.sources.belt import BeltPart, TruthPart, made
from pipeline.conversion import convert
from pipeline.records import Roi

MASK = 96  # pixels across, of the network that is built in


def truth(camera: str, **params: Any) -> Iterator[TruthPart] | None:
    """What an `imx500` source shows of its belt in its first session; endless. None where nobody knows.

    Frames are numbered as the source numbers them: the first one that is not thrown away is 0. With several prompts it
    is told for the first, as if each frame were its. A belt that stands still for its parts shows them whole then, in
    frames that are as the one before: what moves there is on its way.

    Args:
        camera: Name of the camera.
        **params: Parameters of the `imx500` node, as its topology gives them.
    """
    setup = convert(params["virtual"], Setup) if params.get("virtual") else None
    looks = scene(setup, camera) if setup and not setup.replay and not setup.images and not setup.video else None
    if not isinstance(looks, BeltScene):
        return None
    crop = aims(convert(params.get("prompts"), Prompts | None))[0].roi
    period = round(1e9 / params.get("rate", 30.0)) / 1e9
    return _parts(looks, crop, period, params.get("discard", 20))


def _parts(looks: BeltScene, crop: Roi, period: float, discard: int) -> Iterator[TruthPart]:
    """Parts in their order; those that had left before the first frame, or pass beside the crop, are left out."""
    for number in itertools.count():
        part = made(looks.belt, number)

        def frame(x: float, part: BeltPart = part) -> float:
            """When a part's centre is at a place of the array."""
            return looks.when(part, x) / period - discard

        told = _seen(part, crop, frame)
        if looks.rest:
            arrives, leaves = frame(MIDDLE), frame(MIDDLE) + looks.rest / period
            told = replace(told, first=max(told.first, math.ceil(arrives) + 1), last=min(told.last, math.floor(leaves)))
        if told.leaves >= 0 and _beside(part, crop) < 0:
            yield told


def _seen(part: BeltPart, crop: Roi, frame: Callable[[float], float]) -> TruthPart:
    """When its edges cross the centres of the outermost pixels; those belong to no whole view."""
    (behind, ahead), half = part.reach, crop.width / MASK / 2
    left, right = crop.x + half, crop.x + crop.width - half
    first, last = math.floor(frame(left + behind)) + 1, math.ceil(frame(right - ahead)) - 1
    return TruthPart(
        number=part.number,
        kind=part.kind,
        enters=max(0, math.ceil(frame(left - ahead))),
        first=max(0, first),
        last=last if _beyond(part, crop) < -half else -1,
        leaves=math.floor(frame(right + behind)),
    )


def _beyond(part: BeltPart, crop: Roi) -> float:
    """How far it reaches over the crop's upper or lower edge; negative where it does not."""
    (above, below), y = part.rise, part.y + HALF
    return max(crop.y - (y - above), y + below - (crop.y + crop.height))


def _beside(part: BeltPart, crop: Roi) -> float:
    """How far the whole of it is above or below the crop; negative where some of it is inside."""
    y = part.y + HALF
    return max(crop.y - (y + part.b), y - part.b - (crop.y + crop.height))
