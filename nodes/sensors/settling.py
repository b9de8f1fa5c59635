"""Measure how a camera obeys a change of crop: how many frames show the old one, and whether one shows a mixture.

Two crops of different places and sizes take turns. After each change, every frame's input tensor is compared with the
image as either crop would show it. A change is written at any point of a frame, so that many are looked at, each
begun at a moment of its own.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from nodes.sensors import tensors
from nodes.sensors.roi import ARRAY, EVEN
from nodes.sensors.sensor import Epoch, Sensed, Sensor
from nodes.sensors.views import ahead, likeness, mixtures
from pipeline.clock import Clock
from pipeline.errors import KensaError
from pipeline.records import Roi

Showed = Literal["new", "old", "torn"]
LONGEST = 30  # frames that are waited for a crop to be obeyed
IDLE = 4  # frames between two changes, at most: else both keep step with whatever loses frames regularly
UNCLEAR = 2  # changes after which it was never clear what was shown: more of them, and the scene is too plain
SURE = 3  # frames of the new crop, one after the other, that end a change
SPARE = 4  # changes, and three times those wanted, that are begun in vain at most: one that is unclear says nothing
PLAIN = (
    "expected what the network is shown to be like one crop of the image and no other, found it like {found}: let the "
    "camera look at something still, bright, in focus and full of different things, such as the page of `kensa camera "
    "calibrate-roi --sheet page.png`"
)
SLOW = (
    "{tries} changes of crop were begun, and in {lost} of them frames that matter were missing or unclear: lower the "
    "rate to what the network can do (`--rate`), stop what else works on this host, and let the camera look at "
    "something still, bright and full of different things, such as a printed page"
)
DEAF = f"the crop was not obeyed within {LONGEST} frames; open the camera again"


class Watched(Sensor, Protocol):
    """A sensor, and what it waits by."""

    @property
    def clock(self) -> Clock:
        """Its time."""


class Change(NamedTuple):
    """How one change of crop was obeyed.

    Attributes:
        frames: Exposed after it was written, before the first of the new crop.
        torn: How many of those showed a mixture of both.
    """

    frames: int
    torn: int


class Found(NamedTuple):
    """What many changes say.

    Attributes:
        frames: The most frames before the first of the new crop.
        p95: As many were enough in 95 of 100.
        torn: Changes with a frame that showed a mixture.
        changes: How many there were.
    """

    frames: int
    p95: int
    torn: int
    changes: int


def summed(changes: Sequence[Change]) -> Found:
    """What many changes say."""
    frames = sorted(change.frames for change in changes)
    p95 = frames[math.ceil(0.95 * len(frames)) - 1]
    return Found(frames[-1], p95, sum(change.torn > 0 for change in changes), len(changes))


def crops(aspect: tuple[int, int] = (1, 1)) -> tuple[Roi, Roi]:
    """Two crops of different sizes at different places; no mixture of them leaves the array.

    Args:
        aspect: (width, height) of the network's input.
    """
    return _crop(aspect, 0.53, 0.1), _crop(aspect, 0.39, 0.6)


def _crop(aspect: tuple[int, int], share: float, place: float) -> Roi:
    """A crop that is about such a share of the whole view, and of the very shape of the network's input."""
    unit = tuple(EVEN * side // math.gcd(*aspect) for side in aspect)
    count = max(1, int(share * min(room / side for room, side in zip(ARRAY, unit, strict=True))))
    width, height = (count * side for side in unit)
    x, y = (int((room - side) * place) // EVEN * EVEN for room, side in zip(ARRAY, (width, height), strict=True))
    return Roi(x, y, width, height)


def measure(
    sensor: Watched, pair: tuple[Roi, Roi], changes: int, told: Callable[[int, Change], Any], dice: random.Random
) -> list[Change]:
    """Change the crop so often, and see what follows.

    Args:
        sensor: It streams, with images and input tensors.
        pair: The two crops; the sensor shows the first.
        changes: How many changes are wanted.
        told: Called with the number of each, from 1, and what it was like.
        dice: When in a frame a change is begun.

    Raises:
        KensaError: If nothing can be measured, with what to do.
    """
    found: list[Change] = []
    frames, now = sensor.frames(), 0
    unclear: list[str] = []
    _settled(frames, pair)
    tries = 4 * changes + SPARE
    for _ in range(tries):
        change = _changed(sensor, frames, (pair[now], pair[1 - now]), IDLE * dice.random())
        if isinstance(change, Change):
            found.append(change)
            told(len(found), change)
        elif change:
            unclear.append(change)
        if len(unclear) > UNCLEAR:
            raise KensaError(PLAIN.format(found=unclear[-1]))
        now = 1 - now
        if len(found) == changes:
            return found
    raise KensaError(SLOW.format(tries=tries, lost=tries - len(found)))


def _settled(frames: Iterator[Sensed], pair: tuple[Roi, Roi]) -> None:
    """See that the two crops can be told apart before anything is changed."""
    for _ in range(LONGEST):
        sensed = _next(frames)
        if (like := _likenesses(sensed, {"the old": pair[0], "the new": pair[1]})) is not None:
            if like["the new"] >= like["the old"] or not ahead(like, "the new"):
                raise KensaError(PLAIN.format(found=_told(like)))
            return
    raise KensaError(f"{LONGEST} frames came without an inference; look at `kensa camera info` of this camera")


def _changed(sensor: Watched, frames: Iterator[Sensed], pair: tuple[Roi, Roi], moment: float) -> Change | str:
    """Change the crop and watch; else what was never clear, or nothing where a frame that matters is missing."""
    period = 0
    for _ in range(1 + int(moment)):
        period = _next(frames).metadata["FrameDuration"] * 1000
    sensor.clock.wait_until(sensor.clock.now_ns() + round(moment % 1 * period))
    epoch = sensor.set_roi(pair[1], "new")
    showed: dict[int, Showed] = {}  # by how many frames after the change; those that say nothing are left out
    change = None
    for lag, like in _after(frames, epoch, *pair):
        if like is not None and (showed_now := _showed(like)) is not None:
            showed[lag] = showed_now
        if (change := _obeyed(showed)) is not None:
            break
        if lag >= LONGEST:
            if showed.get(lag) == "old":
                raise KensaError(DEAF)
            return _told(like or {})
    return change if change and change.frames in {0, *(lag + 1 for lag in showed)} else ""


def _showed(like: dict[str, float]) -> Showed | None:
    """What a frame shows; None where that is not clear. One that is only certain not to be new is old."""
    best = max(like, key=lambda name: like[name])
    if best == "the new":
        return "new" if all(ahead(like, other) for other in like if other != best) else None
    if not ahead(like, "the new"):
        return None
    return "torn" if best != "the old" and ahead(like, "the old") else "old"


def _obeyed(showed: dict[int, Showed]) -> Change | None:
    """The change, as soon as enough frames of the new crop have come; None before that."""
    before = [lag for lag, what in showed.items() if what != "new"]
    after = [lag for lag in showed if lag > max(before, default=-1)]
    if len(after) < SURE:
        return None
    return Change(min(after), sum(showed[lag] == "torn" for lag in before))


def _after(frames: Iterator[Sensed], epoch: Epoch, old: Roi, new: Roi) -> Iterator[tuple[int, dict[str, float] | None]]:
    """The frames that were exposed after a change was written, numbered from 0, with what they are like."""
    candidates = {"the new": new, "the old": old, **mixtures(old, new)}
    while True:
        sensed = _next(frames)
        since = sensed.metadata["SensorTimestamp"] - epoch.written_ns
        if since >= 0:
            yield since // (sensed.metadata["FrameDuration"] * 1000), _likenesses(sensed, candidates)


def _likenesses(sensed: Sensed, candidates: dict[str, Roi]) -> dict[str, float] | None:
    """How much a frame's input is like each crop; None where it has none."""
    seen = tensors.seen(sensed.metadata)
    if seen is None or not seen.pixels or sensed.image is None or sensed.inference is None:
        return None
    image, metadata = sensed.image, sensed.metadata
    return {name: likeness(seen, image, metadata, crop) for name, crop in candidates.items()}


def _next(frames: Iterator[Sensed]) -> Sensed:
    sensed = next(frames, None)
    if sensed is None:
        raise KensaError("the stream ended before everything was measured")
    return sensed


def _told(like: dict[str, float]) -> str:
    names = {name: f"{name} crop" if name.startswith("the ") else "a mixture" for name in like}
    return ", ".join(f"{names[name]} by {100 * share:.0f} %" for name, share in like.items()) or "nothing"
