"""Cleaning: noise goes, everything else stays as it was, and nothing to do costs nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.transforms.clean import clean
from pipeline.errors import MaskError
from pipeline.records import Frame, Layer, Scores
from tests.nodes import oracle
from tests.nodes.paths import kernels
from tests.nodes.scenes import frame, pixels
from tests.strategies import pixels as drawn
from tests.strategies import sizes

__all__ = ["kernels"]  # every test runs with and without them
pytestmark = pytest.mark.timeout(400)  # on a new machine the first of them waits until the kernels are compiled

Pixels = oracle.Pixels


def cleaned(mask: Pixels, **params: Any) -> Pixels:
    """The mask of a frame with one layer, cleaned by nothing but what is asked for."""
    return clean(frame(mask), **{"min_area": 0, **params}).layers[0].mask.dense


@settings(deadline=None)
@given(sizes(20).flatmap(drawn), st.integers(0, 12))
def test_specks_are_pieces_that_are_too_small(mask: Pixels, least: int) -> None:
    """What stays is exactly the pieces of at least `min_area` pixels."""
    kept = [piece for piece in oracle.pieces(mask) if len(piece) >= least]
    assert (cleaned(mask, min_area=least) == oracle.paint(mask.shape, set().union(*kept))).all()


@settings(deadline=None)
@given(sizes(20).flatmap(drawn), st.integers(0, 12))
def test_pinholes_are_holes_that_are_too_small(mask: Pixels, most: int) -> None:
    """What is added is exactly the holes of at most `fill_holes` pixels; a bay at the edge is no hole."""
    height, width = mask.shape
    empty = [p for p in oracle.pieces(~mask, corners=False) if len(p) <= most]
    small = [p for p in empty if all(0 < y < height - 1 and 0 < x < width - 1 for y, x in p)]
    assert (cleaned(mask, fill_holes=most) == mask | oracle.paint(mask.shape, set().union(*small))).all()


@settings(deadline=None)
@given(sizes(20).flatmap(drawn), st.integers(1, 3), st.integers(0, 12), st.integers(0, 12))
def test_laws(mask: Pixels, radius: int, least: int, most: int) -> None:
    """Opening only takes, closing only adds, and each step done twice is done once."""
    assert not (cleaned(mask, opening=radius) & ~mask).any()
    assert not (mask & ~cleaned(mask, closing=radius)).any()
    for params in ({"opening": radius}, {"closing": radius}, {"min_area": least}, {"fill_holes": most}):
        once = cleaned(mask, **params)
        assert (cleaned(once, **params) == once).all()


@settings(deadline=None)
@given(sizes(20).flatmap(drawn))
def test_the_largest_piece_alone_stays(mask: Pixels) -> None:
    """With `keep_largest` at most one piece is left, and none was larger."""
    kept = oracle.pieces(cleaned(mask, keep_largest=1))
    areas = [len(piece) for piece in oracle.pieces(mask)]
    assert [len(piece) for piece in kept] == ([max(areas)] if areas else [])


def test_a_largest_piece_that_is_a_speck_goes_too() -> None:
    """`keep_largest` does not save what is too small."""
    assert not cleaned(pixels("#...", "...."), keep_largest=1, min_area=2).any()


def test_nothing_to_do_costs_nothing() -> None:
    """A frame that was clean is passed on as the same object: no pixel was copied."""
    tidy = frame(np.pad(np.ones((8, 8), bool), 4))
    assert clean(tidy) is tidy
    assert clean(tidy, min_area=9, fill_holes=9, closing=1, keep_largest=1) is tidy
    empty = frame(np.zeros((8, 8), bool))
    assert clean(empty, keep_largest=1) is empty


def test_a_clean_layer_beside_a_noisy_one_stays_the_same() -> None:
    """Only what changed is new; labels and scores stay."""
    both = frame(np.pad(np.ones((8, 8), bool), 4), pixels(*["#" + "." * 15, *["." * 16] * 15]))
    told = clean(both)
    assert told.layers[0] is both.layers[0]
    assert not told.layers[1].mask.dense.any()
    assert (told.seq, told.layers[1].label) == (both.seq, "part")


def test_opening_takes_off_what_is_thin_and_closing_fills_what_is_narrow() -> None:
    """A hair goes, a slit closes."""
    plate = np.pad(np.ones((12, 12), bool), 6)
    hairy, slit = plate.copy(), plate.copy()
    hairy[10, 18:22] = True
    slit[6:14, 11] = False
    assert not cleaned(hairy, opening=1)[:, 19:].any()
    assert cleaned(slit, closing=1)[7:14, 11].all()


def scored(values: list[list[int]], scale: float, zero_point: int) -> Frame:
    """A frame whose only layer has scores, and a mask that says nothing of them."""
    data = np.array(values, np.int8)
    bare = frame(np.zeros(data.shape, bool))
    scores = Scores(data.shape, data.tobytes(), scale, zero_point)
    return replace(bare, layers=(replace(bare.layers[0], scores=scores),))


@given(
    values=st.lists(st.lists(st.integers(-128, 127), min_size=3, max_size=3), min_size=1, max_size=4),
    scale=st.floats(1e-3, 10.0),
    zero_point=st.integers(-128, 127),
    threshold=st.floats(-300.0, 300.0),
)
def test_scores_are_cut_where_asked(values: list[list[int]], scale: float, zero_point: int, threshold: float) -> None:
    """Inside is what scores more than the threshold, in logits, ends of the range included."""
    told = clean(scored(values, scale, zero_point), threshold=threshold, min_area=0).layers[0].mask.dense
    bound = zero_point + threshold / scale
    assert told.tolist() == [[value > bound for value in row] for row in values]


def test_scores_are_left_alone_unless_asked() -> None:
    """The sensor's own mask counts as long as nobody gives a threshold."""
    told = scored([[127, 127]], 0.1, 0)
    assert clean(told, min_area=0) is told


