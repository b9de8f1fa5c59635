"""End to end: scene → crop → quantised input → ONNX → quantised output → libcamera's tuples → mask → sensor pixels.

The network answers what is brighter than half, the scene knows where its parts are, so the answer is known.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nodes.sensors import geometry, roi
from nodes.sensors.orientation import Turned
from nodes.sensors.virtual.belt import BeltScene, belt
from nodes.sensors.virtual.scene import Scene
from nodes.sensors.virtual.target import TargetScene
from pipeline.records import Roi
from tests.nodes.virtual import Stepped, mask, quick

FILLED_NS = 10_000_000_000  # then the belt is full of parts


class Still:
    """A belt that stands still at one moment."""

    def __init__(self, scene: BeltScene, at_ns: int) -> None:
        self.scene, self.at_ns = scene, at_ns

    def picture(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.float32]:
        """What is seen at that moment."""
        return self.scene.picture(self.at_ns, crop, size)

    def truth(self, t_ns: int, crop: Roi, size: tuple[int, int]) -> NDArray[np.bool_]:
        """What is so at that moment."""
        return self.scene.truth(self.at_ns, crop, size)


class Judged:
    """A mask beside the truth: the truth on every sensor pixel of the crop, the mask as it lies there.

    Attributes:
        iou: Of the two.
        error: Between their centroids, pixels of the mask.
    """

    def __init__(self, found: NDArray[np.bool_], truth: NDArray[np.bool_], crop: Roi) -> None:
        across = (np.arange(crop.width) * found.shape[1]) // crop.width
        down = (np.arange(crop.height) * found.shape[0]) // crop.height
        laid = found[down][:, across]
        self.iou = float((laid & truth).sum() / (laid | truth).sum())
        # Along each axis: a straight edge along the grid is known to half a pixel, and so is a centre between two.
        off = np.abs(self._centre(found, crop) - self._middle(truth, crop))
        self.error = float(off.max()) / (crop.width / found.shape[1])

    def _centre(self, found: NDArray[np.bool_], crop: Roi) -> NDArray[np.float64]:
        """Of the mask, by the adapter's own geometry, sensor px."""
        rows, columns = np.nonzero(found)
        size = found.shape[1], found.shape[0]
        return np.array(geometry.to_sensor(crop, size, float(columns.mean()), float(rows.mean())))

    def _middle(self, truth: NDArray[np.bool_], crop: Roi) -> NDArray[np.float64]:
        rows, columns = np.nonzero(truth)
        return np.array((crop.x + columns.mean(), crop.y + rows.mean()))


def judge(camera: Stepped, crop: Roi) -> Judged:
    """One settled frame of a crop against the truth of its moment."""
    metadata = camera.frames(4)[-1]
    truth = camera.scene.truth(camera.scene_ns(metadata), crop, (crop.height, crop.width))
    assert truth is not None
    return Judged(mask(metadata), truth, crop)


def streaming(scene: Scene, crop: Roi) -> Stepped:
    """A camera that looks at a crop; it has the noise of a real one."""
    camera = Stepped(quick(noise=2.0), scene=scene)
    camera.hardware.write_roi(crop)
    return camera.start()


@pytest.mark.slow
@settings(max_examples=40, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    length=st.sampled_from([150.0, 400.0, 600.0, 900.0]),
    share=st.floats(1.3, 2.0),
    place=st.floats(0, 4056),
    shift=st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
)
def test_any_centred_prompt_is_answered_exactly(
    seed: int, length: float, share: float, place: float, shift: tuple[int, int]
) -> None:
    """A part in the middle of any legal crop: its centroid within half a pixel of the mask, its area within 5 %."""
    scene = BeltScene(belt("truth", seed=seed, speed=length, length=length, pitch=3 * length, defects=0.3))
    part, x, y = min(scene.parts(FILLED_NS), key=lambda each: abs(each[1] - place))
    crop = roi.around(x + shift[0], y + shift[1], max(roi.LEAST, int(share * 2 * max(part.a, part.b))))
    assume(crop is not None)
    assert crop is not None
    found = judge(streaming(Still(scene, FILLED_NS), crop), crop)
    assert found.error <= 0.5
    assert found.iou >= 0.95


@pytest.mark.slow
def test_parts_that_move_are_where_they_were_when_they_were_exposed() -> None:
    """The belt runs on while the network runs: the mask is of the moment of exposure."""
    scene = BeltScene(belt("truth", speed=900, length=800, pitch=1900))
    crop = roi.around(2028, 1520, 2400)
    assert crop is not None
    camera = streaming(scene, crop)
    camera.clock.wait_until(camera.clock.now_ns() + FILLED_NS)
    errors = [judge(camera, crop) for _ in range(8)]
    assert max(each.error for each in errors) <= 0.5
    assert min(each.iou for each in errors) >= 0.95


def test_the_target_reads_like_an_f() -> None:
    """No flip, no turn: the adapter's order of rows and columns is the sensor's."""
    scene = TargetScene()
    camera = streaming(scene, scene.place)
    assert judge(camera, scene.place).iou >= 0.95
    seen = mask(camera.frames(3)[-1])
    assert [seen[16, 40], seen[16, 70], seen[80, 24], seen[80, 70], seen[48, 55], seen[48, 70]] == [
        True, True, True, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["flip_x", "flip_y", "transpose"])
def test_the_target_tells_a_mask_that_lies_otherwise(how: Turned) -> None:
    """What a self-test looks for: the answer is no longer the truth."""
    scene = TargetScene()
    camera = Stepped(quick(turned=how), scene=scene)
    camera.hardware.write_roi(scene.place)
    camera.start()
    assert judge(camera, scene.place).iou < 0.7
