"""Calibrations: how sensor pixels become millimetres, in YAML; read once, with every fault told at its place.

A calibration speaks of one plane, that of the parts, and says in one of three ways how it lies: a scale, where the
camera looks straight down; a homography; or points whose place is known in both. The centre of the top-left pixel of
the sensor is (0, 0). Lens distortion, where it is given, is OpenCV's model (Brown, 1971) and is taken off first.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct

from pipeline.conform import Conform
from pipeline.conversion import convert
from pipeline.degenerate import flat, judge
from pipeline.errors import KensaError
from pipeline.located import BROKEN, Document, read
from pipeline.records import Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

Label = Annotated[str, Meta(min_length=1, max_length=128, description="text")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="a day such as 2026-11-22")]
Scale = Annotated[float, Meta(gt=0, description="mm/px")]
Length = Annotated[float, Meta(ge=0, description="mm")]
Focal = Annotated[float, Meta(gt=0, description="sensor px")]
Row = tuple[float, float, float]


class CalibrationError(KensaError):
    """A calibration that cannot be used or made; the text holds every fault with its place."""


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """A place that is known twice.

    Attributes:
        px: (x, y) in sensor pixels.
        mm: (x, y) in the plane.
    """

    px: tuple[float, float]
    mm: tuple[float, float]


class Lens(Struct, frozen=True, forbid_unknown_fields=True):
    """The distortion of a lens.

    Attributes:
        fx: Focal length in pixels, across.
        fy: The same, down.
        cx: Where the optical axis meets the sensor, px.
        cy: The same, down.
        k1: Radial distortion, r².
        k2: Radial distortion, r⁴.
        p1: Tangential distortion.
        p2: Tangential distortion.
        k3: Radial distortion, r⁶.
    """

    fx: Focal
    fy: Focal
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0


class Calibration(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How pixels become millimetres.

    Attributes:
        id: What measurements and verdicts call it.
        date: When it was made.
        scale: Side of a pixel, where the camera looks straight down.
        homography: Matrix from (x, y, 1) in pixels to (x, y, 1) in mm, times any number.
        points: Four places or more that are known in both, no three of them on a line.
        lens: Distortion, where it is known.
        of: What its pixels are: the sensor's; or the mask's, where a source does not say what its camera saw.
        error_mm: How far known places were off, root of the mean square.
        by: Who made it.
    """

    id: Label
    date: Day
    scale: Scale | None = None
    homography: tuple[Row, Row, Row] | None = None
    points: Annotated[tuple[Pair, ...], Meta(min_length=4, max_length=4096)] | None = None
    lens: Lens | None = None
    of: Literal["sensor", "mask"] = "sensor"
    error_mm: Length | None = None
    by: Label | None = None


@lru_cache(maxsize=64)
def open_calibration(path: str) -> Calibration:
    """Read a calibration; the same path is read once per process.

    Raises:
        CalibrationError: If it cannot be read or does not say what a calibration says.
    """
    document = read_calibration(path)
    if document.faults:
        raise CalibrationError(document.show())
    return convert(document.data, Calibration)


def read_calibration(path: str) -> Document:
    """Read a calibration as a document that holds every fault of it: `kensa check` tells them as its own."""
    document = read(path)
    if not document.faults:
        data = Conform(document)(document.data, Calibration, ())
        if isinstance(data, dict):
            judge(document, data)
        elif data is not BROKEN:
            document.complain((), "expected a calibration: `id`, `date` and `scale`, `homography` or `points`")
    return document


def matrix(calibration: Calibration) -> Matrix:
    """The homography from pixels, distortion taken off, to mm: (3, 3), its last element 1.

    Raises:
        CalibrationError: If OpenCV, which fits points, is not installed.
    """
    import numpy as np

    if calibration.scale is not None:
        return np.diag([calibration.scale, calibration.scale, 1.0])
    if calibration.homography is not None:
        found = np.array(calibration.homography, np.float64)
        return found / found[2, 2] if found[2, 2] else found
    pairs = calibration.points or ()
    px = undistorted(np.array([pair.px for pair in pairs]), calibration.lens)
    return fitted(px, np.array([pair.mm for pair in pairs]))


