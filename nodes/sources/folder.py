"""A folder of masks in the order of time: images, or labelme's JSON polygons."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from nodes.sources.shots import Picture, Shot, ShotError, picture, polygons, size_of
from pipeline.errors import NodeError
from pipeline.masks import Mask
from pipeline.records import Layer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = {"Y": r"\d{4}", "j": r"\d{3}", "f": r"\d{1,6}"} | dict.fromkeys("ymdHMS", r"\d{2}")
UNNAMED = "mask"


class Stamp(NamedTuple):
    """How a name tells the time.

    Attributes:
        time: As `strptime` has it.
        digits: The text it stands for; numbers have fixed lengths, so that it is found anywhere in a name.
    """

    time: str
    digits: re.Pattern[str]

    def read(self, name: str) -> int | None:
        """The time in a name, UTC nanoseconds; None where there is none."""
        found = self.digits.search(name)
        try:
            when = datetime.strptime(found[0], self.time).replace(tzinfo=UTC) if found else None
        except ValueError:
            return None
        return None if when is None else (when - EPOCH) // timedelta(microseconds=1) * 1000


def shots(folder: Path, files: str, time: str, label: str, threshold: int) -> list[Shot]:
    """The files of a folder and the folders in it, in the order of the times in their names, else of their numbers.

    Args:
        folder: The folder.
        files: Which files: a glob pattern.
        time: How a file's name tells when it was taken, as `strptime` has it; empty where it does not.
        label: Label of all masks; empty: what a JSON file says, or the name of the folder in `folder`.
        threshold: Brighter pixels are set, 0…255.

    Raises:
        NodeError: If there are no such files, or `time` is no such pattern.
    """
    clock = stamp(time) if time else None
    paths = [path for path in folder.glob(files) if path.is_file()]
    if not paths:
        raise NodeError(f"{folder}: expected files '{files}', found {_kinds(folder)}; set `files`")
    found = [_shot(path, path.relative_to(folder).parts, label, threshold) for path in paths]
    if clock:
        found = [_timed(shot, clock) for shot in found]
    return sorted(found, key=lambda shot: (shot.t_ns is None, shot.t_ns or 0, natural(shot.name)))


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """A key that puts `shot-9` before `shot-10`."""
    return tuple((text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name))


def stamp(time: str) -> Stamp:
    """Read a pattern of `strptime`.

    Raises:
        NodeError: If it has letters other than those of dates and times in digits.
    """
    parts = re.split(r"%(.)", time)
    if unknown := [f"%{letter}" for letter in parts[1::2] if letter not in DIGITS]:
        known = " ".join(f"%{letter}" for letter in DIGITS)
        raise NodeError(f"time: expected a pattern of {known} and other text, found {unknown[0]} in '{time}'")
    told = (DIGITS[part] if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return Stamp(time, re.compile("".join(told)))


def _shot(path: Path, inside: tuple[str, ...], label: str, threshold: int) -> Shot:
    if path.suffix.lower() == ".json":
        return Shot("/".join(inside), None, partial(labelme, path, label))
    named = label or (inside[0] if len(inside) > 1 else UNNAMED)
    return Shot("/".join(inside), None, partial(image, path, named, threshold))


def _timed(shot: Shot, clock: Stamp) -> Shot:
    t_ns = clock.read(shot.name)
    return shot._replace(t_ns=t_ns) if t_ns is not None else shot._replace(open=partial(_timeless, clock.time))


def _timeless(time: str) -> Picture:
    raise ShotError(f"expected a time '{time}' in the file's name, found none")


def image(path: Path, label: str, threshold: int) -> Picture:
    """The pixels of an image that are brighter than a threshold.

    Raises:
        ShotError: If it is no image.
        NodeError: If OpenCV is not installed.
    """
    cv2 = _vision()
    try:
        grey = cv2.imdecode(_bytes(path), cv2.IMREAD_GRAYSCALE)
    except cv2.error as error:
        raise ShotError(f"expected an image, but OpenCV says: {error.err}") from error
    if grey is None:
        raise ShotError("expected an image (PNG, BMP, JPEG, TIFF), found something else or a damaged one")
    return picture(grey.shape, [Layer(label, Mask.from_dense(grey > threshold))])


def labelme(path: Path, label: str) -> Picture:
    """The polygons of a labelme file, one layer each.

    Raises:
        ShotError: If it is no such file, or has shapes other than polygons and rectangles.
    """
    import msgspec

    try:
        told = msgspec.json.decode(path.read_bytes())
        size = size_of(told["imageHeight"], told["imageWidth"])
        return picture(size, [Layer(label or str(each["label"]), _shape(size, each)) for each in told["shapes"]])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise ShotError(f"expected a labelme file with imageHeight, imageWidth and shapes: {error!r}") from error


def _shape(size: tuple[int, int], shape: dict[str, Any]) -> Mask:
    kind, points = shape.get("shape_type") or "polygon", shape["points"]
    if kind == "rectangle":
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    elif kind != "polygon":
        raise ShotError(f"expected polygons and rectangles, found a {kind}")
    return polygons(size, [[value for point in points for value in point]])


def _kinds(folder: Path) -> str:
    """What there is instead, most frequent first."""
    kinds = Counter(path.suffix.lower() or "no suffix" for path in folder.rglob("*") if path.is_file())
    return ", ".join(f"{count:,} × {kind}" for kind, count in kinds.most_common(5)) or "none at all"


def _bytes(path: Path) -> Any:
    import numpy as np

    return np.frombuffer(path.read_bytes() or b"\0", np.uint8)


def _vision() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise NodeError(
            "expected OpenCV to read images, found none; install it: pip install 'kensa[vision]'"
        ) from error
    return cv2
