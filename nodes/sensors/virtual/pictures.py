"""Photographs before a virtual camera: a folder of images, or a video file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodes.sensors.virtual.scene import WHOLE, resampled
from nodes.sources.folder import natural
from pipeline.errors import NodeError
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


class ImageScene:
    """A folder of images in the order of their names, again and again; each covers the whole array.

    Where an image of the same name lies in the folder `truth` beside them, its bright pixels are the truth.

    Attributes:
        paths: The images.
        period_ns: How long each is shown.
    """

    def __init__(self, folder: Path, period_s: float = 1.0) -> None:
        found = [path for path in folder.glob("*") if path.suffix.lower() in IMAGES and path.is_file()]
        if not found:
            kinds = ", ".join(sorted(IMAGES))
            raise NodeError(f"{folder}: expected a folder with images ({kinds}), found none; set `images` to another")
        self.paths = sorted(found, key=lambda path: natural(path.name))
        self.period_ns = round(period_s * 1e9)
        self._read = lru_cache(maxsize=2)(_image)

    def picture(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.float32]:
        """What is seen of a crop of the image whose turn it is."""
        image = self._read(self._path(t_ns))
        return resampled(image, _box(image, crop), size)

    def truth(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.bool_] | None:
        """The bright pixels of the image in `truth` that has the same name."""
        path = self._path(t_ns)
        known = sorted((path.parent / "truth").glob(f"{path.stem}.*"))
        if not known:
            return None
        image = self._read(known[0])
        bright: NDArray[np.bool_] = resampled(image, _box(image, crop), size).mean(axis=2) > 127.5
        return bright

    def _path(self, t_ns: int) -> Path:
        return self.paths[t_ns // self.period_ns % len(self.paths)]


class VideoScene:
    """A video file, again and again; it covers the whole array. Frames are read forward: going back begins anew.

    Attributes:
        path: The file.
        rate: Frames per second, as the file says.
        frames: How many it has.
    """

    def __init__(self, path: Path) -> None:
        cv2 = _vision()
        self.path, self._video = path, cv2.VideoCapture(str(path))
        self.rate = float(self._video.get(cv2.CAP_PROP_FPS))
        self.frames = int(self._video.get(cv2.CAP_PROP_FRAME_COUNT))
        self._at, self._image = -1, None
        if not self._video.isOpened() or self.frames < 1 or self.rate <= 0:
            raise NodeError(f"{path}: expected a video that OpenCV can read, found none; convert it to MP4 or AVI")

    def picture(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.float32]:
        """What is seen of a crop of the frame whose turn it is."""
        image = self._frame(int(t_ns * self.rate / 1e9 + 1e-6) % self.frames)
        return resampled(image, _box(image, crop), size)

    def truth(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> None:
        """Nobody knows."""

    def _frame(self, number: int) -> Image:
        if number < self._at:
            self._video.release()
            self._video, self._at = _vision().VideoCapture(str(self.path)), -1
        while self._at < number:
            good, image = self._video.read()
            if not good and self._image is None:
                raise NodeError(f"{self.path}: expected {self.frames} frames, found none that can be read")
            self._image = image[..., ::-1] if good else self._image  # files may promise a few frames too many
            self._at += 1
        assert self._image is not None
        return self._image


def _box(image: Image, crop: Roi) -> tuple[float, float, float, float]:
    """A crop in the pixels of an image that covers the array: what sticks out on two sides is not seen."""
    height, width = image.shape[:2]
    scale = min(width / WHOLE.width, height / WHOLE.height)
    left, top = (width - WHOLE.width * scale) / 2, (height - WHOLE.height * scale) / 2
    right, bottom = crop.x + crop.width, crop.y + crop.height
    return left + crop.x * scale, top + crop.y * scale, left + right * scale, top + bottom * scale


def _image(path: Path) -> Image:
    cv2 = _vision()
    import numpy as np

    try:
        found: Any = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise NodeError(f"{path}: expected an image, but OpenCV says: {error.err}") from error
    if found is None:
        raise NodeError(f"{path}: expected an image, found something else or a damaged one")
    return np.ascontiguousarray(found[..., ::-1])


def _vision() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise NodeError(
            "expected OpenCV to show images and videos, found none; install it: pip install 'kensa[vision]'"
        ) from error
    return cv2
