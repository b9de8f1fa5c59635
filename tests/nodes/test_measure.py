"""Measuring: the same numbers as counting pixel by pixel, wherever the piece is and whichever way it looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.transforms.measure import measure, measured
from nodes.transforms.track import track
from pipeline.records import Reading, Region, Tracks
from tests.nodes import oracle
from tests.nodes.paths import kernels
from tests.nodes.scenes import frame, pixels
from tests.strategies import pixels as drawn
from tests.strategies import sizes

__all__ = ["kernels"]  # every test runs with and without them
pytestmark = pytest.mark.timeout(400)  # on a new machine the first of them waits until the kernels are compiled

Pixels = oracle.Pixels


def found(mask: Pixels) -> list[Region]:
    """The regions of a mask, in an order that does not depend on who found them."""
    return sorted(measured(frame(mask)).regions, key=lambda region: (region.box, region.area_px))


def numbers(mask: Pixels) -> list[tuple[Any, ...]]:
    """What is measured of each region, less its pixels, in an order of its own."""
    return sorted((r.area_px, r.box, r.holes, r.hole_area_px, round(r.extent, 9), r.whole) for r in found(mask))


def counted(mask: Pixels) -> list[tuple[Any, ...]]:
    """The same, pixel by pixel."""
    told = []
    for piece in oracle.pieces(mask):
        (top, left), (bottom, right) = np.min([*piece], axis=0).tolist(), np.max([*piece], axis=0).tolist()
        holes = oracle.holes(mask, piece)
        box = (left, top, right - left + 1, bottom - top + 1)
        whole = top > 0 and left > 0 and bottom < mask.shape[0] - 1 and right < mask.shape[1] - 1
        extent = round(len(piece) / (box[2] * box[3]), 9)
        told.append((len(piece), box, len(holes), sum(map(len, holes)), extent, whole))
    return sorted(told)


@settings(deadline=None)
@given(sizes(24).flatmap(drawn))
def test_numbers_are_those_of_the_oracle(mask: Pixels) -> None:
    """Area, box, holes, extent and wholeness agree with counting pixel by pixel, also in noise."""
    assert numbers(mask) == counted(mask)


@settings(deadline=None)
@given(sizes(24).flatmap(drawn))
def test_regions_part_the_mask(mask: Pixels) -> None:
    """Every pixel that is set belongs to one region, and to one only; areas and centroids are those of its pixels."""
    regions = found(mask)
    assert (sum((r.mask.dense.astype(int) for r in regions), np.zeros(mask.shape, int)) == mask).all()
    for region in regions:
        rows, columns = region.mask.dense.nonzero()
        assert region.area_px == len(rows) == region.mask.area
        assert region.centroid == pytest.approx((columns.mean(), rows.mean()))


@settings(deadline=None)
@given(sizes(16).flatmap(drawn), st.integers(1, 9), st.integers(1, 9))
def test_translation(mask: Pixels, right: int, down: int) -> None:
    """A piece that lies elsewhere measures the same, and its place moves by as much."""
    height, width = mask.shape
    inner, moved = (np.zeros((height + 20, width + 20), bool) for _ in range(2))
    inner[1 : height + 1, 1 : width + 1] = mask
    moved[1 + down : height + 1 + down, 1 + right : width + 1 + right] = mask
    for before, after in zip(found(inner), found(moved), strict=True):
        assert after.box == (before.box[0] + right, before.box[1] + down, *before.box[2:])
        assert after.centroid == pytest.approx((before.centroid[0] + right, before.centroid[1] + down))
        assert (before.holes, before.hole_area_px) == (after.holes, after.hole_area_px)


@settings(deadline=None)
@given(sizes(20).flatmap(drawn))
def test_mirror(mask: Pixels) -> None:
    """Seen in a mirror, or turned by a quarter, everything but the place is the same."""
    plain = sorted((n[0], n[2], n[3], n[4], n[5]) for n in numbers(mask))
    assert plain == sorted((n[0], n[2], n[3], n[4], n[5]) for n in numbers(mask[:, ::-1]))
    assert plain == sorted((n[0], n[2], n[3], n[4], n[5]) for n in numbers(mask.T))


def test_an_empty_mask_has_no_region() -> None:
    """Nothing found is no region, not one of 0 px."""
    assert found(np.zeros((8, 8), bool)) == []


def test_a_frame_without_layers_is_an_empty_view() -> None:
    """The record is there all the same: it is the denominator of every rate."""
    from pipeline.records import Frame

    bare = Frame(camera="cam-1", session="s1", seq=3, t_ns=9, size=(8, 8), prompt="lid", model="abc")
    told = measured(bare)
    assert (told.seq, told.t_ns, told.size, told.regions, told.prompt, told.model) == (3, 9, (8, 8), (), "lid", "abc")


def test_corners_connect_pieces_but_not_holes() -> None:
    """Diagonal pixels are one piece, and their diagonal gaps are two holes."""
    (region,) = found(
        pixels(
            ".......",
            ".####..",
            ".#.##..",
            ".##.##.",
            ".#####.",
            ".......",
        )
    )
    assert (region.holes, region.hole_area_px) == (2, 2)


def test_a_bay_is_no_hole() -> None:
    """What is open to the outside, or to the edge of the view, is no hole."""
    (cup,) = found(pixels(".....", ".#.#.", ".#.#.", ".###.", "....."))
    (edge,) = found(pixels("#.#", "#.#", "###"))
    assert cup.holes == edge.holes == 0


def test_an_island_belongs_to_itself() -> None:
    """A piece in a hole is a region of its own; hole and island count for nobody else."""
    outer, inner = found(
        pixels(
            "#########",
            "#.......#",
            "#.#####.#",
            "#.#...#.#",
            "#.#####.#",
            "#.......#",
            "#########",
        )
    )
    assert (outer.area_px, outer.holes, outer.hole_area_px, outer.whole) == (28, 1, 20, False)
    assert (inner.area_px, inner.holes, inner.hole_area_px, inner.whole) == (12, 1, 3, True)


def test_layers_are_measured_apart() -> None:
    """Two layers that overlap do not melt into one; each region has its layer's label and score."""
    both = frame(pixels("##..", "##.."), pixels(".##.", ".##."))
    told = replace(
        both, layers=(replace(both.layers[0], label="part"), replace(both.layers[1], label="pit", score=0.5))
    )
    assert [(r.label, r.area_px, r.score) for r in measured(told).regions] == [("part", 4, 1.0), ("pit", 4, 0.5)]


