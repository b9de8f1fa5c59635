"""Gauge: shapes with known millimetres, golden masks, and what must not pass because nobody could measure it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.transforms.edges import Lost, opening, through
from nodes.transforms.gauge import gauge
from nodes.transforms.views import Edge, Gap, Grid, Pattern, View, Zone
from pipeline.calibration import Calibration, Lens, carried, in_crop, on_sensor, seen_at
from pipeline.gauges import Fit, Gauge, Place
from pipeline.masks import Mask
from pipeline.records import Gap as Missing
from pipeline.records import Regions, Roi
from tests.nodes.gauging import PIXEL, Dense, L, box, drawn, golden, scaled, seen, tools, turned
from tests.nodes.scenes import SIZE, gap


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that examples of a property share."""
    return tmp_path_factory.mktemp("gauge")


NOTHING = Fit(0, 0, 0, 1.0)
HERE = (43.0, 42.0)
SLOT = (box(10, 10, 20, 50), box(36, 10, 20, 50), box(10, 60, 46, 10))  # two legs, 6 px apart, on a foot
LINES = (((29.5, 15.0), (29.5, 50.0)), ((35.5, 15.0), (35.5, 50.0)))


def slot(*lines: Any, **fields: Any) -> View:
    """A view that measures the slot between two edges."""
    edges = {name: Edge(line, **{"reach": 3.0, **fields}) for name, line in zip("ab", lines or LINES, strict=True)}
    return View(edges=edges, gaps={"slot": Gap(("a", "b"))})


def pins(*absent: tuple[int, int], shift: dict[tuple[int, int], tuple[int, int]] | None = None) -> Dense:
    """Five columns and two rows of pins, 4 px wide, 12 and 15 px apart."""
    moved = shift or {}
    there = [(c, r) for c in range(5) for r in range(2) if (c, r) not in absent]
    return drawn(*(box(10 + 12 * c + moved.get((c, r), (0, 0))[0], 20 + 15 * r + moved.get((c, r), (0, 0))[1], 4, 4)
                   for c, r in there))  # fmt: skip


PINS = View(patterns={"pins": Pattern(tolerance=3, grid=Grid((11.5, 21.5), 5, 2, (12, 15)))})


# --- golden masks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("align", ["none", "centroid", "ecc"])
def test_what_is_the_same_differs_by_exactly_nothing(align: Any, tmp_path: Path) -> None:
    """Not by a pixel of rounding, whichever way it is aligned."""
    view = View(golden=golden(tmp_path, drawn(L)), align=align)
    found = tools(drawn(L), view)["golden"]
    assert (found.fault, found.fit) == ("", NOTHING)
    assert found.pose is not None
    assert (found.pose.shift_px, found.pose.turn_deg, found.missing, found.extra) == (0, 0, None, None)


@pytest.mark.parametrize("align", ["none", "centroid", "ecc"])
def test_what_is_missing_and_what_is_too_much_are_told_apart(align: Any, tmp_path: Path) -> None:
    """Pixels are counted, and each is a quarter of a square millimetre here."""
    view = View(golden=golden(tmp_path, drawn(L)), align=align)
    bad = drawn(L, box(40, 30, 4, 5)) & ~drawn(box(25, 30, 3, 6))
    found = tools(bad, view, calibration=scaled(tmp_path))["golden"]
    assert found.fit == Fit(18, 20, 38, 1 - 38 / (drawn(L).sum() + 20), 18 / 4, 20 / 4, 38 / 4)
    assert found.missing == Mask.from_dense(drawn(box(25, 30, 3, 6)))
    assert found.extra == Mask.from_dense(drawn(box(40, 30, 4, 5)))


def test_the_whole_of_an_absent_part_is_missing(tmp_path: Path) -> None:
    """A view that shows nothing differs from a golden mask by all of it, where it is measured as a whole."""
    view = View(golden=golden(tmp_path, drawn(L)))
    found = tools(np.zeros(SIZE, bool), view, each="view")["golden"]
    assert found.fit == Fit(1175, 0, 1175, 0.0)


