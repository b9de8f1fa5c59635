"""A belt that exists only as arithmetic: which part is where at which frame, and what is wrong with it.

Part `n` of a camera is a pure function of (seed, camera, n), so that the picture and the ground
truth are drawn from the same numbers, and any frame can be drawn without those before it.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

Kind = Literal["good", "hole", "chip", "short", "burr"]
Shape = Literal["plate", "disc"]
DEFECTS: tuple[Kind, ...] = ("hole", "chip", "short", "burr")
PITCH_JITTER = 0.1


class Belt(Struct, frozen=True, kw_only=True):
    """Everything the synthetic source can be told; its defaults are the node's.

    Attributes:
        camera: Each camera has a belt of its own, where no name of one is given.
        seed: Another seed, other parts.
        width: Width of the view, px.
        height: Height of the view, px.
        rate: Frames per second.
        frames: Frames until the end; 0 is endless.
        speed: How far the belt moves in a frame, px; parts enter on the left.
        pitch: Mean distance between parts, px.
        length: Size of a good part along the belt, px; a disc's diameter.
        breadth: Size of a good part across the belt, px; not used for discs.
        shape: What a good part looks like.
        defects: Share of parts that have a defect, 0…1.
        specks: Mean number of flipped spots per frame.
        rough: Standard deviation of the edge, px.
        belt: Name of a belt: cameras that give the same see the same parts.
        station: How far along that belt the camera stands, px.
        pulse: How far the belt moves in one count of its encoder, px; 0 where it has none.
    """

    camera: str
    seed: int = 0
    width: int = 96
    height: int = 96
    rate: float = 30.0
    frames: int = 0
    speed: float = 4.0
    pitch: float = 60.0
    length: float = 32.0
    breadth: float = 48.0
    shape: Shape = "plate"
    defects: float = 0.1
    specks: float = 3.0
    rough: float = 0.3
    belt: str = ""
    station: float = 0.0
    pulse: float = 0.0


class BeltPart(Struct, frozen=True):
    """One part as it was made: half sizes in px, `lag` is how far it is behind the belt's origin.

    Attributes:
        number: Its place in the order of parts, from 0.
        kind: `good`, or what is wrong with it.
        lag: Its centre is at x = speed × frame − lag.
        y: Its centre across the belt, px from the top.
        a: Half its length along the belt, px.
        b: Half its breadth, px.
        corner: Radius of its corners, px; equal to `a` for a disc.
        tilt: Rotation, radians.
        spot: Where the defect is, from the centre in the part's own axes, px.
        bite: Size of the defect, (along, across) in px.
    """

    number: int
    kind: Kind
    lag: float
    y: float
    a: float
    b: float
    corner: float
    tilt: float
    spot: tuple[float, float] = (0.0, 0.0)
    bite: tuple[float, float] = (0.0, 0.0)

    @property
    def reach(self) -> tuple[float, float]:
        """Distance from the centre to its leftmost and its rightmost point, px; both positive."""
        cos, sin = abs(math.cos(self.tilt)), abs(math.sin(self.tilt))
        straight = (self.a - self.corner) * cos + (self.b - self.corner) * sin + self.corner
        x = self.spot[0] * math.cos(self.tilt) - self.spot[1] * math.sin(self.tilt)
        if self.kind == "burr":
            return max(straight, self.bite[0] - x), max(straight, self.bite[0] + x)
        if self.kind == "short":
            cut = straight - self.bite[0] * cos
            return (cut, straight) if x < 0 else (straight, cut)
        return straight, straight

    @property
    def rise(self) -> tuple[float, float]:
        """Distance from the centre to its uppermost and its lowest point, px; both positive."""
        cos, sin = abs(math.cos(self.tilt)), abs(math.sin(self.tilt))
        straight = (self.a - self.corner) * sin + (self.b - self.corner) * cos + self.corner
        y = self.spot[0] * math.sin(self.tilt) + self.spot[1] * math.cos(self.tilt)
        if self.kind == "burr":
            return max(straight, self.bite[0] - y), max(straight, self.bite[0] + y)
        return straight, straight


class TruthPart(Struct, frozen=True):
    """What a perfect inspector would know about one part.

    Attributes:
        number: Its place in the order of parts, from 0; parts leave in this order.
        kind: `good`, or what is wrong with it.
        enters: First frame that shows any of it.
        first: First frame that shows the whole of it.
        last: Last frame that shows the whole of it; less than `first` where no frame does.
        leaves: Last frame that shows any of it.
    """

    number: int
    kind: Kind
    enters: int
    first: int
    last: int
    leaves: int

    @property
    def views(self) -> int:
        """Number of frames that show the whole of it."""
        return max(0, self.last - self.first + 1)


def truth(camera: str, **params: Any) -> Iterator[TruthPart]:
    """What the synthetic source shows, told part by part; endless where `frames` is 0.

    Args:
        camera: Name of the camera.
        **params: Parameters of the `synthetic` node, as its topology gives them.

    Yields:
        Every part that some frame shows; frames after the last one are cut off.

    Raises:
        TypeError: If there is no such parameter.
    """
    belt = Belt(camera=camera, **params)
    for number in itertools.count():
        part = _seen(belt, made(belt, number))
        if belt.frames and part.enters >= belt.frames:
            return
        yield part


def made(belt: Belt, number: int) -> BeltPart:
    """The part with this number, as it was made."""
    dice = random.Random(f"{belt.seed}/{belt.belt or belt.camera}/{number}")  # noqa: S311 - a picture, not a secret
    place = number + dice.uniform(-PITCH_JITTER, PITCH_JITTER)
    kind = dice.choice(DEFECTS) if dice.random() < belt.defects else "good"
    a = belt.length / 2 * dice.uniform(0.985, 1.015)
    b = belt.breadth / 2 * dice.uniform(0.985, 1.015) if belt.shape == "plate" else a
    part = BeltPart(
        number=number,
        kind=kind,
        lag=place * belt.pitch + belt.length + belt.station,
        y=(belt.height - 1) / 2 + dice.uniform(-0.03, 0.03) * belt.height,
        a=a,
        b=b,
        corner=0.12 * min(a, b) if belt.shape == "plate" else a,
        tilt=math.radians(dice.uniform(-1.0, 1.0)),
    )
    return _spoilt(part, dice)


def count(belt: Belt, frame: float) -> int | None:
    """What the belt's encoder counts at a frame; None where it has none."""
    return math.floor(belt.speed * frame / belt.pulse) if belt.pulse else None


