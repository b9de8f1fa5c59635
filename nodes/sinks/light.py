"""How bright what a network is shown is: the mean of its crop, in pictures that a topology lets leave a camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes.sensors.brightness import brightness
from nodes.transforms.components import vision
from pipeline.notices import board
from pipeline.records import Frame, Image, Roi, Summary

if TYPE_CHECKING:
    from pipeline.batch.sampling import Sample

MEASURE = "brightness"  # as the card has it


class Light:
    """Brightness, camera by camera. Frames tell it themselves, or where their network looked; then pictures do.

    Args:
        least: So many pictures are a summary.
    """

    def __init__(self, least: int) -> None:
        self._least = max(1, least)
        self._sessions: dict[str, str] = {}
        self._crops: dict[str, dict[str, Roi]] = {}
        self._told: set[str] = set()
        self._open: dict[str, tuple[int, Sample]] = {}

    def look(self, frame: Frame) -> Summary | None:
        """Where a network looked, by prompt, and how bright that was, where the frame says so.

        What was known of an earlier session is forgotten. From a frame on that tells its brightness, pictures of its
        session say nothing more.

        Returns:
            As `take`.
        """
        if self._sessions.get(frame.camera) != frame.session:
            self._sessions[frame.camera], self._crops[frame.camera] = frame.session, {}
            self._told.discard(frame.camera)
        if frame.roi and frame.epoch != "settling":
            self._crops[frame.camera][frame.prompt] = frame.roi
        if frame.reading is None or frame.reading.brightness is None:
            return None
        self._told.add(frame.camera)
        return self._add(frame.camera, frame.reading.brightness)

    def take(self, image: Image) -> Summary | None:
        """Add a picture, unless nobody has told where in it the network looks.

        Returns:
            What is known of as many as make a summary, and nothing of those before; None until there are so many.

        Raises:
            NodeError: If OpenCV is not installed.
        """
        if image.camera in self._told:
            return None
        known = self._crops.get(image.camera, {}) if image.session == self._sessions.get(image.camera) else {}
        roi = known.get(image.prompt)
        level = level_of(image, roi) if roi else None
        return None if level is None else self._add(image.camera, level)

    def _add(self, camera: str, level: float) -> Summary | None:
        from pipeline.batch.sampling import Sample

        count, sample = self._open.pop(camera, (0, Sample()))
        sample.add(level)
        if count + 1 < self._least:
            self._open[camera] = count + 1, sample
            return None
        return sample.finish("", MEASURE)


def level_of(image: Image, roi: Roi) -> float | None:
    """The mean of what a picture shows of a crop of the sensor, 0…255; None where it shows nothing of it.

    A picture that cannot be read is left out, and a notice says so.
    """
    import numpy as np

    cv2, key = vision(), f"drift {image.camera} picture"
    pixels = cv2.imdecode(np.frombuffer(image.data or b"\0", np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        said = f"expected {image.format}, found something else or a damaged one"
        board.raise_(key, f"{image.camera}: the picture of frame {image.seq}: {said}; its brightness is left out")
        return None
    board.settle(key)
    return brightness(pixels, roi, image.roi)
