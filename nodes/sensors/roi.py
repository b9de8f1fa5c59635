"""Which crops an IMX500 takes: what is not legal is refused with all its reasons, never clipped.

The driver clamps each number to 4032 and picamera2 clips to the array; both are silent, and a clipped prompt is no
longer centred. Pure arithmetic in sensor pixels.
"""

from __future__ import annotations

from nodes.sensors.states import SensorError, State
from pipeline.records import Roi

ARRAY = (4056, 3040)  # (width, height) of the pixel array
WIDEST = 4032  # the driver's greatest number for any of x, y, width and height
LEAST = 192  # twice the 96 px of a network's input; what the hardware bears at least is not documented
EVEN = 2  # the sensor bins 2 × 2 in its faster mode


def faults(roi: Roi, aspect: tuple[int, int] = (1, 1)) -> tuple[str, ...]:
    """Everything that is wrong with a crop; nothing where the sensor takes it as it is.

    Args:
        roi: The crop, sensor pixels.
        aspect: (width, height) of the network's input; a crop of another shape would be squeezed.
    """
    return tuple(told for wrong, told in _rules(roi, aspect) if wrong)


def _rules(roi: Roi, aspect: tuple[int, int]) -> list[tuple[bool, str]]:
    x, y, width, height = roi.x, roi.y, roi.width, roi.height
    odd = [name for name in ("x", "y", "width", "height") if getattr(roi, name) % EVEN]
    skew = abs(width * aspect[1] - height * aspect[0]) / max(aspect)
    shape = "square" if aspect[0] == aspect[1] else f"{aspect[0]}:{aspect[1]}"
    least = LEAST * min(aspect) / max(aspect)
    return [
        (min(width, height) < least, f"expected sides of at least {least:.0f} px, found {width} × {height}"),
        (max(width, height) > WIDEST, f"expected sides of at most {WIDEST} px, found {width} × {height}"),
        (x + width > ARRAY[0], f"expected it to end at x = {ARRAY[0]}, found {x} + {width} = {x + width}"),
        (y + height > ARRAY[1], f"expected it to end at y = {ARRAY[1]}, found {y} + {height} = {y + height}"),
        (bool(odd), f"expected even numbers, found odd {', '.join(odd)}"),
        (skew > 1, f"expected it {shape} within 1 px, found {width} × {height}"),
    ]


def check(roi: Roi, state: State, aspect: tuple[int, int] = (1, 1)) -> Roi:
    """The crop itself where it is legal.

    Raises:
        SensorError: With every reason, where it is not.
    """
    if wrong := faults(roi, aspect):
        place = f"ROI {roi.width} × {roi.height} at ({roi.x}, {roi.y})"
        raise SensorError(f"{place}: {'; '.join(wrong)}; the sensor keeps its ROI", state)
    return roi


def whole(aspect: tuple[int, int] = (1, 1)) -> Roi:
    """The largest legal crop of a shape, centred: (508, 0, 3040, 3040) for a square one."""
    scale = min(WIDEST / aspect[0], ARRAY[1] / aspect[1])
    width, height = (int(side * scale) // EVEN * EVEN for side in aspect)
    return Roi((ARRAY[0] - width) // 2 // EVEN * EVEN, (ARRAY[1] - height) // 2 // EVEN * EVEN, width, height)


def centred(x: float, y: float, side: int) -> tuple[int, int, int]:
    """Left, top and side of the square with a point at its centre, within a pixel, even where it leaves the array.

    Args:
        x: Of the point; the centre of the top-left pixel is 0.
        y: Of the point.
        side: Of the square; made even.
    """
    side = side // EVEN * EVEN
    left, top = (round((at + 0.5 - side / 2) / EVEN) * EVEN for at in (x, y))
    return left, top, side


def around(x: float, y: float, side: int) -> Roi | None:
    """The square crop with a point at its centre, within a pixel; None where it would leave the array.

    Args:
        x: Of the point, sensor pixels; the centre of the top-left pixel is 0.
        y: Of the point.
        side: Of the crop; made even.
    """
    left, top, side = centred(x, y, side)
    if left < 0 or top < 0 or left + side > ARRAY[0] or top + side > ARRAY[1]:
        return None
    return Roi(left, top, side, side)


def reach(x: float, y: float) -> int:
    """Side of the largest legal square around a point; it is less than `LEAST` where none is legal at all."""
    half = min(x + 0.5, y + 0.5, ARRAY[0] - x - 0.5, ARRAY[1] - y - 0.5)
    side = min(max(0, int(2 * half)), WIDEST) // EVEN * EVEN
    return next((fit for fit in (side, side - EVEN, side - 2 * EVEN) if fit > 0 and around(x, y, fit)), 0)