def fitted(px: Matrix, mm: Matrix) -> Matrix:
    """The homography that carries places to places, least squares where there are more than four.

    Args:
        px: (n, 2) pixels.
        mm: (n, 2) mm.

    Raises:
        CalibrationError: If OpenCV is not installed, or there is none.
    """
    plain = not flat(px.tolist()) and not flat(mm.tolist())
    found: Matrix | None = vision().findHomography(px, mm, 0)[0] if plain else None
    if found is None:
        raise CalibrationError("expected points that span a plane, found none that do: no three may lie on a line")
    return found


def on_sensor(roi: Roi, size: tuple[int, int], places: Matrix) -> Matrix:
    """Where places of what shows a crop lie on the sensor: centres on centres.

    Args:
        roi: The crop, sensor pixels.
        size: (height, width) of the mask or picture that shows it.
        places: (n, 2) x and y in it; whole numbers are centres of its pixels.
    """
    import numpy as np

    pixel = np.array([roi.width / size[1], roi.height / size[0]])
    found: Matrix = np.array([roi.x, roi.y]) + (places + 0.5) * pixel - 0.5
    return found


def carried(calibration: Calibration, places: Matrix) -> Matrix:
    """Places on the sensor in mm: (n, 2).

    Raises:
        CalibrationError: If OpenCV, which fits points and knows lenses, is not installed.
    """
    import numpy as np

    straight = undistorted(places, calibration.lens)
    there = np.column_stack([straight, np.ones(len(straight))]) @ matrix(calibration).T
    found: Matrix = there[:, :2] / there[:, 2:]
    return found


def seen_at(calibration: Calibration, places: Matrix) -> Matrix:
    """Where places of the plane, (n, 2) mm, are seen on the sensor: what `carried` undoes.

    Raises:
        CalibrationError: If OpenCV, which fits points and knows lenses, is not installed.
    """
    import numpy as np

    there = np.column_stack([places, np.ones(len(places))]) @ np.linalg.inv(matrix(calibration)).T
    return distorted(there[:, :2] / there[:, 2:], calibration.lens)


def in_crop(roi: Roi, size: tuple[int, int], places: Matrix) -> Matrix:
    """Where places on the sensor lie in what shows a crop: what `on_sensor` undoes."""
    import numpy as np

    pixel = np.array([roi.width / size[1], roi.height / size[0]])
    found: Matrix = (places + 0.5 - np.array([roi.x, roi.y])) / pixel - 0.5
    return found


def undistorted(px: Matrix, lens: Lens | None) -> Matrix:
    """Where places would be seen through a lens that does not distort: (n, 2) px."""
    if lens is None:
        return px
    import numpy as np

    cv2, bends = vision(), np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    camera = np.array([[lens.fx, 0.0, lens.cx], [0.0, lens.fy, lens.cy], [0.0, 0.0, 1.0]])
    exact = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
    found: Matrix = cv2.undistortPoints(px.reshape(-1, 1, 2).astype("f8"), camera, bends, P=camera, criteria=exact)
    return found.reshape(-1, 2)


def distorted(px: Matrix, lens: Lens | None) -> Matrix:
    """Where a lens shows what would be seen at these places if it did not distort: (n, 2) px."""
    if lens is None:
        return px
    import numpy as np

    x, y = (px[:, 0] - lens.cx) / lens.fx, (px[:, 1] - lens.cy) / lens.fy
    camera = np.array([[lens.fx, 0.0, lens.cx], [0.0, lens.fy, lens.cy], [0.0, 0.0, 1.0]])
    bends, none = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3]), np.zeros(3)
    found: Matrix = vision().projectPoints(np.stack([x, y, np.ones(len(x))], 1), none, none, camera, bends)[0]
    return found.reshape(-1, 2)


def vision() -> Any:
    """OpenCV.

    Raises:
        CalibrationError: If it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise CalibrationError("expected OpenCV, found none; install it: pip install 'kensa[vision]'") from error
    return cv2
