"""What a network was shown beside the image of the same frame: which crop was it? Pure.

A sensor never says which crop a mask is of. But it can send what its network was shown, and the image shows the whole
array: so the image is resampled as each crop would show it, and the one that looks most like it was it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nodes.sensors.geometry import box_to_image
from nodes.sensors.sensor import Metadata
from nodes.sensors.tensors import Seen
from nodes.sensors.virtual.scene import resampled
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.float32]

LIKE = 0.5  # correlation from which two pictures show the same
AHEAD = 0.1  # by which the best crop must be better than the next one


def shown(seen: Seen) -> tuple[Grey, Grey]:
    """What a network was shown, in grey, (H, W) float32: its numbers read as unsigned, and as signed.

    Nothing in the metadata says which they are; read wrongly, a picture is torn at middle grey and is like no crop.

    Args:
        seen: With its pixels.
    """
    import numpy as np

    planes = np.frombuffer(seen.pixels, np.uint8).reshape(seen.shape)
    return planes.mean(axis=0, dtype=np.float32), (planes ^ 0x80).mean(axis=0, dtype=np.float32)


def cut(image: NDArray[np.uint8], metadata: Metadata, crop: Roi, size: tuple[int, int]) -> Grey:
    """A crop of the array as its image shows it, in another size: (height, width, 3) float32, 0…255.

    Args:
        image: (H, W, 3) uint8.
        metadata: Of its frame: `ScalerCrop` says what of the array it shows.
        crop: Sensor pixels.
        size: (height, width) wanted, px.
    """
    x, y, width, height = metadata["ScalerCrop"]
    sides = image.shape[1], image.shape[0]
    left, top, across, down = box_to_image(Roi(x, y, width, height), sides, (crop.x, crop.y, crop.width, crop.height))
    return resampled(image, (left, top, left + across, top + down), size)


def view(image: NDArray[np.uint8], metadata: Metadata, crop: Roi, size: tuple[int, int]) -> Grey:
    """What a network would be shown of a crop, in grey: (height, width) float32; arguments as for `cut`."""
    found: Grey = cut(image, metadata, crop, size).mean(axis=2)
    return found


def correlation(one: Grey, other: Grey) -> float:
    """How alike two pictures are: normalised cross-correlation, −1…1; 0 where one of them is all alike."""
    import numpy as np

    a, b = (each - each.mean() for each in (one, other))
    power = float(np.sqrt((a * a).sum(dtype=np.float64) * (b * b).sum(dtype=np.float64)))
    return float((a * b).sum(dtype=np.float64)) / power if power else 0.0


def likeness(seen: Seen, image: NDArray[np.uint8], metadata: Metadata, crop: Roi) -> float:
    """How much what a network was shown is like a crop of the image: correlation, −1…1."""
    wanted = view(image, metadata, crop, (seen.shape[1], seen.shape[2]))
    return max(correlation(read, wanted) for read in shown(seen))


def ahead(likenesses: Mapping[str, float], other: str) -> bool:
    """Whether the crop that is most like what was shown is clearly more like it than another one."""
    best = max(likenesses.values())
    return best >= LIKE and best - likenesses[other] >= AHEAD * (1 - likenesses[other])


def mixtures(old: Roi, new: Roi) -> dict[str, Roi]:
    """What a frame may show that came between the four writes of a crop: x, y, width and height, in this order."""
    return {
        "x": Roi(new.x, old.y, old.width, old.height),
        "x, y": Roi(new.x, new.y, old.width, old.height),
        "x, y, width": Roi(new.x, new.y, new.width, old.height),
    }
