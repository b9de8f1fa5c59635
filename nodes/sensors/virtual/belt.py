"""The belt before a virtual camera: the parts of `nodes.sources.belt`, in sensor pixels and in colours."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from nodes.sensors.virtual.rests import Rests
from nodes.sensors.virtual.scene import WHOLE, places
from nodes.sources.belt import PITCH_JITTER, Belt, BeltPart, count, in_view, made
from nodes.sources.drawing import outline
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

PART, BELT = (196.0, 192.0, 188.0), (60.0, 64.0, 68.0)  # both colours' means are 64 from 128
GRAIN = ((310.0, 0.0, 3.0), (0.0, 430.0, 3.0), (570.0, 690.0, 2.0))  # wavelengths along and across, and strength
HALF = 0.5
MIDDLE = WHOLE.width / 2  # where parts rest, on a belt that stands still for them


class BeltScene:
    """A belt with parts: any crop of it at any time, and the exact truth.

    Attributes:
        belt: Sizes in sensor pixels; `speed` per frame at `rate`.
        rest: How long it stands still whenever the centre of a part is half-way across the array, s; 0 is never.
    """

    def __init__(self, belt: Belt, rest: float = 0.0) -> None:
        self.belt, self.rest = belt, rest
        self._made = lru_cache(maxsize=64)(lambda number: made(belt, number))
        least = (1 - 2 * PITCH_JITTER) * belt.pitch / belt.speed
        self._rests = Rests(lambda number: self._passes(self._made(number), MIDDLE), least, rest * belt.rate)

    def picture(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> Picture:
        """What is seen of a crop: a pixel on an edge is as bright as the share of it that the part covers."""
        import numpy as np

        pixel = math.sqrt(crop.width / size[1] * crop.height / size[0])
        cover = (HALF - self._field(t_ns, crop, size) / np.float32(pixel)).clip(0, 1)[..., None]
        ground = np.array(BELT, np.float32) + self._grain(t_ns, crop, size)[..., None]
        seen: Picture = ground + (np.array(PART, np.float32) - ground) * cover
        return seen

    def truth(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Which pixels' centres are on a part."""
        return self._field(t_ns, crop, size) < 0

    def encoder(self, t_ns: int) -> int | None:
        """What the belt's encoder counts; None where it has none."""
        return count(self.belt, self._frame(t_ns))

    def parts(self, t_ns: int, crop: Roi = WHOLE) -> list[tuple[BeltPart, float, float]]:
        """Parts with their centres in a crop, and those centres, in the array's coordinates."""
        frame = self._frame(t_ns)
        told = [(part, self._x(part, frame), part.y + HALF) for part in map(self._made, in_view(self.belt, frame))]
        inside = range(crop.x, crop.x + crop.width), range(crop.y, crop.y + crop.height)
        return [each for each in told if int(each[1]) in inside[0] and int(each[2]) in inside[1]]

    def _field(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> Picture:
        """Distance to the nearest outline, negative inside; far away it is only known to be far."""
        import numpy as np

        frame = self._frame(t_ns)
        x, y = places(crop, size)
        field = np.full(size, np.inf, np.float32)
        for part in map(self._made, in_view(self.belt, frame)):
            centre, (behind, ahead) = self._x(part, frame), part.reach
            if centre + ahead > crop.x - self._margin(crop, size) and centre - behind < crop.x + crop.width:
                np.minimum(field, outline(part, x - np.float32(centre), y - np.float32(part.y + HALF)), out=field)
        return field

    def _grain(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> Picture:
        """Slow waves in the belt's own brightness, so that a crop without a part can be recognised as well."""
        import numpy as np

        x, y = places(crop, size)
        x = x - np.float32(self.belt.speed * self._frame(t_ns))
        waves = (
            strength * np.sin(math.tau * ((x / along if along else 0) + (y / across if across else 0)))
            for along, across, strength in GRAIN
        )
        return np.asarray(sum(waves), np.float32)

    def when(self, part: BeltPart, x: float) -> float:
        """When a part's centre is at a place of the array, s; where it rests there, when it begins to."""
        return self._rests.clock(self._passes(part, x)) / self.belt.rate

    def _passes(self, part: BeltPart, x: float) -> float:
        """The same in frames of a belt that never rests."""
        return (x - HALF + part.lag) / self.belt.speed

    def _frame(self, t_ns: int) -> float:
        return self._rests.moving(t_ns / 1e9 * self.belt.rate)

    def _x(self, part: BeltPart, frame: float) -> float:
        """A part's centre; the belt counts from the centres of pixels, the array from their edges."""
        return self.belt.speed * frame - part.lag + HALF

    def _margin(self, crop: Roi, size: tuple[int, int]) -> float:
        return crop.width / size[1]


def belt(
    camera: str,
    *,
    seed: int = 0,
    speed: float = 600.0,
    pitch: float = 2000.0,
    length: float = 1000.0,
    defects: float = 0.1,
    pulse: float = 1.0,
) -> Belt:
    """A belt in the sensor's array.

    Args:
        camera: Each camera has a belt of its own.
        seed: Another seed, other parts.
        speed: Sensor pixels per second.
        pitch: Mean distance between parts, sensor px.
        length: Size of a part along the belt, sensor px.
        defects: Share of parts that have a defect.
        pulse: How far it moves in one count of its encoder, sensor px; 0 where it has none.
    """
    return Belt(
        camera=camera,
        seed=seed,
        width=WHOLE.width,
        height=WHOLE.height,
        rate=1.0,
        speed=speed,
        pitch=pitch,
        length=length,
        breadth=1.5 * length,
        defects=defects,
        specks=0,
        rough=0,
        pulse=pulse,
    )