def in_view(belt: Belt, frame: float) -> range:
    """Numbers of the parts that a frame may show; a few too many rather than one too few."""
    ahead = belt.speed * frame - belt.length - belt.station
    slack = belt.length + PITCH_JITTER * belt.pitch
    first = math.floor((ahead - belt.width - slack) / belt.pitch)
    last = math.ceil((ahead + slack) / belt.pitch)
    return range(max(0, first), max(0, last + 1))


def _seen(belt: Belt, part: BeltPart) -> TruthPart:
    """When its edges cross the edges of the view; the outermost pixels belong to no whole view."""
    behind, ahead = part.reach
    edge, speed = belt.width - 1, belt.speed
    end = belt.frames - 1 if belt.frames else math.inf
    return TruthPart(
        number=part.number,
        kind=part.kind,
        enters=max(0, math.ceil((part.lag - ahead) / speed)),
        first=max(0, math.floor((part.lag + behind) / speed) + 1),
        last=int(min(end, math.ceil((part.lag + edge - ahead) / speed) - 1)),
        leaves=int(min(end, math.floor((part.lag + edge + behind) / speed))),
    )


def _spoilt(part: BeltPart, dice: random.Random) -> BeltPart:
    """The part with its defect placed: sizes are shares of the part, small ones as likely as large ones."""
    short = min(part.a, part.b)
    side = (dice.choice((-1, 1)), dice.choice((-1, 1)))
    spot, bite = (0.0, 0.0), (0.0, 0.0)
    if part.kind == "hole":
        radius = short * dice.uniform(0.08, 0.25)
        room = (0.6 * short - radius, 0.6 * short - radius)
        spot, bite = (dice.uniform(-1, 1) * room[0], dice.uniform(-1, 1) * room[1]), (radius, radius)
    elif part.kind == "chip":
        # The corner of a disc's box is empty: a cut that reaches the disc must be larger.
        low, high = (0.6, 1.2) if part.corner < part.a else (0.9, 1.4)
        bite = short * dice.uniform(low, high), short * dice.uniform(low, high)
        spot = part.a * side[0], part.b * side[1]
    elif part.kind == "short":
        spot, bite = (part.a * side[0], 0.0), (part.a * dice.uniform(0.2, 0.6), 0.0)
    elif part.kind == "burr":
        spot, bite = _rim(part, dice), (radius := short * dice.uniform(0.2, 0.45), radius)
    return replace(part, spot=spot, bite=bite)


def _rim(part: BeltPart, dice: random.Random) -> tuple[float, float]:
    """A place on the outline."""
    if part.corner == part.a:
        turn = dice.uniform(0, 2 * math.pi)
        return part.a * math.cos(turn), part.a * math.sin(turn)
    along, sign = dice.uniform(-0.7, 0.7), dice.choice((-1, 1))
    return (along * part.a, sign * part.b) if dice.random() < 0.5 else (sign * part.a, along * part.b)