@given(x=st.integers(-15, 15), y=st.integers(-15, 15), align=st.sampled_from(["centroid", "ecc"]))
def test_wherever_it_lies_it_differs_by_nothing(x: int, y: int, align: Any, folder: Path) -> None:
    """Moved by whole pixels it is the same part, and how far it was moved is told."""
    view = View(golden=golden(folder, drawn(L)), align=align)
    found = tools(np.roll(drawn(L), (y, x), (0, 1)), view, calibration=scaled(folder))["golden"]
    assert (
        replace(found.fit or NOTHING, missing_area_mm2=None, extra_area_mm2=None, difference_area_mm2=None) == NOTHING
    )
    assert found.pose is not None
    assert found.pose.shift_px == pytest.approx(math.hypot(x, y), abs=1e-9)
    assert found.pose.shift_mm == pytest.approx(math.hypot(x, y) * PIXEL, abs=1e-9)
    assert found.pose.turn_deg == 0


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_is_found_exactly(quarters: int, tmp_path: Path) -> None:
    """However a part lies, where it may lie in any way: pixels on pixels."""
    view = View(golden=golden(tmp_path, drawn(L)), align="ecc", max_turn=180)
    found = tools(np.rot90(drawn(L), -quarters).copy(), view)["golden"]
    assert found.fit == NOTHING
    assert found.pose is not None
    assert found.pose.turn_deg == {1: 90, 2: 180, 3: -90}[quarters]


@given(angle=st.floats(-14, 14), x=st.floats(-6, 6), y=st.floats(-6, 6))
def test_a_turn_and_a_shift_are_found_to_a_fraction_of_a_pixel(angle: float, x: float, y: float, folder: Path) -> None:
    """What is left is the staircase of the outline.

    Where one lies just between two rows of pixels it steps by a whole one in its middle: the line that fits that best
    is 1.5 px higher at its end than at its beginning, over 45 px 1.9°, and more of the shorter ones.
    """
    view = View(golden=golden(folder, drawn(L)), align="ecc", max_turn=20)
    found = tools(drawn(turned(L, angle, HERE, (x, y))), view)["golden"]
    assert found.fault == ""
    assert found.pose is not None
    assert found.fit is not None
    assert found.pose.turn_deg == pytest.approx(angle, abs=2.3)
    assert found.fit.difference_area_px < 0.05 * 1175


@given(angle=st.floats(-180, 180))
def test_any_angle_is_found_where_any_is_allowed(angle: float, folder: Path) -> None:
    """A part without symmetry lies in one way only."""
    view = View(golden=golden(folder, drawn(L)), align="ecc", max_turn=180)
    found = tools(drawn(turned(L, angle, HERE, (4.0, 3.0))), view)["golden"]
    assert found.pose is not None
    assert abs((found.pose.turn_deg - angle + 180) % 360 - 180) < 1.6


def test_a_broken_corner_does_not_pull_the_rest_askew(tmp_path: Path) -> None:
    """What is missing is told as missing, and nothing beside it."""
    view = View(golden=golden(tmp_path, drawn(L)), align="ecc")
    bad = np.roll(drawn(L) & ~drawn(box(59, 54, 6, 6)), (3, -4), (0, 1))
    found = tools(bad, view)["golden"]
    assert found.fit is not None
    assert (found.fit.missing_area_px, found.fit.extra_area_px) == (36, 0)
    assert found.pose is not None
    assert (found.pose.shift_px, found.pose.turn_deg) == (5, 0)


