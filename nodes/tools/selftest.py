"""`kensa camera selftest`: a target that looks different from every side shows whether masks are flipped or transposed.

The image shows how the target lies before the camera, which may be mounted any way. A mask must lie as the image does.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nodes.sensors import tensors
from nodes.sensors.geometry import to_sensor
from nodes.sensors.orientation import WORDS, Match, boxed, match, target
from nodes.sensors.sensor import Sensed
from nodes.sensors.views import view
from nodes.sensors.virtual.target import TargetScene
from nodes.tools.snapshot import png, written
from nodes.tools.telling import rows
from nodes.tools.which import Camera, declare, declare_aim, meant_by, streaming
from nodes.transforms.components import components, vision
from pipeline.errors import KensaError
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAMES = 10
ENOUGH = 0.8  # share of frames that must say the same
LIKE, AHEAD = 0.7, 0.1  # of a shape to be the target, and by which the best way must be better than the next
SHEET = 1600  # px of the target to print
FINE = 384  # px in which the image's target is looked at
NO_TARGET = (
    "expected the target, a bright F on dark ground, alone in the view of the camera; {what} is like it by {share:.0f} "
    "%. Print it (`kensa camera selftest --sheet target.png`), light it evenly, fill about half of the view with it, "
    "or look at it with `--at X,Y,SIDE`"
)
WRONG = (
    "masks of this camera do not lie as its image does: every position and every defect would be told at the wrong "
    "place. Do not run a line with this network: convert it again, so that its output is height × width with the top "
    "row first, and test again"
)


class Looked(NamedTuple):
    """What one frame shows.

    Attributes:
        image: How the target lies in the image.
        mask: How the mask lies to the image.
        apart: Between the centres of both, sensor px.
    """

    image: Match
    mask: Match
    apart: tuple[float, float]


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    declare(parser)
    declare_aim(parser)
    said = "write the target as a PNG to print, and do nothing else"
    parser.add_argument("--sheet", type=Path, metavar="FILE", help=said)
    parser.epilog = "A virtual camera without a file has the target before it."


def run(args: Namespace) -> int:
    """Test it; 1 where masks lie otherwise than images."""
    if args.sheet:
        written(args.sheet, sheet())
        print(f"{args.sheet}: print it, larger than a hand, and put it before the camera")
        return 0
    camera = meant_by(args, **({"target": True} if args.virtual == "" else {}))
    with streaming(camera, images=True) as sensor:
        shown = (sensed for sensed in islice(sensor.frames(), 3 * FRAMES) if sensed.inference)
        looked = [_looked(sensed, camera) for sensed in islice(shown, FRAMES)]
    found = _agreed(looked)
    right = found.mask.turned == ""
    print(rows(_rows(found, len(looked), right=right)))
    if not right:
        print(WRONG)
    return int(not right)


def sheet() -> bytes:
    """The target as a PNG."""
    import numpy as np

    scene = TargetScene()
    pixels = scene.picture(0, scene.place, (SHEET, SHEET))
    return png(np.rint(pixels).astype(np.uint8))


def _looked(sensed: Sensed, camera: Camera) -> Looked:
    assert sensed.image is not None, "images are on"
    assert sensed.inference is not None, "it was chosen for it"
    crop = sensed.epoch.roi if sensed.epoch else camera.aims[0].roi
    image = _largest(_bright(view(sensed.image, sensed.metadata, crop, (FINE, FINE))))
    mask = _largest(tensors.inside(sensed.inference, camera.output, camera.threshold))
    one, other = boxed(mask), boxed(image)
    centres = [_centre(crop, shape) for shape in (mask, image)]
    apart = centres[0][0] - centres[1][0], centres[0][1] - centres[1][1]
    return Looked(match(other, target()), match(one, other), apart)


def _bright(grey: NDArray[np.float32]) -> NDArray[np.bool_]:
    """What is bright, by the threshold that parts bright from dark best (Otsu, 1979)."""
    import numpy as np

    cv2 = vision()
    pixels = np.rint(grey).clip(0, 255).astype(np.uint8)
    level, _ = cv2.threshold(pixels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright: NDArray[np.bool_] = pixels > level
    return bright


def _largest(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece of a shape; specks are none of the target's business."""
    import numpy as np

    found = components(np.ascontiguousarray(inside))
    return found.among(np.array([1 + int(found.areas[1:].argmax())])) if found.count else inside


def _centre(crop: Roi, shape: NDArray[np.bool_]) -> tuple[float, float]:
    """Where a shape's centre lies on the sensor; the crop's own, where there is none."""
    import numpy as np

    y, x = np.nonzero(shape)
    place = (float(x.mean()), float(y.mean())) if len(x) else (shape.shape[1] / 2, shape.shape[0] / 2)
    return to_sensor(crop, (shape.shape[1], shape.shape[0]), *place)


def _agreed(looked: list[Looked]) -> Looked:
    """What most frames say.

    Raises:
        KensaError: If they show no target, or say different things.
    """
    if not looked:
        raise KensaError("frames came without an inference; see `kensa camera info` of this camera")
    for what, matches in (("the image", [each.image for each in looked]), ("the mask", [each.mask for each in looked])):
        middle = sorted(matches, key=lambda one: one.likeness)[len(matches) // 2]
        if middle.likeness < LIKE or middle.likeness - middle.next < AHEAD:
            raise KensaError(NO_TARGET.format(what=what, share=100 * middle.likeness))
    ways = Counter((each.image.turned, each.mask.turned) for each in looked)
    way, count = ways.most_common(1)[0]
    if count < ENOUGH * len(looked):
        raise KensaError(
            f"frames disagree: {count} of {len(looked)} say the same; light the target evenly, hold it still"
        )
    return next(each for each in looked if (each.image.turned, each.mask.turned) == way)


def _rows(found: Looked, frames: int, *, right: bool) -> list[tuple[str, str]]:
    image, mask = found.image, found.mask
    x, y = found.apart
    mounted = "" if not image.turned else "; so is the camera before it"
    return [
        ("frames", str(frames)),
        ("image", f"the target is {WORDS[image.turned]} ({100 * image.likeness:.0f} % like it){mounted}"),
        ("mask", f"{WORDS[mask.turned]}, compared with the image ({100 * mask.likeness:.0f} % like it)"),
        ("place", f"the mask's centre is {x:+.0f}, {y:+.0f} px from the image's" if right else ""),
        ("verdict", "right" if right else "WRONG"),
    ]
