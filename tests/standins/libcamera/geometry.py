"""libcamera's integer geometry, operation by operation as `geometry.cpp` computes it."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """A corner."""

    x: int = 0
    y: int = 0

    def __neg__(self) -> Point:
        return Point(-self.x, -self.y)


class Size:
    """Width and height; picamera2 adds `to_tuple`."""

    def __init__(self, width: int = 0, height: int = 0) -> None:
        self.width, self.height = _whole(width, height)

    def bounded_to_aspect_ratio(self, ratio: Size) -> Size:
        """The largest size of that ratio within this one."""
        mine, theirs = self.width * ratio.height, ratio.width * self.height
        if mine > theirs:
            return Size(theirs // ratio.height, self.height)
        return Size(self.width, mine // ratio.width)

    def centered_to(self, centre: Point) -> Rectangle:
        """A rectangle of this size around a point."""
        return Rectangle(centre.x - self.width // 2, centre.y - self.height // 2, self.width, self.height)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and (self.width, self.height) == (other.width, other.height)

    def __hash__(self) -> int:
        return hash((self.width, self.height))


class Rectangle:
    """Left, top, width and height; picamera2 adds `to_tuple`."""

    def __init__(self, *numbers: int) -> None:
        x, y, width, height = (0, 0, *numbers) if len(numbers) == 2 else numbers or (0, 0, 0, 0)
        self.x, self.y, self.width, self.height = _whole(x, y, width, height)

    @property
    def topLeft(self) -> Point:  # noqa: N802 - libcamera's name
        """The corner."""
        return Point(self.x, self.y)

    @property
    def size(self) -> Size:
        """Without the place."""
        return Size(self.width, self.height)

    @property
    def center(self) -> Point:
        """The middle, rounded down."""
        return Point(self.x + self.width // 2, self.y + self.height // 2)

    def bounded_to(self, other: Rectangle) -> Rectangle:
        """What lies in both."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        return Rectangle(left, top, max(right - left, 0), max(bottom - top, 0))

    def enclosed_in(self, other: Rectangle) -> Rectangle:
        """Shrunk and moved until it lies inside."""
        width, height = min(self.width, other.width), min(self.height, other.height)
        x = min(max(self.x, other.x), other.x + other.width - width)
        y = min(max(self.y, other.y), other.y + other.height - height)
        return Rectangle(x, y, width, height)

    def scaled_by(self, numerator: Size, denominator: Size) -> Rectangle:
        """Each number times a ratio, towards zero."""
        across, down = (numerator.width, denominator.width), (numerator.height, denominator.height)
        return Rectangle(
            *(
                int(value * over / under) if value < 0 else value * over // under
                for value, (over, under) in zip(
                    (self.x, self.y, self.width, self.height), (across, down, across, down), strict=True
                )
            )
        )

    def translated_by(self, by: Point) -> Rectangle:
        """Moved."""
        return Rectangle(self.x + by.x, self.y + by.y, self.width, self.height)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rectangle) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.x, self.y, self.width, self.height))


def _whole(*numbers: int) -> tuple[int, ...]:
    """pybind11 takes whole numbers alone: numpy's too, floats never."""
    if any(isinstance(number, float) for number in numbers):
        raise TypeError(f"incompatible constructor arguments: {numbers}")
    return tuple(map(int, numbers))