def test_within_its_tolerance_an_outline_is_as_it_should_be(tmp_path: Path) -> None:
    """In px or in mm: a part that is a pixel larger all around is not too large by a millimetre."""
    large = drawn(box(19, 19, 42, 42))
    for unit, tolerance, extra in (("px", 0, 164), ("px", 1, 0), ("mm", 0.5, 0), ("mm", 0.2, 164)):
        view = View(golden=golden(tmp_path, drawn(box(20, 20, 40, 40))), tolerance=tolerance, unit=unit)  # type: ignore[arg-type]
        found = tools(large, view, calibration=scaled(tmp_path))["golden"]
        assert found.fit is not None
        assert (found.fit.extra_area_px, found.fit.missing_area_px) == (extra, 0), (unit, tolerance)


def test_a_verdict_can_name_its_golden_mask(tmp_path: Path) -> None:
    """Each gauge says id and digest; another pixel is another digest."""
    one, other = (golden(tmp_path, drawn(shape), f"plate-{n}") for n, shape in enumerate((L, box(20, 20, 40, 40))))
    names = [tools(drawn(L), View(golden=path))["golden"].template for path in (one, other)]
    assert [name.split()[0] for name in names] == ["plate-0", "plate-1"]
    assert len({name.split()[1] for name in names}) == 2


# --- zones ------------------------------------------------------------------------------------------------------


def test_a_zone_has_its_own_differences(tmp_path: Path) -> None:
    """What is missing elsewhere is no concern of it."""
    zones = {"foot": Zone(((39.5, 44.5), (64.5, 44.5), (64.5, 59.5), (39.5, 59.5))), "head": Zone(box(19, 19, 21, 20))}
    view = View(golden=golden(tmp_path, drawn(L)), zones=zones, align="ecc")
    bad = np.roll(drawn(L) & ~drawn(box(60, 50, 5, 5)), (2, 2), (0, 1))
    found = tools(bad, view, calibration=scaled(tmp_path))
    assert (found["foot"].fit, found["head"].fit) == (
        Fit(25, 0, 25, 350 / 375, 6.25, 0, 6.25),
        Fit(0, 0, 0, 1.0, 0, 0, 0),
    )
    fill = found["foot"].fill
    assert fill is not None
    assert (fill.filled_area_px, fill.filled, fill.pieces, fill.filled_area_mm2) == (350, 350 / 375, 1, 87.5)
    assert found["foot"].points[0] == Place(41.5, 46.5)


def test_material_that_has_moved_in_its_zone_is_told(tmp_path: Path) -> None:
    """A label that sits 3 px further down and 4 px further right has moved by 5 px."""
    ground, zone = box(4, 4, 88, 20), {"label": Zone(box(30, 40, 40, 40))}
    view = View(golden=golden(tmp_path, drawn(ground, box(40, 50, 10, 10))), zones=zone, align="none")
    found = tools(drawn(ground, box(44, 53, 10, 10)), view, calibration=scaled(tmp_path), each="view")["label"]
    assert found.fill is not None
    assert found.fit is not None
    assert (found.fill.moved_px, found.fill.moved_mm) == (5, 2.5)
    assert found.fit.missing_area_px == found.fit.extra_area_px == 100 - 6 * 7


def test_a_zone_without_a_golden_mask_tells_how_full_it_is() -> None:
    """And has nothing to compare with."""
    found = tools(drawn(box(10, 10, 10, 10)), View(zones={"half": Zone(box(14.5, 9.5, 10, 10))}))["half"]
    assert found.fill is not None
    assert (found.fill.filled, found.fill.moved_px, found.fit, found.template) == (0.5, None, None, "")


# --- edges ------------------------------------------------------------------------------------------------------


def test_a_gap_has_its_millimetres(tmp_path: Path) -> None:
    """Six pixels of half a millimetre, from edge to edge and not from pixel to pixel."""
    found = tools(drawn(*SLOT), slot(), calibration=scaled(tmp_path))["slot"].clearance
    assert found is not None
    assert (found.gap_px, found.distance_px, found.parallelism_px, found.inclination_deg) == (6, 6, 0, 0)
    assert (found.gap_mm, found.distance_mm, found.parallelism_mm) == (3, 3, 0)


