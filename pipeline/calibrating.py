"""Make calibrations: from places that somebody has measured, or from a picture of a checkerboard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.calibration import (
    Calibration,
    CalibrationError,
    Lens,
    Pair,
    carried,
    fitted,
    on_sensor,
    undistorted,
    vision,
)
from pipeline.records import Roi
from pipeline.wording import written

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.float64]


def of_points(name: str, pairs: Sequence[Pair], lens: Lens | None = None, **told: Any) -> Calibration:
    """A calibration of four places or more; with more than four it says how far off they are.

    Args:
        name: Its id.
        pairs: Places on the sensor and in the plane.
        lens: Distortion of the lens.
        **told: Other fields of a calibration.

    Raises:
        CalibrationError: If there are fewer than four, or they lie on a line.
    """
    import numpy as np

    if len(pairs) < 4:
        raise CalibrationError(f"expected four points or more, found {len(pairs)}")
    px, mm = np.array([pair.px for pair in pairs]), np.array([pair.mm for pair in pairs])
    rows = tuple(map(tuple, fitted(undistorted(px, lens), mm).tolist()))
    made = Calibration(name, today(), homography=rows, lens=lens, **told)  # type: ignore[arg-type]  # three of three
    off = carried(made, px) - mm
    return msgspec.structs.replace(made, error_mm=float(np.sqrt((off**2).sum(axis=1).mean())))


def of_board(
    name: str,
    picture: Path,
    corners: tuple[int, int],
    square: float,
    *,
    roi: Roi | None = None,
    lens: Lens | None = None,
    **told: Any,
) -> Calibration:
    """A calibration of a checkerboard: the inner corner nearest the top left is (0, 0) mm, x runs along the rows.

    Args:
        name: Its id.
        picture: An image file.
        corners: Inner corners per row, and rows of them.
        square: Side of a square, mm.
        roi: The crop of the sensor that the picture shows; left out, its pixels are the sensor's.
        lens: Distortion of the lens.
        **told: Other fields of a calibration.

    Raises:
        CalibrationError: If there is no picture, or no such board in it.
    """
    import numpy as np

    found, size = board(picture, corners)
    px = found if roi is None else on_sensor(roi, size, found)
    columns, rows = np.meshgrid(np.arange(corners[0]), np.arange(corners[1]))
    mm = np.stack([columns.ravel(), rows.ravel()], axis=1) * square
    pairs = [Pair((x, y), (a, b)) for (x, y), (a, b) in zip(px.tolist(), mm.tolist(), strict=True)]
    return of_points(name, pairs, lens, **told)


def board(picture: Path, corners: tuple[int, int]) -> tuple[Places, tuple[int, int]]:
    """The inner corners of a checkerboard, (n, 2) px, row by row; and (height, width) of the picture.

    After Duda and Frese, "Accurate Detection and Localization of Checkerboard Corners for Calibration" (2018).

    Raises:
        CalibrationError: If there is no picture, or no such board in it.
    """
    cv2 = vision()
    grey = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise CalibrationError(f"{picture}: expected a picture, found none that OpenCV reads")
    seen, found = cv2.findChessboardCornersSB(grey, corners, flags=cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY)
    if not seen:
        wanted = f"{corners[0]} × {corners[1]} inner corners"
        raise CalibrationError(f"{picture}: expected a checkerboard with {wanted}, found none; is all of it in view?")
    places: Places = found.reshape(-1, 2).astype("f8")
    # Turned by half a turn it is the same board.
    return places if places[0].sum() < places[-1].sum() else places[::-1], (grey.shape[0], grey.shape[1])


def text(calibration: Calibration) -> str:
    """The calibration as YAML."""
    return written(msgspec.to_builtins(calibration))


def today() -> str:
    """This day, UTC."""
    return datetime.now(UTC).date().isoformat()
