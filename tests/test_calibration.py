"""Calibrations: files and their faults, places carried to the plane and back, boards and points that make them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors.geometry import to_mask, to_sensor
from pipeline.calibrating import of_board, of_points, text
from pipeline.calibration import (
    Calibration,
    CalibrationError,
    Lens,
    Pair,
    carried,
    on_sensor,
    open_calibration,
    read_calibration,
    undistorted,
)
from pipeline.cli import main
from pipeline.records import Roi

TILTED = np.array([[0.05, 0.004, -20.0], [-0.003, 0.052, -11.0], [2e-6, -3e-6, 1.0]])
LENS = Lens(3000.0, 3010.0, 2020.0, 1510.0, -0.12, 0.03, 5e-4, -3e-4, 0.002)


def known(places: list[tuple[float, float]], tilt: np.ndarray = TILTED) -> list[Pair]:
    """Places and where a tilted camera has them."""
    told = [tilt @ (x, y, 1.0) for x, y in places]
    return [Pair(place, (a / c, b / c)) for place, (a, b, c) in zip(places, told, strict=True)]


def fault(tmp_path: Path, lines: str) -> str:
    """All that is wrong with a calibration."""
    path = tmp_path / "c.yaml"
    path.write_text(lines, encoding="utf-8")
    return read_calibration(str(path)).show().replace(f"{path}:", "c.yaml:")


CORNERS = [(100.0, 120.0), (3900.0, 200.0), (3800.0, 2900.0), (150.0, 2800.0)]


@given(
    st.builds(Roi, st.integers(0, 3000), st.integers(0, 2000), st.integers(1, 1000), st.integers(1, 1000)),
    st.tuples(st.integers(1, 640), st.integers(1, 640)),
    st.tuples(st.floats(-1, 700), st.floats(-1, 700)),
)
def test_crops_are_those_of_the_sensor(roi: Roi, size: tuple[int, int], place: tuple[float, float]) -> None:
    """The same as the sensor's own arithmetic, and undone by it: centres on centres."""
    (there,) = on_sensor(roi, size, np.array([place])).tolist()
    assert there == pytest.approx(to_sensor(roi, (size[1], size[0]), *place))
    assert to_mask(roi, (size[1], size[0]), *there) == pytest.approx(place, abs=1e-5)


def test_the_middle_of_a_mask_is_the_middle_of_its_crop() -> None:
    """No half pixel is lost: a crop of 400 px from 1000 on has its middle between its pixels 1199 and 1200."""
    assert on_sensor(Roi(1000, 500, 400, 400), (96, 96), np.array([[47.5, 47.5]])).tolist() == [[1199.5, 699.5]]
    assert on_sensor(Roi(1000, 500, 96, 96), (96, 96), np.array([[0.0, 95.0]])).tolist() == [[1000.0, 595.0]]


@given(st.lists(st.tuples(st.floats(0, 4000), st.floats(0, 3000)), min_size=1, max_size=5))
def test_four_points_give_the_homography_back(places: list[tuple[float, float]]) -> None:
    """What they were made with carries every other place to where it was."""
    made = of_points("a", known(CORNERS))
    assert carried(made, np.array(places)) == pytest.approx(np.array([pair.mm for pair in known(places)]), abs=1e-5)
    read = Calibration("a", "2026-11-22", points=tuple(known(CORNERS)))
    assert carried(read, np.array(places)) == pytest.approx(carried(made, np.array(places)), abs=1e-5)


@given(st.tuples(st.floats(200, 3900), st.floats(200, 2900)))
def test_a_lens_is_undone(place: tuple[float, float]) -> None:
    """OpenCV's own distortion of a place is taken off again."""
    camera = np.array([[LENS.fx, 0, LENS.cx], [0, LENS.fy, LENS.cy], [0, 0, 1]])
    ray = np.array([[(place[0] - LENS.cx) / LENS.fx, (place[1] - LENS.cy) / LENS.fy, 1.0]])
    bends = np.array([LENS.k1, LENS.k2, LENS.p1, LENS.p2, LENS.k3])
    seen, _ = cv2.projectPoints(ray, np.zeros(3), np.zeros(3), camera, bends)
    assert undistorted(np.float64(seen).reshape(-1, 2), LENS)[0] == pytest.approx(place, abs=1e-4)


def drawn(path: Path, tilt: np.ndarray, size: tuple[int, int] = (600, 800), fine: int = 8) -> None:
    """A picture of a checkerboard of 10 × 7 squares of 5 mm, each pixel the mean of what it sees of the plane."""
    step = (np.arange(size[0] * fine) + 0.5) / fine - 0.5, (np.arange(size[1] * fine) + 0.5) / fine - 0.5
    x, y = np.meshgrid(step[1], step[0])
    across, down, far = (row[0] * x + row[1] * y + row[2] for row in tilt)
    a, b = np.floor(across / far / 5 + 1).astype(int), np.floor(down / far / 5 + 1).astype(int)
    on = (a >= 0) & (a < 10) & (b >= 0) & (b < 7)
    light = np.where(on & ((a + b) % 2 == 0), 30.0, 220.0)
    mean = light.reshape(size[0], fine, size[1], fine).mean(axis=(1, 3))
    cv2.imwrite(str(path), np.round(mean).astype(np.uint8))


