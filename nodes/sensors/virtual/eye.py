"""What a virtual sensor sees of its scene in one frame: a crop, exposed, with noise, in whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes.sensors.virtual.exposure import Exposed
from nodes.sensors.virtual.scene import WHOLE, Scene
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRAINS = 1 << 18  # numbers of noise, made once: a frame takes a stretch of them
IMAGE = (480, 640)  # of the image for people: (height, width)


class Eye:
    """Pixels and the image processor of one sensor.

    Args:
        scene: What lies before it.
        noise: Standard deviation of a pixel, of 255.
        seed: Another seed, other noise.
    """

    def __init__(self, scene: Scene, noise: float, seed: int) -> None:
        self.scene = scene
        self._noise, self._seed = noise, seed
        self._grains: NDArray[np.float32] | None = None

    def crop(self, t_ns: int, frame: int, crop: Roi, size: tuple[int, int], exposed: Exposed) -> NDArray[np.uint8]:
        """What the network is shown: (height, width, 3) RGB."""
        import numpy as np

        light = np.array(exposed.light, np.float32)
        seen = self.scene.picture(t_ns, crop, size) * light
        if self._noise:
            seen += self._grain(frame, seen.size).reshape(seen.shape)
        pixels: NDArray[np.uint8] = np.rint(seen).clip(0, 255).astype(np.uint8)
        return pixels

    def _grain(self, frame: int, count: int) -> NDArray[np.float32]:
        """As much noise as a frame needs, from another place for each."""
        import numpy as np

        if self._grains is None or len(self._grains) < 2 * count:
            dice = np.random.default_rng(self._seed)
            self._grains = dice.standard_normal(max(GRAINS, 2 * count), np.float32) * np.float32(self._noise)
        at = frame * 7919 % (len(self._grains) - count)
        return self._grains[at : at + count]

    def image(self, t_ns: int, frame: int, exposed: Exposed) -> NDArray[np.uint8]:
        """The image for people: the whole array, small."""
        return self.crop(t_ns, frame, WHOLE, IMAGE, exposed)