def test_a_single_region_shares_its_layers_mask() -> None:
    """The usual case copies no pixels."""
    one = frame(pixels("....", ".##.", "...."))
    assert measured(one).regions[0].mask is one.layers[0].mask


def test_thousands_of_pieces_get_their_own_numbers() -> None:
    """A large noisy mask has more pieces than 16 bits can number: none is lost and none melts into another."""
    mask = np.zeros((1024, 1024), bool)
    mask[::2, ::2] = True
    from nodes.transforms.components import components

    assert components(mask).count == 512 * 512


def test_what_the_camera_read_off_itself_goes_on() -> None:
    """With what was measured, and with what is followed."""
    read = Reading(exposure_us=8000, lux=400.0)
    told = replace(measured(replace(frame(np.ones((4, 4), bool)), reading=read)), calibration="bench-7")
    assert told.reading is read
    (followed,) = (each for each in track(iter([told])) if isinstance(each, Tracks))
    assert (followed.reading, followed.calibration) == (read, "bench-7")


def test_nothing_is_measured_while_the_crop_settles() -> None:
    """A mask that may be of another place becomes no measurement; one of an unknown place says so."""
    shown = frame(np.ones((4, 4), bool))
    assert measure(replace(shown, epoch="settling")) is None
    told = [measure(replace(shown, epoch=epoch)) for epoch in ("settled", "unknown")]
    assert [each.epoch for each in told if each] == ["settled", "unknown"]