@pytest.mark.slow
def test_a_board_is_found_where_it_lies(tmp_path: Path) -> None:
    """A made-up picture of a tilted board: places are right to a twentieth of a pixel, without a bias of half a one."""
    tilt = np.array([[0.08, 0.006, -9.0], [-0.004, 0.079, -7.0], [6e-5, -4e-5, 1.0]])
    drawn(tmp_path / "board.png", tilt)
    made = of_board("b", tmp_path / "board.png", (9, 6), 5.0)
    places = [(150.0, 120.0), (600.0, 150.0), (400.0, 300.0), (250.0, 450.0)]
    right = np.array([pair.mm for pair in known(places, tilt)])
    off = carried(made, np.array(places)) - right
    assert abs(off).max() < 0.05 * 0.08
    assert made.error_mm is not None
    assert made.error_mm < 0.05 * 0.08
    # The same picture as a crop of the sensor, twice as fine there.
    crop = of_board("b", tmp_path / "board.png", (9, 6), 5.0, roi=Roi(1000, 600, 1600, 1200))
    fine = on_sensor(Roi(1000, 600, 1600, 1200), (600, 800), np.array(places))
    assert abs(carried(crop, fine) - right).max() < 0.05 * 0.08


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("id: a\ndate: 2026-11-22\n", "c.yaml:1:1: expected one of `scale`, `homography`, `points`, got none"),
        (
            "id: a\ndate: 2026-11-22\nscale: 0.1\npoints: []\n",
            "c.yaml:4:9: expected one of `scale`, `homography`, `points`, got `scale` and `points`",
        ),
        (
            "id: a\ndate: 2026-02-30\nscale: 0.1\n",
            "c.yaml:2:7: date: expected a day such as 2026-11-22, got '2026-02-30'",
        ),
        ("id: a\ndate: 22.11.2026\nscale: 0.1\n", "c.yaml:2:7: date: expected a day such as 2026-11-22"),
        ("id: a\ndate: 2026-11-22\nscale: 0\n", "c.yaml:3:8: scale: expected more than 0 mm/px, got 0"),
        ("id: a\ndate: 2026-11-22\nscal: 0.1\n", "c.yaml:3:1: unknown field 'scal'"),
        (
            "id: a\ndate: 2026-11-22\nhomography: [[1, 2, 3], [2, 4, 6], [0, 0, 1]]\n",
            "c.yaml:3:13: homography: expected one that can be undone, got one that flattens the plane",
        ),
        (
            "id: a\ndate: 2026-11-22\npoints:\n"
            + "".join(f"- {{px: [{n}, {n * n % 5}], mm: [{n}, {n}]}}\n" for n in range(4)),
            "c.yaml:6:20: points 1, 2, 3 lie on a line: expected four corners",
        ),
        (
            "id: a\ndate: 2026-11-22\npoints:\n"
            + "".join(f"- {{px: [{n}, {n * n}], mm: [{n}, {0 if n else 3}]}}\n" for n in range(6)),
            "c.yaml:4:1: points: expected places in a plane, got mm that lie on a line but for one",
        ),
    ],
)
def test_faults_have_their_place(tmp_path: Path, lines: str, said: str) -> None:
    """Every fault is told as those of a topology are: file, line, column, what was expected and found."""
    assert said in fault(tmp_path, lines)


def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path) -> None:
    """With its faults, when it is opened."""
    with pytest.raises(CalibrationError, match=r"none\.yaml:1:1: expected a YAML file, found no such file"):
        open_calibration(str(tmp_path / "none.yaml"))


def test_what_is_made_is_read_back(tmp_path: Path) -> None:
    """As YAML, number for number."""
    made = of_points("bench-7", known(CORNERS), LENS, by="Mori")
    path = tmp_path / "c.yaml"
    path.write_text(text(made), encoding="utf-8")
    assert open_calibration(str(path)) == made


def test_the_command_makes_one_of_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And never writes over one that is there."""
    path = tmp_path / "rim.yaml"
    said = [f"--point={x},{y}={x / 10},{y / 10}" for x, y in CORNERS]
    assert main(["calibrate", str(path), *said, "--id", "rim-1", "--by", "Mori"]) == 0
    assert "calibration 'rim-1'; known places are 0.0000 mm off" in capsys.readouterr().out
    made = open_calibration(str(path))
    assert carried(made, np.array([[1000.0, 50.0]])) == pytest.approx(np.array([[100.0, 5.0]]))
    assert main(["calibrate", str(path), "--scale", "0.1"]) == 2
    assert "expected a new file, found one; a calibration is never overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (["--point", "1,2=3"], "--point: expected 2 numbers with ',' in between, got '3'"),
        (["--point", "1,2=3,4"], "expected four points or more, found 1"),
        (["--scale", "-1"], "--scale: expected more than 0 mm per pixel, got -1"),
        (["--scale", "nan"], "--scale: expected more than 0 mm per pixel, got nan"),
        (["--scale", "0.1", "--id", "x" * 200], "id: expected"),
        ([f"--point={n},{n}={n},{n}" for n in range(4)], "expected points that span a plane, found none that do"),
        (["--point=5,0=9,9", *(f"--point={n},{n}={n},0" for n in range(5))], "expected points that span a plane"),
        (["--board", "none.png", "--square", "0"], "--square: expected more than 0 mm, got 0"),
        (["--board", "none.png"], "--square: expected the side of a square in mm beside --board, got none"),
        (["--board", "none.png", "--square", "5"], "none.png: expected a picture, found none that OpenCV reads"),
        (
            ["--board", "none.png", "--square", "5", "--corners", "9"],
            "--corners: expected 2 numbers with 'x'",
        ),
    ],
)
def test_the_command_says_what_it_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: list[str], text: str
) -> None:
    """In one sentence, with exit status 2, and nothing is written."""
    assert main(["calibrate", str(tmp_path / "c.yaml"), *said]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "c.yaml").exists()


def test_a_board_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With what was looked for."""
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((80, 80), 90, np.uint8))
    with pytest.raises(CalibrationError, match=r"expected a checkerboard with 9 × 6 inner corners, found none; is all"):
        of_board("b", tmp_path / "grey.png", (9, 6), 5.0)
