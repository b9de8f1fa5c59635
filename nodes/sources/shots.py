"""Pictures that were taken earlier: each may turn out to be unreadable, none of them ends the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.errors import KensaError, MaskError
from pipeline.masks import Mask, union
from pipeline.records import Frame, Gap, Layer, Timing

Size = tuple[int, int]
MOST_LAYERS = 256


class ShotError(KensaError):
    """A picture that cannot be read as masks."""


class Picture(NamedTuple):
    """What one picture shows: its size (height, width), px, and a layer per thing or label."""

    size: Size
    layers: tuple[Layer, ...]


class Shot(NamedTuple):
    """A picture that has not been opened yet.

    Attributes:
        name: What people call it: a file's name, an image's id.
        t_ns: When it was taken, UTC nanoseconds, where that is known.
        open: Reads it; raises `ShotError`, `MaskError` or `OSError` where it can't be read.
    """

    name: str
    t_ns: int | None
    open: Callable[[], Picture]


def develop(shots: Iterable[Shot], camera: str, session: str, now: Callable[[], int]) -> Iterator[Frame | Gap]:
    """A frame per shot; a gap, and a warning in the log, for one that cannot be read.

    Args:
        shots: In the order in which they were taken.
        camera: Name of the camera.
        session: Name of the session.
        now: Gives the time of a shot that does not know its own.
    """
    for seq, shot in enumerate(shots):
        t_ns, timing = _time(shot, now)
        try:
            size, layers = shot.open()
        except (ShotError, MaskError, OSError) as error:
            yield skipped(camera, session, seq, t_ns, file=shot.name, error=str(error))
        else:
            yield Frame(camera=camera, session=session, seq=seq, t_ns=t_ns, size=size, layers=layers, timing=timing)


def _time(shot: Shot, now: Callable[[], int]) -> tuple[int, Timing]:
    return (now(), "arrival") if shot.t_ns is None else (shot.t_ns, "wall")


def skipped(camera: str, session: str, seq: int, t_ns: int, **why: str) -> Gap:
    """What stands in place of a frame that could not be read; the log tells why."""
    import structlog

    structlog.get_logger().warning("picture skipped", camera=camera, session=session, seq=seq, **why)
    return Gap(camera=camera, session=session, seq=seq, t_ns=t_ns, last=seq, reason="malformed", where="recording")


def picture(size: Size, layers: Iterable[Layer]) -> Picture:
    """A picture whose masks fit.

    Raises:
        ShotError: If a mask has another size, or there are too many of them.
    """
    kept = tuple(layers)
    if odd := next((layer for layer in kept if layer.mask.size != size), None):
        raise ShotError(f"expected masks of {size[0]}×{size[1]} px, found one of {'×'.join(map(str, odd.mask.size))}")
    if len(kept) > MOST_LAYERS:
        raise ShotError(f"expected at most {MOST_LAYERS} masks in a picture, found {len(kept)}")
    return Picture(size, kept)


def size_of(height: Any, width: Any) -> Size:
    """A size that a mask can have.

    Raises:
        ShotError: If these are not whole numbers.
        MaskError: If that is too large.
    """
    if not all(isinstance(side, int | float) and float(side).is_integer() for side in (height, width)):
        raise ShotError(f"expected height and width in whole px, found {height!r} and {width!r}")
    return Mask.empty((int(height), int(width))).size


def polygons(size: Size, outlines: Sequence[Any]) -> Mask:
    """The pixels inside any of some polygons, as pycocotools fills them.

    Args:
        size: (height, width), px.
        outlines: x, y, x, y, … of each polygon, px.

    Raises:
        ShotError: If one has fewer than three corners, or a corner far outside the picture.
    """
    import hotcoco.mask as rle

    for outline in outlines:
        _check(size, outline)
    height, width = size
    found = rle.fr_py_objects([[float(v) for v in outline] for outline in outlines], height, width)
    return union(*(Mask.from_counts(size, each["counts"]) for each in found)) if found else Mask.empty(size)


def _check(size: Size, outline: Any) -> None:
    """Corners far outside would cost time and memory in proportion to their distance."""
    if not isinstance(outline, list) or len(outline) < 6 or len(outline) % 2:
        raise ShotError("expected polygons of at least three corners: x, y, x, y, …")
    for values, side in ((outline[::2], size[1]), (outline[1::2], size[0])):
        if not all(isinstance(v, int | float) and math.isfinite(v) and -side <= v <= 2 * side for v in values):
            raise ShotError(f"expected corners in or near the picture of {size[0]}×{size[1]} px, found others")
