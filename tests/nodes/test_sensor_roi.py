"""Which crops the sensor takes, and where their pixels lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors import geometry
from nodes.sensors.roi import ARRAY, LEAST, WIDEST, around, check, faults, reach, whole
from nodes.sensors.states import SensorError, State
from pipeline.records import Roi

EVENS = st.integers(0, 1500).map(lambda half: 2 * half)
SIDES = st.integers(LEAST // 2, 1500).map(lambda half: 2 * half)
SIZES = st.tuples(st.integers(1, 640), st.integers(1, 640))
PLACES = st.floats(-100, 5000)


@given(EVENS, EVENS, SIDES)
def test_a_crop_is_legal_if_it_lies_inside(x: int, y: int, side: int) -> None:
    """Of even squares that are large enough, exactly those inside the array are taken."""
    inside = x + side <= ARRAY[0] and y + side <= ARRAY[1]
    assert (faults(Roi(x, y, side, side)) == ()) is inside


@pytest.mark.parametrize(
    ("roi", "told"),
    [
        (Roi(0, 0, 190, 190), "sides of at least 192 px, found 190 × 190"),
        (Roi(0, 0, 4056, 3040), "sides of at most 4032 px, found 4056 × 3040"),
        (Roi(3000, 0, 1058, 1058), "end at x = 4056, found 3000 + 1058 = 4058"),
        (Roi(0, 2000, 1042, 1042), "end at y = 3040, found 2000 + 1042 = 3042"),
        (Roi(1, 0, 201, 200), "even numbers, found odd x, width"),
        (Roi(0, 0, 400, 396), "square within 1 px, found 400 × 396"),
    ],
)
def test_each_rule_says_what_it_expects(roi: Roi, told: str) -> None:
    """A technician reads the rule and the number that breaks it."""
    assert any(told in fault for fault in faults(roi))


def test_all_faults_are_told_at_once() -> None:
    """A crop with several faults is refused once, and the sensor looks where it looked before."""
    with pytest.raises(SensorError) as told:
        check(Roi(4001, 0, 101, 300), State.STREAMING)
    text = str(told.value)
    assert text.startswith("ROI 101 × 300 at (4001, 0): expected sides of at least 192 px")
    assert "odd x, width" in text
    assert "square within 1 px" in text
    assert text.endswith("the sensor keeps its ROI")


def test_another_shape_of_input_asks_for_another_shape_of_crop() -> None:
    """A network whose input is twice as wide as high sees nothing squeezed."""
    assert faults(Roi(0, 0, 800, 400), (320, 160)) == ()
    assert "expected it 320:160 within 1 px" in faults(Roi(0, 0, 800, 800), (320, 160))[0]


def test_the_whole_view_is_legal() -> None:
    """For a square network it is what picamera2 chooses; for a wide one the driver's 4032 is kept."""
    assert whole() == Roi(508, 0, 3040, 3040)
    assert whole((4, 3)).width == WIDEST
    assert faults(whole((4, 3)), (4, 3)) == ()


@given(st.floats(0, ARRAY[0] - 1), st.floats(0, ARRAY[1] - 1), SIDES)
def test_a_crop_around_a_point_is_centred_or_none(x: float, y: float, side: int) -> None:
    """The point is within a pixel of the centre, and what would leave the array is not moved inside."""
    roi = around(x, y, side)
    if roi is None:
        assert side > reach(x, y)
        return
    assert faults(roi) == ()
    centre = geometry.to_sensor(roi, (1, 1), 0, 0)
    assert abs(centre.x - x) <= 1
    assert abs(centre.y - y) <= 1


@given(st.floats(0, ARRAY[0] - 1), st.floats(0, ARRAY[1] - 1))
def test_reach_is_the_largest_crop_around_a_point(x: float, y: float) -> None:
    """It fits, and four pixels more would not."""
    side = reach(x, y)
    assert side == 0 or around(x, y, side) is not None
    assert side == WIDEST or around(x, y, side + 4) is None


@given(st.builds(Roi, EVENS, EVENS, SIDES, SIDES), SIZES, PLACES, PLACES)
def test_there_and_back(roi: Roi, size: tuple[int, int], u: float, v: float) -> None:
    """Mask to sensor and back is the same place, for any crop and any mask."""
    there = geometry.to_sensor(roi, size, u, v)
    assert geometry.to_mask(roi, size, *there) == pytest.approx((u, v), abs=1e-6)


def test_pixels_are_areas() -> None:
    """The centre of a mask is the centre of its crop, and its corners are the crop's corners."""
    roi = Roi(1000, 2000, 960, 960)
    assert geometry.to_sensor(roi, (96, 96), 47.5, 47.5) == (1479.5, 2479.5)
    assert geometry.to_sensor(roi, (96, 96), -0.5, -0.5) == (999.5, 1999.5)
    assert geometry.box_to_sensor(roi, (96, 96), (0, 0, 96, 96)) == (1000, 2000, 960, 960)
    assert geometry.box_to_sensor(roi, (96, 96), (1, 2, 3, 4)) == (1010, 2020, 30, 40)


def test_a_crop_in_the_image() -> None:
    """A box of the sensor lies where the scaler put it, whatever the scaler cut off."""
    assert geometry.box_to_image(Roi(0, 0, 4056, 3040), (2028, 1520), (3200, 2200, 400, 400)) == (1600, 1100, 200, 200)
    assert geometry.box_to_image(Roi(3000, 2000, 800, 800), (400, 400), (3200, 2200, 400, 400)) == (100, 100, 200, 200)
