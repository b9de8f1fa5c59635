"""`kensa camera snapshot`: one frame, its mask as a PNG, and what the sensor says of it.

The picture shows where in the array the mask lies. The image itself is fetched from the camera, and shown below the
mask, only where somebody asks for it.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodes.sensors import tensors
from nodes.sensors.roi import ARRAY
from nodes.sensors.sensor import Identity, Sensed
from nodes.sensors.views import cut
from nodes.sinks.canvas import Canvas, vision
from nodes.tools.telling import rows
from nodes.tools.which import Camera, declare, declare_aim, meant_by, streaming
from pipeline.errors import KensaError
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAMES = 60  # in which an inference must come
SHRINK = 4  # sensor px per px of the picture
BACK, GROUND, FRAME, INSIDE, RIM = (13, 17, 23), (33, 39, 48), (240, 200, 80), (88, 166, 255), (240, 246, 252)
ARRAYS = ("CnnOutputTensor", "CnnOutputTensorInfo", "CnnInputTensor", "CnnInputTensorInfo")  # numbers for no reader


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    declare(parser)
    declare_aim(parser)
    parser.add_argument("-o", "--out", type=Path, default=Path("snapshot.png"), metavar="FILE", help="the PNG")
    said = "fetch the image too and show it below the mask; left out, no pixel leaves the camera"
    parser.add_argument("--image", action="store_true", help=said)
    parser.add_argument("--json", action="store_true", help="print what the sensor says as JSON, all of it but tensors")


def run(args: Namespace) -> int:
    """Take it."""
    camera = meant_by(args)
    with streaming(camera, images=args.image) as sensor:
        sensed, identity = _first(sensor.frames()), sensor.identity
    inside = tensors.inside(_run(sensed), camera.output, camera.threshold)
    crop = sensed.epoch.roi if sensed.epoch else camera.aims[0].roi
    written(args.out, drawn(inside, crop, sensed))
    print(_json(sensed, identity) if args.json else rows(_rows(camera, sensed, inside, crop, args.out)))
    return 0


def _first(frames: Iterator[Sensed]) -> Sensed:
    """The first frame with a mask that is certainly of its crop."""
    for sensed in islice(frames, FRAMES):
        if sensed.inference is not None and sensed.settling == "settled":
            return sensed
    raise KensaError(f"{FRAMES} frames came without a mask; see `kensa camera info` of this camera")


def _run(sensed: Sensed) -> tensors.Inference:
    assert sensed.inference is not None, "it was chosen for it"
    return sensed.inference


def drawn(inside: NDArray[np.bool_], crop: Roi, sensed: Sensed) -> bytes:
    """The array, the crop in it, and the mask in that, as a PNG; below them the image, where there is one.

    Args:
        inside: (H, W) bool.
        crop: What the mask is of, sensor pixels.
        sensed: Its frame.
    """
    import numpy as np

    width, height = (side // SHRINK for side in ARRAY)
    canvas = Canvas(width, height, GROUND)
    if sensed.image is not None:
        whole = cut(sensed.image, sensed.metadata, Roi(0, 0, *ARRAY), (height, width))
        canvas.pixels[:] = np.rint(whole).clip(0, 255).astype(np.uint8)
    box = crop.x // SHRINK, crop.y // SHRINK, crop.width // SHRINK, crop.height // SHRINK
    fill = INSIDE if sensed.image is None else None
    canvas.mask(box[:2], inside, box[2] / inside.shape[1], fill, RIM if fill else INSIDE)
    canvas.frame(box, FRAME)
    return canvas.png()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture, (H, W, 3) RGB, as a PNG."""
    done, file = vision().imencode(".png", pixels[:, :, ::-1])
    assert done
    return bytes(file)


def written(path: Path, data: bytes) -> None:
    """Write a picture.

    Raises:
        KensaError: If it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise KensaError(f"{path}: expected to write a picture there: {error.strerror}") from error


def _rows(camera: Camera, sensed: Sensed, inside: NDArray[np.bool_], crop: Roi, out: Path) -> list[tuple[str, str]]:
    metadata, area = sensed.metadata, int(inside.sum())
    prompt = camera.aims[0].name
    image = ", below it the image" if sensed.image is not None else ", without the image"
    return [
        ("picture", f"{out}: the mask in its crop{image}"),
        ("roi", f"{crop.width} × {crop.height} px at ({crop.x}, {crop.y})" + (f", prompt {prompt}" if prompt else "")),
        ("mask", f"{inside.shape[1]} × {inside.shape[0]} px, {area} of them inside ({100 * area / inside.size:.1f} %)"),
        ("exposure", f"{metadata.get('ExposureTime', 0)} µs, gain {metadata.get('AnalogueGain', 1):.2f}"),
        ("temperature", f"{metadata['SensorTemperature']:.0f} °C" if "SensorTemperature" in metadata else ""),
    ]


def _json(sensed: Sensed, identity: Identity | None) -> str:
    told: dict[str, Any] = {name: value for name, value in sensed.metadata.items() if name not in ARRAYS}
    about = {"camera": identity.id, "device": identity.device} if identity else {}
    return json.dumps({**about, "seq": sensed.seq, "t_ns": sensed.t_ns, **told}, indent=2)