def test_a_layer_without_scores_keeps_its_mask() -> None:
    """A threshold means nothing where there are no scores."""
    bare = frame(pixels("#"))
    assert clean(bare, threshold=3.0, min_area=0) is bare


def test_a_damaged_score_map_is_refused() -> None:
    """Bytes that are not height × width raise; the line makes a gap of it."""
    layer = Layer("part", frame(pixels("##")).layers[0].mask, scores=Scores((1, 2), b"\0", 0.1))
    with pytest.raises(MaskError, match=r"^expected 1×2 scores, found 1 bytes of 1×2$"):
        clean(replace(frame(pixels("##")), layers=(layer,)), threshold=0.0)


@given(sizes(20).flatmap(drawn), st.integers(0, 3))
def test_the_largest_pieces_stay(mask: Pixels, most: int) -> None:
    """As many as are asked for, none of those that go is larger than one that stays; 0 keeps all."""
    areas = sorted((len(piece) for piece in oracle.pieces(mask)), reverse=True)
    kept = sorted((len(piece) for piece in oracle.pieces(cleaned(mask, keep_largest=most))), reverse=True)
    assert kept == (areas[:most] if most else areas)


@given(sizes(24).flatmap(drawn), st.integers(0, 4), st.integers(0, 4))
def test_opening_and_closing_are_those_of_scikit_image(mask: Pixels, opening: int, closing: int) -> None:
    """By its discs, with nothing taken away at the edge of the view."""
    import skimage.morphology as morphology  # noqa: PLR0402 - it does not say that it exports it

    wide = np.pad(mask, 12, mode="constant", constant_values=True)
    opened = mask
    if opening:
        eroded = morphology.erosion(wide, morphology.disk(opening))[12:-12, 12:-12]
        opened = morphology.dilation(np.pad(eroded, 12), morphology.disk(opening))[12:-12, 12:-12]
    closed = opened
    if closing:
        dilated = morphology.dilation(np.pad(opened, 12), morphology.disk(closing))[12:-12, 12:-12]
        wide = np.pad(dilated, 12, mode="constant", constant_values=True)
        closed = morphology.erosion(wide, morphology.disk(closing))[12:-12, 12:-12]
    assert (cleaned(mask, opening=opening, closing=closing) == closed).all()