@given(x=st.integers(0, 30), y=st.integers(0, 25), quarters=st.integers(0, 3), scale=st.sampled_from([0.01, 0.5, 2.0]))
def test_a_gap_is_the_same_wherever_it_lies(x: int, y: int, quarters: int, scale: float, folder: Path) -> None:
    """Moved by whole pixels, turned by quarters, at any scale: to the last digit but rounding."""
    middle = (SIZE[1] / 2, SIZE[0] / 2)
    shapes = [turned(each, 90 * quarters, middle) for each in (tuple((a + x, b + y) for a, b in s) for s in SLOT)]
    lines = [turned([(a + x + 0.5, b + y + 0.5) for a, b in line], 90 * quarters, middle) for line in LINES]
    view = slot(*(tuple((a - 0.5, b - 0.5) for a, b in line) for line in lines))
    found = tools(drawn(*shapes), view, calibration=scaled(folder, scale))["slot"].clearance
    assert found is not None
    assert (found.gap_px, found.distance_px, found.parallelism_px) == pytest.approx((6, 6, 0), abs=1e-9)
    assert (found.gap_mm, found.distance_mm) == pytest.approx((6 * scale, 6 * scale))


@given(angle=st.floats(0, 360))
def test_a_slanted_gap_is_known_to_a_fraction_of_a_pixel(angle: float) -> None:
    """An edge that runs over pixels at a slant is known better than its pixels, except along their diagonal."""
    middle = (33.0, 38.0)
    shapes = [turned(each, angle, middle, (15, 10)) for each in SLOT]
    lines = [turned([(a + 0.5, b + 0.5) for a, b in line], angle, middle, (15, 10)) for line in LINES]
    found = tools(drawn(*shapes), slot(*(tuple((a - 0.5, b - 0.5) for a, b in line) for line in lines)))["slot"]
    assert found.clearance is not None
    assert found.clearance.distance_px == pytest.approx(6, abs=0.45)
    assert found.clearance.gap_px <= found.clearance.distance_px
    assert found.clearance.inclination_deg < 2


def test_a_wedge_is_measured_where_it_is_narrow_and_in_the_middle() -> None:
    """From 12 px at the top to 4 px at the bottom: least, middle, difference, angle."""
    left, right = ((10, 10), (30, 10), (30, 60), (10, 60)), ((42, 10), (60, 10), (60, 60), (34, 60))
    view = slot(((29.5, 10.0), (29.5, 59.0)), ((41.5, 10.0), (33.5, 59.0)))
    found = tools(drawn(left, right), view, each="view")["slot"].clearance
    assert found is not None
    assert found.gap_px == pytest.approx(4, abs=0.3)
    assert found.distance_px == pytest.approx(8, abs=0.2)
    assert found.parallelism_px == pytest.approx(8, abs=0.4)
    assert found.inclination_deg == pytest.approx(math.degrees(math.atan(8 / 50)), abs=0.4)


def test_edges_that_cross_leave_no_gap() -> None:
    """The least distance of two lines that cross is nothing; half way it is what it is there."""
    found = opening(
        *(through(np.array([(x, y * 10.0) for y, x in enumerate(line)])) for line in ((0, 0, 0), (-1, 2, 5)))
    )
    assert not isinstance(found, Lost)
    assert found.gap == 0
    assert found.distance == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("down", [True, False])
