"""What lies before a virtual camera: crops of any scene are exact, whatever their size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nodes.sensors import roi
from nodes.sensors.virtual.belt import BeltScene, belt
from nodes.sensors.virtual.pictures import ImageScene, VideoScene
from nodes.sensors.virtual.registers import Registers, clamped
from nodes.sensors.virtual.scene import WHOLE, Scene, resampled
from nodes.sensors.virtual.target import TargetScene
from pipeline.errors import NodeError
from pipeline.records import Roi

FILLED_NS = 10_000_000_000
SIDES = st.integers(1, 12)
SENSOR = st.integers(0, 5000)


@given(arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(3))), SIDES, SIDES)
def test_a_smaller_picture_has_the_same_mean(image: np.ndarray, height: int, width: int) -> None:
    """Each pixel is the mean of what it covers, so nothing is brighter or darker than it was."""
    seen = resampled(image, (0, 0, image.shape[1], image.shape[0]), (height, width))
    assert seen.shape == (height, width, 3)
    assert seen.mean() == pytest.approx(image.mean(), abs=1e-3)


@given(arrays(np.uint8, (6, 8, 3)), st.floats(0, 5), st.floats(0, 3), st.floats(0.3, 3), st.floats(0.3, 3))
def test_any_box_is_the_mean_over_fine_samples(
    image: np.ndarray, left: float, top: float, width: float, height: float
) -> None:
    """Parts of pixels count as parts: compared with four hundred samples in each pixel."""
    seen = resampled(image, (left, top, left + width, top + height), (1, 1))[0, 0]
    x = (left + (np.arange(2000) + 0.5) * width / 2000).astype(int)
    y = (top + (np.arange(2000) + 0.5) * height / 2000).astype(int)
    rows = np.zeros((8, 8, 3))
    rows[:6] = image
    counts_y, counts_x = np.bincount(y, minlength=8)[:8] / 2000, np.bincount(x, minlength=8)[:8] / 2000
    expected = np.einsum("y,x,yxc->c", counts_y, counts_x, rows)
    assert np.abs(seen - expected).max() < 0.6


def test_the_same_size_is_the_same_picture() -> None:
    """And a shifted box is a shifted picture; what is outside is black."""
    image = np.random.default_rng(1).integers(0, 256, (10, 12, 3), np.uint8)
    assert np.array_equal(resampled(image, (0, 0, 12, 10), (10, 12)), image)
    assert np.array_equal(resampled(image, (3, 2, 9, 8), (6, 6)), image[2:8, 3:9])
    assert resampled(image, (20, 0, 24, 4), (4, 4)).max() == 0


def test_a_pixel_of_an_edge_is_as_bright_as_its_share() -> None:
    """The mean of a coarse picture of a belt is that of a fine one."""
    scene = BeltScene(belt("shares"))
    crop = Roi(600, 400, 1920, 1920)
    coarse, fine = (scene.picture(FILLED_NS, crop, (side, side)) for side in (96, 960))
    assert coarse.mean() == pytest.approx(fine.mean(), abs=0.1)


def test_a_belt_moves_by_its_speed() -> None:
    """To the right, 600 sensor pixels a second."""
    scene = BeltScene(belt("moves", speed=600))
    (_, before, y), *_ = scene.parts(FILLED_NS, Roi(0, 0, 3000, 3040))
    assert any(abs(x - before - 600) < 1e-6 and other == y for _, x, other in scene.parts(FILLED_NS + 10**9))


def test_parts_are_where_the_truth_says() -> None:
    """The truth's centre is the part's own, but for its defect."""
    scene = BeltScene(belt("centres", defects=0))
    for part, x, y in scene.parts(FILLED_NS):
        half = 2 * math.ceil(1.2 * max(part.a, part.b) / 2)
        if not half <= x <= 4056 - half:
            continue
        crop = Roi(int(x) - half, int(y) - half, 2 * half, 2 * half)
        rows, columns = np.nonzero(scene.truth(FILLED_NS, crop, (crop.height, crop.width)))
        near = np.abs(columns + crop.x - x) < 1.1 * part.a
        assert columns[near].mean() + crop.x + 0.5 == pytest.approx(x, abs=0.6)
        assert rows[near].mean() + crop.y + 0.5 == pytest.approx(y, abs=0.6)


def test_no_turn_of_the_target_is_itself() -> None:
    """Eight ways to lie, eight different pictures."""
    truth = TargetScene().truth(0, TargetScene().place, (96, 96))
    ways = [np.rot90(each, turns) for each in (truth, truth.T) for turns in range(4)]
    assert len({way.tobytes() for way in ways}) == 8


def test_images_follow_one_another(tmp_path: Path) -> None:
    """In the order of their numbers, again and again; each covers the array."""
    cv2 = pytest.importorskip("cv2")
    for name, level in (("shot-10.png", 200), ("shot-9.png", 100)):
        assert cv2.imwrite(str(tmp_path / name), np.full((76, 120, 3), level, np.uint8))
    scene = ImageScene(tmp_path, period_s=2)
    levels = [float(scene.picture(second * 10**9, WHOLE, (8, 8)).mean()) for second in range(6)]
    assert levels == [100, 100, 200, 200, 100, 100]
    assert scene.truth(0, WHOLE, (8, 8)) is None


def test_an_image_is_cropped_where_the_sensor_looks(tmp_path: Path) -> None:
    """In colours, red first; its truth lies beside it under the same name."""
    cv2 = pytest.importorskip("cv2")
    image = np.zeros((760, 1014, 3), np.uint8)
    image[190:380, 507:760] = (10, 20, 200)  # OpenCV writes blue first
    (tmp_path / "truth").mkdir()
    assert cv2.imwrite(str(tmp_path / "a.png"), image)
    assert cv2.imwrite(str(tmp_path / "truth" / "a.png"), (image[..., 2] > 0).astype(np.uint8) * 255)
    crop = Roi(2028, 760, 1012, 760)
    scene = ImageScene(tmp_path)
    assert np.allclose(scene.picture(0, crop, (4, 4)), (200, 20, 10), atol=0.5)
    truth = scene.truth(0, crop, (4, 4))
    assert truth is not None
    assert truth.all()
    assert scene.picture(0, Roi(0, 760, 1012, 760), (4, 4)).max() == 0


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    """It says what it looked for, and what to set."""
    with pytest.raises(NodeError, match=r"expected a folder with images \(\.bmp.*found none; set `images`"):
        ImageScene(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(NodeError, match=r"a\.png: expected an image"):
        ImageScene(tmp_path).picture(0, WHOLE, (4, 4))


def test_a_video_is_read_forward_and_begins_again(tmp_path: Path) -> None:
    """The frame whose turn it is, also after the end."""
    path = _video(tmp_path, [40, 120, 200])
    scene: Scene = VideoScene(path)
    levels = [float(scene.picture(frame * 10**8, WHOLE, (4, 4)).mean()) for frame in (0, 1, 1, 2, 3, 5, 4)]
    assert np.allclose(levels, [40, 120, 120, 200, 40, 200, 120], atol=8)
    assert scene.truth(0, WHOLE, (4, 4)) is None


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(NodeError, match="expected a video that OpenCV can read, found none; convert it"):
        VideoScene(tmp_path / "no.mp4")


@given(SENSOR, SENSOR, st.integers(1, 5000), st.integers(1, 5000))
def test_legal_crops_pass_the_driver_as_they_are(x: int, y: int, width: int, height: int) -> None:
    """What the rules allow is not clamped; what they refuse would at least stay inside the array."""
    asked = Roi(x, y, width, height)
    got = clamped(asked)
    assert roi.faults(asked) or got == asked
    assert got.x + got.width <= 4056
    assert got.y + got.height <= 3040
    assert max(got.width, got.height) <= 4032


def test_two_changes_one_after_the_other() -> None:
    """Each has its own first frame; the last one written is kept over a new start."""
    registers = Registers()
    first, second = Roi(0, 0, 400, 400), Roi(800, 600, 400, 400)
    registers.write(first, 3)
    registers.write(second, 5, torn=True)
    assert [registers.crop(frame) for frame in (2, 3, 4, 5, 6)] == [
        clamped(WHOLE), first, first, second, second,
    ]  # fmt: skip
    registers.restart()
    assert registers.crop(0) == second


def _video(folder: Path, levels: list[int]) -> Path:
    cv2: Any = pytest.importorskip("cv2")
    path = folder / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path