@given(
    st.lists(st.lists(st.integers(-9, 9), min_size=7, max_size=7), min_size=1, max_size=7),
    st.integers(-9, 9),
    st.integers(0, 9),
)
def test_hysteresis_is_that_of_scikit_image(values: list[list[int]], weak: int, more: int) -> None:
    """What is weak stays in the pieces that have something strong, corners included."""
    from skimage.measure import label

    told = clean(scored(values, 1.0, 0), threshold=weak + more, hysteresis=weak, min_area=0).layers[0].mask.dense
    scores = np.array(values)
    pieces = label(scores > weak, connectivity=2)
    assert (told == np.isin(pieces, np.unique(pieces[scores > weak + more]))).all()


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 12)),
    seed=st.integers(0, 99),
    threshold=st.sampled_from([-300.0, -128.0, -20.0, 0.0, 20.0, 127.0, 300.0]),
    radii=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    limits=st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 9)),
)
def test_cut_and_tidied_at_once_is_cut_then_tidied(
    size: tuple[int, int], seed: int, threshold: float, radii: tuple[int, int], limits: tuple[int, int, int]
) -> None:
    """Whoever does both in one call sees the same pixels as whoever takes two; also in views of several words."""
    values = np.random.default_rng(seed).integers(-128, 128, size)
    values = (values * np.abs(values) // 128).tolist()
    names = "opening", "closing", "min_area", "keep_largest", "fill_holes"
    tidy: dict[str, Any] = dict(zip(names, (*radii, *limits), strict=True))
    once = clean(scored(values, 1.0, 0), threshold=threshold, **tidy)
    twice = clean(clean(scored(values, 1.0, 0), threshold=threshold, min_area=0), **tidy)
    assert once == twice


def test_hysteresis_asks_for_a_threshold_above_it() -> None:
    """Both faults are told when the file is checked."""
    spec = clean.spec  # type: ignore[attr-defined]
    told = [
        [(flaw.path, flaw.text) for flaw in spec.check(spec.params(**params))]
        for params in ({"hysteresis": -1.0}, {"hysteresis": 2.0, "threshold": 1.0}, {"hysteresis": 0.0, "threshold": 1})
    ]
    assert told == [
        [(("hysteresis",), "expected `threshold` beside it: what is weak stays where something strong is")],
        [(("hysteresis",), "expected at most `threshold`, which is 1, got 2")],
        [],
    ]


def test_a_zone_keeps_the_pixels_whose_centres_are_in_it() -> None:
    """Its border belongs to it; a slanting side cuts between centres; nothing outside is the same object."""
    full = frame(np.ones((4, 5), bool))
    told = clean(full, zone=[(1, 1), (3, 1), (3, 2), (1, 2)], min_area=0).layers[0].mask.dense
    assert (told == pixels(".....", ".###.", ".###.", ".....")).all()
    told = clean(full, zone=[(-1, -1), (4.5, -1), (-1, 4.5)], min_area=0).layers[0].mask.dense
    assert (told == pixels("####.", "###..", "##...", "#....")).all()
    assert clean(full, zone=[(-1, -1), (9, -1), (9, 9), (-1, 9)], min_area=0) is full


@given(st.lists(st.tuples(st.floats(-3, 15), st.floats(-3, 15)), min_size=3, max_size=6))
def test_zones_are_those_of_opencv(corners: list[tuple[float, float]]) -> None:
    """OpenCV's own test of a point says the same of every centre that is not all but on the border."""
    import cv2

    from nodes.transforms.clean import polygon

    inside = polygon(tuple(corners), (12, 12)).dense
    outline = np.array(corners, np.float32)
    for y in range(12):
        for x in range(12):
            away = cv2.pointPolygonTest(outline, (x, y), measureDist=True)
            if abs(away) > 5e-4:
                assert inside[y, x] == (away > 0)