def test_the_side_of_the_material_is_that_of_a_walker(down: bool) -> None:
    """Of two edges within reach the one is taken that has material on the right side."""
    bar = drawn(box(30, 10, 4, 60))
    line = ((31.5, 15.0), (31.5, 60.0)) if down else ((31.5, 60.0), (31.5, 15.0))
    for material, edge in (("left", 29.5), ("right", 33.5)) if down else (("right", 29.5), ("left", 33.5)):
        view = View(
            edges={"a": Edge(line, reach=4, material=material), "b": Edge(((70.0, 15.0), (70.0, 60.0)))},  # type: ignore[arg-type]
            gaps={"slot": Gap(("a", "b"))},
        )
        found = tools(bar | drawn(box(70, 10, 9, 60)), view, each="view")["slot"].clearance
        assert found is not None
        assert found.gap_px == 69.5 - edge
    flat = View(
        edges={
            "a": Edge(((15.0, 31.5), (60.0, 31.5)), reach=4, material="right"),
            "b": Edge(((15.0, 70.0), (60.0, 70.0))),
        },
        gaps={"slot": Gap(("a", "b"))},
    )
    clearance = tools((bar | drawn(box(70, 10, 9, 60))).T.copy(), flat, each="view")["slot"].clearance
    assert clearance is not None
    assert clearance.gap_px == 69.5 - 29.5


# --- patterns ---------------------------------------------------------------------------------------------------


def test_a_whole_pattern_has_its_count_and_its_pitch(tmp_path: Path) -> None:
    """Ten pins, twelve pixels apart along a row, none off its place."""
    found = tools(pins(), PINS, each="view", calibration=scaled(tmp_path))["pins"].presence
    assert found is not None
    assert (found.expected, found.present, found.absent, found.found, found.surplus, found.names) == (
        10,
        10,
        0,
        10,
        0,
        (),
    )
    assert (found.offset_px, found.pitch_px, found.pitch_error_px) == (0, 12, 0)
    assert (found.offset_mm, found.pitch_mm, found.pitch_error_mm) == (0, 6, 0)


def test_what_is_absent_has_a_name_and_what_is_too_much_a_count() -> None:
    """Places that are empty, and things that are at no place."""
    found = tools(pins((2, 1), (4, 0)) | drawn(box(80, 80, 5, 5)), PINS, each="view")["pins"]
    presence = found.presence
    assert presence is not None
    assert (presence.present, presence.absent, presence.found, presence.surplus) == (8, 2, 9, 1)
    assert presence.names == ("5-1", "3-2")
    assert found.points[8:] == (Place(59.5, 21.5), Place(35.5, 36.5))


def test_a_pin_that_is_off_its_place_is_told() -> None:
    """Within the tolerance it is present, and the pitch says by how much; beyond it is absent, and too much."""
    found = tools(pins(shift={(1, 0): (2, 0)}), PINS, each="view")["pins"].presence
    assert found is not None
    assert (found.present, found.offset_px, found.pitch_px, found.pitch_error_px) == (10, 2, 12, 2)
    found = tools(pins(shift={(1, 0): (4, 0)}), PINS, each="view")["pins"].presence
    assert found is not None
    assert (found.present, found.surplus, found.names) == (9, 1, ("2-1",))


def test_holes_of_a_part_are_a_pattern_too(tmp_path: Path) -> None:
    """At places that move with the part."""
    whole = drawn(box(20, 20, 50, 30)) & ~drawn(box(25, 30, 4, 4), box(55, 30, 4, 4))
    pattern = Pattern(tolerance=2, find="holes", places={"left": (26.5, 31.5), "right": (56.5, 31.5)})
    view = View(golden=golden(tmp_path, whole), align="ecc", patterns={"holes": pattern})
    for part, names in ((whole, ()), (whole | drawn(box(55, 30, 4, 4)), ("right",))):
        found = tools(np.roll(part, (9, -7), (0, 1)), view)["holes"].presence
        assert found is not None
        assert (found.names, found.pitch_px) == (names, None if names else 30)


def test_only_things_in_the_zone_of_a_pattern_count() -> None:
    """What lies elsewhere is not its concern; specks are none anywhere."""
    zone = {"tray": Zone(box(5, 15, 60, 40))}
    pattern = replace(PINS.patterns["pins"], zone="tray", min_area=4)
    found = tools(
        pins() | drawn(box(80, 80, 5, 5), box(16, 28, 1, 1)), View(zones=zone, patterns={"pins": pattern}), each="view"
    )["pins"].presence
    assert found is not None
    assert (found.found, found.surplus) == (10, 0)


