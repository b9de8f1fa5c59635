"""Shapes of regions beside scikit-image and OpenCV, in pixels and in mm; and the laws that they keep."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from skimage.measure import label, regionprops

from nodes.transforms import plain
from nodes.transforms.contours import contour
from nodes.transforms.fast import compiled
from nodes.transforms.measure import measure, measured
from nodes.transforms.metric import plane
from pipeline.calibration import Calibration, Lens
from pipeline.errors import MaskError, NodeError
from pipeline.masks import Mask
from pipeline.records import Layer, Region, Roi, Scores
from pipeline.shapes import Metric, Shape
from tests.nodes.oracle import Pixels
from tests.nodes.paths import kernels
from tests.nodes.scenes import frame, pixels
from tests.strategies import pixels as drawn
from tests.strategies import sizes

__all__ = ["kernels"]  # every test runs with and without them
pytestmark = pytest.mark.timeout(400)  # on a new machine the first of them waits until the kernels are compiled

SCALE = Calibration("bench", "2026-11-22", scale=0.05, of="mask")
TILTED = Calibration(
    "tilted", "2026-11-22", homography=((0.05, 0.004, -20.0), (-0.003, 0.052, -11.0), (2e-5, -3e-5, 1.0)), of="mask"
)


def found(mask: Pixels, **fields: Any) -> list[Region]:
    """The regions of a mask."""
    return [*measured(frame(mask), **fields).regions]


def shape(region: Region) -> Shape:
    """Its outline."""
    assert region.shape is not None
    return region.shape


def in_mm(mask: Pixels, calibration: Calibration) -> list[tuple[Region, Metric]]:
    """The regions of a mask, each with what it measures in mm."""
    told = [(each, each.metric) for each in found(mask, seen=plane(calibration, mask.shape, None))]
    return [(region, metric) for region, metric in told if metric is not None]


def disc(radius: float, size: int = 128, x: float = 60.3, y: float = 61.7) -> Pixels:
    """Pixels whose centres are in a disc."""
    rows, columns = np.mgrid[:size, :size]
    inside: Pixels = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return inside


def plate(length: float, width: float, angle: float, size: int = 160) -> Pixels:
    """Pixels whose centres are in a rectangle that is turned about the middle."""
    y, x = np.mgrid[:size, :size] - size / 2 + 0.31
    along = x * math.cos(math.radians(angle)) + y * math.sin(math.radians(angle))
    across = y * math.cos(math.radians(angle)) - x * math.sin(math.radians(angle))
    inside: Pixels = (abs(along) <= length / 2) & (abs(across) <= width / 2)
    return inside


def real(folder: Path) -> Iterator[Pixels]:
    """Masks of crack, tile and defect pictures, each at most 640 px wide."""
    kinds = ("crackforest/masks_png/**/*.png", "magnetic_tile/**/*.png", "bsdata/masks_png/**/*.png")
    for kind in kinds:
        for path in sorted(folder.glob(kind))[:4]:
            grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            if grey is not None and (grey > 127).any():
                yield grey[:640, :640] > 127


def agrees(mask: Pixels) -> int:
    """Assert that every region agrees with scikit-image and OpenCV; gives how many there were."""
    theirs = {tuple(map(int, p.coords[np.lexsort((p.coords[:, 0], p.coords[:, 1]))[0]])): p for p in _props(mask)}
    regions = found(mask)
    assert len(regions) == len(theirs)
    for region in regions:
        y, x = (int(each[0]) for each in region.mask.dense.T.nonzero()[::-1])
        prop, mine = theirs[y, x], shape(region)
        assert region.area_px == prop.area
        assert region.centroid[::-1] == pytest.approx(prop.centroid)
        assert region.box == (prop.bbox[1], prop.bbox[0], prop.bbox[3] - prop.bbox[1], prop.bbox[2] - prop.bbox[0])
        assert mine.diameter_px == pytest.approx(prop.equivalent_diameter_area)
        assert mine.eccentricity == pytest.approx(prop.eccentricity, abs=2e-6)
        # Its convex hull is drawn in pixels through the middles of their sides; ours holds them whole.
        hull = region.area_px / mine.solidity
        assert -1e-9 <= hull - prop.area_convex <= 0.6 * mine.perimeter_px + 1
        _beside_opencv(region, mine)
    return len(regions)


def _props(mask: Pixels) -> list[Any]:
    return [*regionprops(label(mask, connectivity=2))]


def _beside_opencv(region: Region, mine: Shape) -> None:
    """OpenCV measures between centres: half a pixel less on each side of the box, π less around.

    And it takes every corner of a chain for one of the thing: at most an eighth of the length is that.
    """
    (border, *_), _ = cv2.findContours(region.mask.dense.view("u1"), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    short, long = sorted(cv2.minAreaRect(border)[1])
    assert long * short - 1e-3 <= mine.length_px * mine.width_px <= (long + 1) * (short + 1) + 1e-3
    around = cv2.arcLength(border, closed=True)
    assert 0.875 * around - 1e-9 <= mine.perimeter_px - math.pi <= around + 1e-9


@given(sizes(32).flatmap(drawn))
def test_random_masks_agree_with_scikit_image_and_opencv(mask: Pixels) -> None:
    """Every figure, within what `agrees` says, in noise, boxes and whatever else."""
    agrees(mask)


@pytest.mark.slow
def test_real_masks_agree_with_scikit_image_and_opencv(shared_data: Path) -> None:
    """Cracks, blowholes and worn tools: regions of real surfaces are no discs."""
    counts = [agrees(mask) for mask in real(shared_data)]
    assert len(counts) >= 6
    assert sum(counts) > 12


@given(sizes(24).flatmap(drawn), st.integers(1, 9), st.integers(1, 9))
def test_a_region_that_lies_elsewhere_has_the_same_shape(mask: Pixels, right: int, down: int) -> None:
    """To the last bit, save for eccentricity, whose sums are others."""
    height, width = mask.shape
    wide = np.zeros((height + 10, width + 10), bool)
    wide[down : height + down, right : width + right] = mask
    for here, there in zip(found(mask), found(wide), strict=True):
        assert replace(shape(there), eccentricity=0.0) == replace(shape(here), eccentricity=0.0)
        assert shape(there).eccentricity == pytest.approx(shape(here).eccentricity, abs=1e-6)


@given(sizes(24).flatmap(drawn))
def test_a_quarter_turn_turns_the_angle_alone(mask: Pixels) -> None:
    """All lengths and shares stay; nothing prefers one axis."""
    before = sorted(_sides(region) for region in found(mask))
    after = sorted(_sides(region) for region in found(np.rot90(mask)))
    assert np.array(after) == pytest.approx(np.array(before), abs=1e-6)


def _sides(region: Region) -> tuple[float, ...]:
    told = shape(region)
    size = told.length_px * told.width_px
    return (
        region.area_px,
        round(told.perimeter_px, 6),
        round(told.solidity, 6),
        size,
        told.diameter_px,
        told.eccentricity,
    )


@given(sizes(12).flatmap(drawn), st.integers(2, 4))
def test_a_mask_that_is_larger_measures_larger(mask: Pixels, times: int) -> None:
    """Each pixel as `times` × `times`: areas grow by the square, the box of a rectangle by as much, holes stay."""
    big = np.kron(mask, np.ones((times, times), bool))
    for small, large in zip(found(mask), found(big), strict=True):
        assert large.area_px == small.area_px * times**2
        assert large.holes == small.holes
        assert shape(large).diameter_px == pytest.approx(shape(small).diameter_px * times)
        assert shape(large).solidity <= 1.0
        if small.extent == 1.0:
            assert shape(large).length_px == pytest.approx(shape(small).length_px * times)
            assert shape(large).width_px == pytest.approx(shape(small).width_px * times)


@pytest.mark.parametrize("angle", [0, 10, 22.5, 30, 45, 60, 90, 120, 157.5])
def test_a_plate_has_its_size_however_it_lies(angle: float) -> None:
    """Length and width within a pixel, the angle within a degree, the perimeter within 3 %."""
    (region,) = found(plate(100.0, 40.0, angle))
    told = shape(region)
    assert told.length_px == pytest.approx(100.0, abs=1.0)
    assert told.width_px == pytest.approx(40.0, abs=1.0)
    assert (told.angle_deg - angle + 90) % 180 - 90 == pytest.approx(0.0, abs=1.0)
    assert told.perimeter_px == pytest.approx(280.0, rel=0.03)


@pytest.mark.parametrize("radius", [5.0, 10.2, 20.0, 40.5])
def test_a_disc_has_its_size(radius: float) -> None:
    """Diameter, perimeter within 3 %; round is round."""
    (region,) = found(disc(radius))
    told = shape(region)
    assert told.diameter_px == pytest.approx(2 * radius, rel=0.02)
    assert told.perimeter_px == pytest.approx(2 * math.pi * radius, rel=0.03)
    assert told.eccentricity < 0.25
    assert region.centroid == pytest.approx((60.3, 61.7), abs=0.2)


def test_an_upright_box_is_exact() -> None:
    """No half pixel is lost at any side; a single pixel is a square of one."""
    (bar,) = found(pixels("......", ".####.", ".####.", "......"))
    assert (shape(bar).length_px, shape(bar).width_px, shape(bar).angle_deg, shape(bar).solidity) == (
        4.0,
        2.0,
        0.0,
        1.0,
    )
    (dot,) = found(pixels("#"))
    assert shape(dot) == Shape(math.pi, 1.0, 1.0, 0.0, math.sqrt(4 / math.pi), 0.0, 1.0)


def test_the_mean_score_is_that_of_the_pixels() -> None:
    """In logits, region by region; scores of another size are refused."""
    mask = Mask.from_dense(pixels("##.#", "##.#"))
    values = np.array([[10, 12, 99, -6], [14, 16, 99, -8]], np.int8)
    layer = Layer("part", mask, 1.0, Scores((2, 4), values.tobytes(), 0.5, 3))
    told = measured(replace(frame(mask.dense), layers=(layer,)))
    assert [region.mean_score for region in told.regions] == [(13 - 3) * 0.5, (-7 - 3) * 0.5]
    assert found(mask.dense)[0].mean_score is None
    wrong = replace(layer, scores=Scores((4, 2), values.tobytes(), 0.5))
    with pytest.raises(MaskError, match=r"^expected 2×4 scores, found 8 bytes of 4×2$"):
        measured(replace(frame(mask.dense), layers=(wrong,)))


@given(sizes(24).flatmap(drawn))
def test_a_contour_walks_around_its_region(mask: Pixels) -> None:
    """From its first pixel, over pixels of its own, each a neighbour of the next, and holds it whole."""
    for region in found(mask):
        border = contour(region.mask)
        assert region.mask.dense[border[:, 1], border[:, 0]].all()
        assert abs(border - np.roll(border, 1, axis=0)).max() <= 1
        x, y, width, height = region.box
        assert [*border.min(axis=0), *np.ptp(border, axis=0) + 1] == [x, y, width, height]
        filled = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [border.astype(np.int32)], 1)
        assert filled[region.mask.dense].all()


def test_only_one_piece_has_a_contour() -> None:
    """Several, or none at all, are told."""
    for rows, count in ((("#.#",), 2), (("...",), 0)):
        with pytest.raises(MaskError, match=rf"^expected the mask of one region, found {count} pieces$"):
            contour(Mask.from_dense(pixels(*rows)))
    assert contour(Mask.from_dense(pixels(".#"))).tolist() == [[1, 0]]


@given(sizes(40).flatmap(drawn), st.integers(0, 2**32 - 1))
def test_what_is_compiled_counts_what_opencv_counts(mask: Pixels, seed: int) -> None:
    """Whole numbers, figures to the last bit, run lengths and chain codes."""
    drawn_ = np.random.default_rng(seed).integers(-128, 128, mask.shape).astype(np.int8).tobytes()
    values = np.frombuffer(drawn_, np.int8).reshape(mask.shape)
    counts = np.frombuffer(Mask.from_dense(mask).counts, np.uint8)
    whole, figures, told, code = compiled.compiled().counted(counts, mask.shape, values)
    mine = whole.tolist(), figures.tolist(), told.tobytes(), code.tobytes()
    assert mine == plain.counted(Mask.from_dense(mask), values)


@given(sizes(24).flatmap(drawn))
def test_a_scale_multiplies(mask: Pixels) -> None:
    """Straight from above every length in mm is so many times that in pixels, and every area the square."""
    for region, mm in in_mm(mask, SCALE):
        px = shape(region)
        assert mm.calibration == "bench"
        assert mm.pixel_mm == pytest.approx(0.05)
        assert mm.area_mm2 == pytest.approx(region.area_px * 0.0025)
        assert mm.hole_area_mm2 == pytest.approx(region.hole_area_px * 0.0025)
        assert mm.centroid_mm == pytest.approx((region.centroid[0] * 0.05, region.centroid[1] * 0.05))
        assert mm.perimeter_mm == pytest.approx(px.perimeter_px * 0.05)
        assert (mm.length_mm, mm.width_mm) == pytest.approx((px.length_px * 0.05, px.width_px * 0.05))
        assert mm.diameter_mm == pytest.approx(px.diameter_px * 0.05)
        assert (mm.angle_deg - px.angle_deg + 90) % 180 - 90 == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("lens", [None, Lens(300.0, 300.0, 80.0, 80.0, -0.1, 0.02)])
def test_a_plate_has_its_size_in_mm_though_the_camera_is_tilted(lens: Lens | None) -> None:
    """A rectangle of known mm, seen through a homography and a lens: sizes within a pixel, areas within 1 %."""
    seen = replace(TILTED, lens=lens)
    view = plane(seen, (160, 160), None)
    middle = view.centres[80, 80]
    turned = math.radians(25.0)
    off = view.centres - middle
    along = off[..., 0] * math.cos(turned) + off[..., 1] * math.sin(turned)
    across = off[..., 1] * math.cos(turned) - off[..., 0] * math.sin(turned)
    ((_, mm),) = in_mm((abs(along) <= 2.5) & (abs(across) <= 1.0), seen)
    assert mm.length_mm == pytest.approx(5.0, abs=mm.pixel_mm)
    assert mm.width_mm == pytest.approx(2.0, abs=mm.pixel_mm)
    assert mm.area_mm2 == pytest.approx(10.0, rel=0.01)
    assert mm.centroid_mm == pytest.approx(tuple(middle), abs=0.1 * mm.pixel_mm)
    assert mm.angle_deg == pytest.approx(25.0, abs=1.0)
    assert mm.perimeter_mm == pytest.approx(14.0, rel=0.03)


def test_every_crop_measures_the_same_mm() -> None:
    """The same 60 × 30 sensor pixels, seen whole, as a crop, and as a crop that the network saw twice as coarse."""
    sensor = np.zeros((240, 320), bool)
    sensor[100:130, 140:200] = True
    calibration = replace(SCALE, of="sensor")
    views = [
        (sensor, Roi(0, 0, 320, 240)),
        (sensor[60:180, 100:260], Roi(100, 60, 160, 120)),
        (sensor[60:180:2, 100:260:2], Roi(100, 60, 160, 120)),
    ]
    for mask, roi in views:
        (region,) = measured(replace(frame(mask), roi=roi), seen=plane(calibration, mask.shape, roi)).regions
        assert region.metric is not None
        assert region.metric.area_mm2 == pytest.approx(60 * 30 * 0.0025)
        assert (region.metric.length_mm, region.metric.width_mm) == pytest.approx((3.0, 1.5))
        assert region.metric.centroid_mm == pytest.approx((169.5 * 0.05, 114.5 * 0.05))


def test_mm_without_a_crop_are_refused(tmp_path: Path) -> None:
    """A calibration of the sensor says nothing of masks that nobody can place on it: no length is made up."""
    path = tmp_path / "c.yaml"
    path.write_text("id: rim\ndate: 2026-11-22\nscale: 0.1\n", encoding="utf-8")
    shown = frame(pixels("#"))
    with pytest.raises(NodeError, match=r"^calibration 'rim' is of sensor pixels, and this source does not say which"):
        measure(shown, calibration=str(path))
    told = measure(replace(shown, roi=Roi(0, 0, 4, 4)), calibration=str(path))
    assert told is not None
    assert told.regions[0].metric is not None
    assert told.regions[0].metric.area_mm2 == pytest.approx(0.16)


def test_a_frame_says_what_it_was_measured_with(tmp_path: Path) -> None:
    """Also one in which nothing was found; without a calibration it says that there was none."""
    path = tmp_path / "c.yaml"
    path.write_text("id: rim\ndate: 2026-11-22\nscale: 0.1\n", encoding="utf-8")
    shown = replace(frame(pixels(".")), roi=Roi(0, 0, 4, 4))
    told = [measure(shown, calibration=str(path)), measure(shown)]
    assert [(each.calibration, each.regions) for each in told if each] == [("rim", ()), ("", ())]
