"""The JSON in which Sony's modlib writes frames, both ways and without modlib: a `Frame` a line, masks as `Segments`.

A `Segments` is one image of ids, uint8, 255 being the background, packed with gzip and written as base64. Ours equals
what modlib 1.5 writes, bit for bit, but for the time inside gzip's header: there it has the time of writing, ours the
time of exposure, so that the same record always gives the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from pipeline.conversion import convert
from pipeline.errors import NodeError
from pipeline.masks import Mask
from pipeline.records import Frame, Layer, Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BACKGROUND = 255
GZIP = 31  # zlib's word for a window of 32 KiB in gzip's wrapping
ANY_SYSTEM = 255  # in gzip's header, as Python writes it


class View(Struct, frozen=True):
    """A region of interest as modlib has it: shares of the view, 0…1."""

    left: float
    top: float
    width: float
    height: float


class Told(Struct, frozen=True):
    """What we read of a frame of modlib; its picture is never looked at.

    Attributes:
        timestamp: The host's clock when modlib parsed it, ISO 8601, as a rule without a time zone.
        width: Of the view, px.
        height: Of the view, px.
        detections: What its network found, in the JSON of `detection_type`.
        detection_type: Which kind of result that is.
        new_detection: Whether it is of this frame; else it is that of an earlier one, attached again.
        roi: What the network saw of the view.
        frame_count: A number of the frame, where there is one; of some devices it is always 0.
    """

    timestamp: str
    width: int
    height: int
    new_detection: bool
    detections: Any = None
    detection_type: str | None = None
    roi: View | None = None
    frame_count: int | None = None


class _Segments(Struct, frozen=True):
    mask: str
    mask_shape: tuple[int, int]
    compensated: bool = msgspec.field(default=False, name="_roi_compensated")


class Found(Struct, frozen=True):
    """The masks of a frame.

    Attributes:
        size: (height, width), px.
        layers: One for each id that was found, in the order of ids.
        compensated: Whether they are of the whole view, and no more of the region of interest.
    """

    size: tuple[int, int]
    layers: tuple[Layer, ...]
    compensated: bool


class InterchangeError(Exception):
    """JSON that is no frame with masks."""


_told = msgspec.json.Decoder(Told).decode


def told(line: bytes | msgspec.Raw) -> Told:
    """Read a frame of modlib.

    Raises:
        InterchangeError: If it is none.
    """
    try:
        return _told(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InterchangeError(f"expected a frame of modlib, found {error}") from error


def found(frame: Told, names: Mapping[int, str]) -> Found:
    """The masks of a frame.

    Args:
        frame: With a detection of its own.
        names: Label of each id; an id without one is its own label.

    Raises:
        InterchangeError: If they are not what `Segments` writes.
        MaskError: If they are larger than a mask can be.
    """
    if frame.detection_type != "Segments":
        raise InterchangeError(f"expected masks (Segments), found {frame.detection_type or 'no detections at all'}")
    try:
        said = convert(frame.detections, _Segments)
    except msgspec.ValidationError as error:
        raise InterchangeError(f"expected masks (Segments), found {error}") from error
    ids = _unpacked(said)
    layers = tuple(Layer(names.get(each, str(each)), Mask.from_dense(ids == each)) for each in _present(ids))
    return Found(said.mask_shape, layers, said.compensated)


def _unpacked(said: _Segments) -> NDArray[np.uint8]:
    """The image of ids; what unpacks to more than its shape says is not unpacked."""
    import numpy as np

    height, width = Mask.empty(said.mask_shape).size
    try:
        data = zlib.decompressobj(GZIP).decompress(base64.b64decode(said.mask, validate=True), height * width + 1)
    except (zlib.error, binascii.Error, ValueError) as error:
        raise InterchangeError(f"expected a mask in gzip and base64, found {error}") from error
    if len(data) != height * width:
        raise InterchangeError(f"expected a mask of {height}×{width} px, found one of another length")
    return np.frombuffer(data, np.uint8).reshape(height, width)


def _present(ids: NDArray[np.uint8]) -> list[int]:
    import numpy as np

    return [each for each in np.unique(ids).tolist() if each != BACKGROUND]


def frame(record: Frame, ids: Mapping[str, int], array: tuple[int, int]) -> bytes:
    """A record as modlib's recorder writes a frame: one line, without its end, and without a picture.

    A crop that settles has no masks here, as if its inference were late: modlib cannot say that they are doubtful.

    Args:
        record: The frame.
        ids: Id of each label; where layers lie upon one another, the label that stands later here is seen.
        array: (width, height) of the sensor, in whose pixels `record.roi` is.

    Raises:
        NodeError: If a label has no id.
    """
    height, width = record.size
    detections = None if record.epoch == "settling" else segments(drawn(record, ids), record.t_ns // 1_000_000_000)
    said = {
        "timestamp": _iso(record.t_ns),
        "image": None,
        "image_type": "input_tensor",
        "width": width,
        "height": height,
        "channels": 3,
        "detections": detections,
        "detection_type": detections and "Segments",
        "new_detection": detections is not None,
        "fps": 0.0,
        "dps": 0.0,
        "color_format": "RGB",
        "roi": _share(record.roi, array),
        "frame_count": record.seq,
    }
    return json.dumps(said).encode()


def _iso(t_ns: int) -> str:
    seconds, rest = divmod(t_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000).isoformat()


def drawn(record: Frame, ids: Mapping[str, int]) -> NDArray[np.uint8]:
    """All layers of a frame as one image of ids, (H, W) uint8.

    Raises:
        NodeError: If a label has no id.
    """
    import numpy as np

    order = {label: place for place, label in enumerate(ids)}
    if unknown := sorted({layer.label for layer in record.layers} - order.keys()):
        listed = ", ".join(f"'{label}'" for label in unknown)
        raise NodeError(f"modlib knows masks by number: expected an id for {listed} in `labels`, found none; add it")
    image = np.full(record.size, BACKGROUND, np.uint8)
    for layer in sorted(record.layers, key=lambda layer: order[layer.label]):
        image[layer.mask.dense] = ids[layer.label]
    return image


def segments(ids: NDArray[np.uint8], written_s: int) -> dict[str, Any]:
    """An image of ids as modlib's `Segments` in JSON.

    Args:
        ids: (H, W) uint8; 255 is the background.
        written_s: Time in gzip's header, seconds since the Unix epoch.
    """
    present = _present(ids)
    return {
        "n_segments": len(present),
        "indices": present,
        "mask": base64.b64encode(_packed(ids.tobytes(), written_s)).decode(),
        "mask_shape": ids.shape,
        "_roi_compensated": False,
    }


def _packed(data: bytes, written_s: int) -> bytes:
    """What `gzip.compress` gives at that time, on every version of Python."""
    packed = bytearray(zlib.compress(data, 9, GZIP))
    packed[4:8] = (written_s & 0xFFFFFFFF).to_bytes(4, "little")
    packed[9] = ANY_SYSTEM
    return bytes(packed)


def _share(roi: Roi | None, array: tuple[int, int]) -> dict[str, float] | None:
    if roi is None:
        return None
    width, height = array
    return {"left": roi.x / width, "top": roi.y / height, "width": roi.width / width, "height": roi.height / height}


def crop(frame: Told, *, compensated: bool) -> Roi | None:
    """What the network saw, in pixels of the view; None where nobody says, or where it reaches outside."""
    seen = View(0.0, 0.0, 1.0, 1.0) if compensated else frame.roi
    if seen is None or frame.width < 1 or frame.height < 1:
        return None
    x, y = round(seen.left * frame.width), round(seen.top * frame.height)
    width, height = round(seen.width * frame.width), round(seen.height * frame.height)
    inside = x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= frame.width and y + height <= frame.height
    return Roi(x, y, width, height) if inside else None