@given(x=st.integers(0, 20), y=st.integers(0, 30))
def test_a_pattern_is_the_same_wherever_it_lies(x: int, y: int, folder: Path) -> None:
    """Once it is aligned, nothing depends on where it was seen."""
    view = replace(PINS, golden=golden(folder, pins(), "tray"), align="centroid")
    found = tools(np.roll(pins(), (y, x), (0, 1)), view, each="view")["pins"].presence
    assert found is not None
    assert (found.present, found.offset_px, found.pitch_px) == pytest.approx((10, 0, 12), abs=1e-6)


# --- millimetres ------------------------------------------------------------------------------------------------


def test_a_layout_in_millimetres_is_the_one_in_pixels(tmp_path: Path) -> None:
    """Coordinates, reach and tolerance are those of the plane; what is measured is the same."""
    scale = scaled(tmp_path)

    def mm(points: Any) -> Any:
        return tuple(tuple(value * PIXEL for value in point) for point in points)

    zones, edges = {"foot": Zone(box(39.5, 44.5, 25, 15))}, {n: Edge(line) for n, line in zip("ab", LINES, strict=True)}
    view = View(zones=zones, edges=edges, gaps={"slot": Gap(("a", "b"))}, patterns=PINS.patterns)
    plane = View(
        unit="mm",
        zones={"foot": Zone(mm(zones["foot"].corners))},
        edges={name: replace(edge, line=mm(edge.line), reach=edge.reach * PIXEL) for name, edge in edges.items()},
        gaps=view.gaps,
        patterns={"pins": Pattern(tolerance=1.5, grid=Grid((5.75, 10.75), 5, 2, (6, 7.5)))},
    )
    for shown in (drawn(L), drawn(*SLOT), pins((1, 1))):
        assert tools(shown, plane, calibration=scale, each="view") == tools(shown, view, calibration=scale, each="view")


def test_a_golden_mask_is_the_same_part_in_another_crop(tmp_path: Path) -> None:
    """Where the crop of a prompt has the same size, a part is aligned wherever it lies; else its pixels are others."""
    said: dict[str, Any] = {"roi": (100, 200, 192, 192)}
    view = View(golden=golden(tmp_path, drawn(L), **said), align="ecc")
    shown = np.roll(drawn(L), (3, 3), (0, 1))
    for roi, fault in (
        (Roi(500, 200, 192, 192), ""),
        (Roi(100, 200, 384, 384), "WRONG_ROI"),
        (None, ""),
    ):
        found = tools(seen(shown, roi=roi), view)["golden"]
        assert found.fault == fault
    found = tools(seen(drawn(L), roi=Roi(500, 200, 192, 192)), replace(view, align="none"))["golden"]
    assert found.note == "the golden mask was seen in the crop 192×192 at (100, 200), not 192×192 at (500, 200)"


LENS = Lens(fx=3000.0, fy=2900.0, cx=2000.0, cy=1500.0, k1=-0.2, k2=0.05, p1=0.001, p2=-0.002)
TILTED = ((0.05, 0.001, -3.0), (-0.002, 0.049, 5.0), (1e-6, 2e-6, 1.0))


@given(x=st.floats(0, 4055), y=st.floats(0, 3039), lens=st.sampled_from([None, LENS]))
def test_from_the_plane_to_the_sensor_is_the_way_back(x: float, y: float, lens: Lens | None) -> None:
    """Through a homography, a lens and a crop: no half pixel is lost in either direction."""
    known = Calibration("c", "2026-11-26", homography=TILTED, lens=lens)
    places = np.array([[x, y]])
    assert seen_at(known, carried(known, places)) == pytest.approx(places, abs=1e-3)
    roi, size = Roi(100, 200, 640, 480), (96, 128)
    assert in_crop(roi, size, on_sensor(roi, size, places)) == pytest.approx(places, abs=1e-9)


# --- never good without being measured ---------------------------------------------------------------------------


def faults(found: dict[str, Gauge]) -> dict[str, str]:
    """Why each tool measured nothing."""
    for each in found.values():
        assert not each.fault or (each.fit, each.pose, each.fill, each.clearance, each.presence) == (None,) * 5
    return {name: each.fault for name, each in found.items()}


EVERY: dict[str, Any] = {
    "zones": {"foot": Zone(box(40, 45, 24, 14))},
    "edges": {"a": Edge(((19.5, 25.0), (19.5, 55.0))), "b": Edge(((39.5, 25.0), (39.5, 40.0)))},
    "gaps": {"arm": Gap(("a", "b"))},
    "patterns": {"one": Pattern(tolerance=20, places={"it": (38.0, 45.0)})},
}


def test_what_is_no_such_part_is_not_aligned(tmp_path: Path) -> None:
    """Then no tool says anything: where would it look?"""
    view = View(golden=golden(tmp_path, drawn(L)), align="centroid", alike=0.8, **EVERY)
    found = tools(drawn(box(20, 20, 60, 12)), view)
    assert faults(found) == dict.fromkeys(("golden", "foot", "arm", "one"), "NOT_ALIGNED")
    assert found["arm"].note.startswith("its overlap with what is seen (IoU) is 0.")
    assert faults(tools(drawn(L), view)) == dict.fromkeys(("golden", "foot", "arm", "one"), "")


@pytest.mark.parametrize(
    ("view", "shown", "note"),
    [
        ({"max_shift": 4.0}, np.roll(drawn(L), 5, 1), "it would have to move by 5.0 px, at most 4 px are allowed"),
        ({"max_turn": 5.0}, drawn(turned(L, 10, HERE)), "it would have to turn by 10.0°, at most 5° are allowed"),
        ({}, np.zeros(SIZE, bool), "nothing is there that it could be aligned with"),
    ],
)
def test_a_part_that_lies_where_it_may_not_is_not_aligned(
    view: dict[str, float], shown: Dense, note: str, tmp_path: Path
) -> None:
    """Too far, too much turned, not there."""
    made = View(golden=golden(tmp_path, drawn(L)), align="ecc", **view)  # type: ignore[arg-type]
    found = tools(shown, made, each="view")["golden"]
    assert found.fault == "NOT_ALIGNED"
    assert found.note.replace("9.9", "10.0").replace("10.1", "10.0") == note


def test_an_alignment_that_does_not_converge_is_told(tmp_path: Path) -> None:
    """A view that is full from edge to edge has no outline that could be followed."""
    view = View(golden=golden(tmp_path, drawn(L)), align="ecc", alike=0.0)
    found = tools(np.ones(SIZE, bool), view, each="view")["golden"]
    assert (found.fault, found.note) == ("NOT_ALIGNED", "the alignment did not converge")


def test_masks_of_another_size_are_not_compared(tmp_path: Path) -> None:
    """Pixels of another size are no pixels of this golden mask."""
    view = View(golden=golden(tmp_path, drawn(L)), **EVERY)
    found = tools(drawn(L, size=(128, 128)), view)
    assert set(faults(found).values()) == {"WRONG_SIZE"}
    assert found["foot"].note == "the golden mask has 96×96 px, this view 128×128"


def test_a_part_that_is_cut_off_is_not_compared(tmp_path: Path) -> None:
    """What is missing out of view, nobody can say; tools that are all in view still measure."""
    view = View(golden=golden(tmp_path, drawn(L)), align="ecc", **EVERY)
    found = tools(drawn(tuple((x - 24, y) for x, y in L)), view)
    assert faults(found) == {"golden": "OUT_OF_VIEW", "foot": "", "arm": "OUT_OF_VIEW", "one": ""}
    assert faults(tools(drawn(tuple((x + 35, y) for x, y in L)), view))["foot"] == "OUT_OF_VIEW"


def test_an_edge_that_is_not_there_is_not_measured() -> None:
    """Neither where there is no material, nor where there is too little of it."""
    found = tools(drawn(box(10, 10, 20, 50)), slot())["slot"]
    assert (found.fault, found.note) == (
        "NO_EDGE", "edge 'b': material begins or ends along 0% of its line, at least 50% is needed"
    )  # fmt: skip
    half = tools(drawn(box(10, 10, 20, 50), box(36, 10, 20, 12), box(10, 60, 46, 10)), slot(), each="view")["slot"]
    assert half.note == "edge 'b': material begins or ends along 19% of its line, at least 50% is needed"
    short = tools(drawn(*SLOT), slot(LINES[0], ((35.5, 20.2), (35.5, 22.1))))["slot"]
    assert short.note == "edge 'b': its line crosses 2 rows or columns of pixels, at least 3 are needed"
    apart = tools(drawn(*SLOT), slot(((29.5, 12.0), (29.5, 30.0)), ((35.5, 35.0), (35.5, 55.0))))["slot"]
    assert (apart.fault, apart.note) == ("NO_EDGE", "the two edges do not face each other")
    out = tools(drawn(*SLOT), slot(((1.5, 12.0), (1.5, 30.0)), LINES[1]))["slot"]
    assert (out.fault, out.note) == ("OUT_OF_VIEW", "edge 'a': where it is looked for is not all in view")


def test_a_prompt_that_has_no_view_has_no_template() -> None:
    """One gauge stands for all the tools that are not there, and says which views there are."""
    found = tools(seen(drawn(L), prompt="hub"), View(), prompt="rim")
    assert faults(found) == {"golden": "NO_TEMPLATE"}
    assert found["golden"].note == "the layout has no view for the prompt 'hub'; it has rim"


def test_each_prompt_has_its_own_view(tmp_path: Path) -> None:
    """And `*` is for those that have none."""
    views = {"rim": View(zones={"seal": Zone(box(10, 10, 9, 9))}), "*": View(golden=golden(tmp_path, drawn(L)))}
    for prompt, names in (("rim", {"seal"}), ("hub", {"golden"}), ("", {"golden"})):
        (found,) = gauge(iter([seen(drawn(L), prompt=prompt)]), views=views)
        assert isinstance(found, Regions)
        assert {each.tool for each in found.regions[0].gauges} == names


def test_other_regions_and_gaps_pass_as_they_are(tmp_path: Path) -> None:
    """Only regions of its label are measured; a frame that shows none is the same object."""
    views = {"*": View(golden=golden(tmp_path, drawn(L)))}
    other, lost = seen(drawn(L), label="pit"), gap(1, 2)
    found = [*gauge(iter([other, lost]), views=views)]
    assert found[0] is other
    assert found[1] is lost
    assert isinstance(found[1], Missing)


def test_a_view_as_a_whole_is_one_more_region() -> None:
    """Also where nothing was found: then it is empty, and its tools say so."""
    (found,) = gauge(iter([seen(pins())]), views={"*": PINS}, each="view")
    assert isinstance(found, Regions)
    assert len(found.regions) == 11
    whole = found.regions[-1]
    assert (whole.label, whole.area_px, whole.box, whole.whole) == ("view", 160, (10, 20, 52, 19), True)
    assert whole.centroid == (35.5, 29.0)
    (empty,) = gauge(iter([seen(np.zeros(SIZE, bool))]), views={"*": PINS}, each="view")
    assert isinstance(empty, Regions)
    presence = empty.regions[-1].gauges[0].presence
    assert presence is not None
    assert (empty.regions[-1].label, presence.present, presence.absent) == ("view", 0, 10)
