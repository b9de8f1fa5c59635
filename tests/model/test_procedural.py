"""The generator: each sample follows from its number, shows what it claims, and is prompted like everything else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from model.cli import main
from model.data.sample import DataError, Look, Sample
from model.procedural.kinds import KINDS
from model.procedural.scene import WORLD, Layer, Scene
from model.procedural.shapes import Shape, Stroke, blob, draw, moved, star, superellipse
from model.procedural.source import SMALLEST, Procedural
from model.procedural.surface import Fields, Material
from model.prompt import SIDE, Crop, box_of
from nodes.sensors.prompts import aims
from nodes.sensors.virtual.pictures import ImageScene

EXACT = Look(jitter=0.0)


def _samples(count: int, seed: int = 0, kinds: tuple[str, ...] = (), look: Look = EXACT) -> list[Sample]:
    source = Procedural(seed, kinds=kinds, look=look)
    return [source.sample(index, np.random.default_rng(index)) for index in range(count)]


def _flat(crop: Crop) -> np.ndarray:
    return np.zeros((SIDE, SIDE), np.float32)


def _same(one: Sample, other: Sample) -> bool:
    return bool((one.picture == other.picture).all() and (one.mask == other.mask).all())


def test_a_sample_follows_from_its_number() -> None:
    """The same again from another source, in another order; another seed shows something else."""
    first = _samples(9)
    source = Procedural(0, look=EXACT)
    again = [source.sample(index, np.random.default_rng(index)) for index in reversed(range(9))]
    assert all(_same(*pair) for pair in zip(first, reversed(again), strict=True))
    assert not any(_same(*pair) for pair in zip(first, _samples(9, seed=1), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_meant_fills_its_crop_and_can_be_seen(kind: str) -> None:
    """Centred, two thirds of the crop wide, and told from what surrounds it by more than noise, nearly always."""
    samples = _samples(24, kinds=(kind,))
    seen = 0
    for sample in samples:
        x, y, width, height = box_of(sample.mask)
        assert 48 <= max(width, height) <= 68
        assert max(abs(x + width / 2 - SIDE / 2), abs(y + height / 2 - SIDE / 2)) <= 6
        seen += _contrast(sample) > 4
    assert seen >= 20


def _contrast(sample: Sample) -> float:
    """How far colours on both sides of the outline are apart, 0…255."""
    mask = sample.mask.view(np.uint8)
    smooth = cv2.blur(sample.picture, (3, 3))
    near = cv2.dilate(mask, np.ones((13, 13), np.uint8)).astype(bool) & ~cv2.dilate(mask, np.ones((3, 3))).astype(bool)
    return float(np.abs(smooth[sample.mask].mean(0) - smooth[near].mean(0)).max())


def test_every_kind_has_its_turn() -> None:
    """As many of each; some have rivals in view, most have none."""
    samples = _samples(90)
    assert [sample.kind for sample in samples] == [*KINDS] * 10
    assert min(sample.mask.sum() for sample in samples) >= SMALLEST
    rivals = [sample.rivals for sample in samples]
    assert 0.5 < rivals.count(0) / 90 < 0.95


def test_a_careless_box_moves_the_crop_and_nothing_else() -> None:
    """The scene stays; what is meant is no longer in the middle."""
    exact, careless = _samples(6), _samples(6, look=Look(jitter=0.3))
    assert not any(_same(*pair) for pair in zip(exact, careless, strict=True))
    assert [one.area for one in exact] == [one.area for one in careless]


def test_a_point_is_a_prompt_as_well() -> None:
    """What is meant is at the middle of a crop of 96 px, at its own scale."""
    for sample in _samples(9, look=Look(prompt="point")):
        assert sample.mask[44:52, 44:52].any()


def test_an_unknown_kind_is_refused() -> None:
    """With what there is."""
    with pytest.raises(DataError, match=r"kind 'pits': expected 'part', 'pit', .*; did you mean 'pit'"):
        Procedural(kinds=("pits",))


def test_a_shape_is_the_same_at_every_scale() -> None:
    """Drawn whole, and drawn through a crop of twice the scale: the same places within a pixel."""
    dice = np.random.default_rng(4)
    shape = Shape(
        (moved(blob(dice, 60), (200, 180), 1.0, 1.5),), holes=(superellipse(2, 20) + np.array([200, 180], np.float32),)
    )
    whole = draw(shape, Crop(0, 0, 400), 400)
    part = draw(shape, Crop(100, 100, 200), 400)
    smaller = cv2.resize(part, (200, 200), interpolation=cv2.INTER_AREA) > 127
    assert (smaller != (whole[100:300, 100:300] > 127)).sum() < 250  # of an outline of some 500 px
    assert whole[180, 200] == 0


def test_shapes_have_the_size_they_are_asked_for() -> None:
    """Polygons by their area, lines by their width, cut by what they lie in."""
    square, crop = Shape((superellipse(50, 30) + np.array([50, 50], np.float32),)), Crop(0, 0, 100)
    assert (draw(square, crop, 400) > 0).mean() == pytest.approx(0.36, rel=0.03)
    line = Shape(strokes=(Stroke(np.array([[20, 50], [80, 50]], np.float32), np.array([10], np.float32)),))
    assert (draw(line, crop, 400) > 0).mean() == pytest.approx(0.06 + 0.25 * np.pi * 0.01, rel=0.05)
    half = Shape((np.array([[0, 0], [50, 0], [50, 100], [0, 100]], np.float32),))
    assert (draw(square._replace(within=half), crop, 400) > 0).mean() == pytest.approx(0.18, rel=0.04)
    assert (draw(square._replace(without=half), crop, 400) > 0).mean() == pytest.approx(0.18, rel=0.04)
    assert np.hypot(*star(6, 10, 0.3).T).min() == pytest.approx(7, rel=1e-5)


def test_the_mask_is_where_the_scene_says() -> None:
    """A black square on white, without a camera: the mask is its dark pixels."""
    white, black = (Material(np.full(3, level, np.float32), 0.0, _flat) for level in (255, 0))
    square = Shape((superellipse(50, 48) + np.float32(WORLD / 2),))
    scene = Scene(white, [Layer(square, black)], square, [], 0.0)
    crop = Crop(WORLD // 2 - 72, WORLD // 2 - 72, 144)
    np.testing.assert_array_equal(scene.mask(crop), scene.seen(crop)[..., 0] <= 127.5)
    assert scene.mask(crop).mean() == pytest.approx(4 / 9, rel=0.03)
    assert box_of(scene.outline() > 0)[2] == pytest.approx(97, abs=1)


def test_surfaces_lie_still() -> None:
    """Two crops that overlap show the same surface where they do."""
    fields, dice = Fields(3), np.random.default_rng(5)
    for _ in range(12):
        material = fields.material(dice, np.full(3, 128, np.float32))
        one, other = material.seen(Crop(40, 40, 192)), material.seen(Crop(72, 40, 192))
        np.testing.assert_allclose(one[:, 16:], other[:, :-16], atol=material.strength * 0.1)


@pytest.mark.slow
def test_the_catalogue_is_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row per kind, a column per sample, each beside its outline."""
    path = tmp_path / "out" / "sheet.png"
    words = ["--columns", "2", "--kind", "pit", "--kind", "crack", "--pictures", str(tmp_path / "apart")]
    assert main(["catalogue", *words, "-o", str(path)]) == 0
    assert f"drawn: {path}: 4 samples" in capsys.readouterr().out
    sheet = np.asarray(cv2.imread(str(path)))
    assert sheet.shape == (2 * 116, 2 * 196, 3)
    apart = ImageScene(tmp_path / "apart")
    source = Procedural(0, kinds=("pit", "crack"), look=Look(jitter=0.1))
    for turn, (row, column) in enumerate([(1, 0), (1, 1), (0, 0), (0, 1)]):  # in the order of their names
        sample = source.sample(2 * column + row, np.random.default_rng([0, row, column]))
        view = turn * apart.period_ns, aims(None)[0].roi, (SIDE, SIDE)
        seen, truth = apart.picture(*view), apart.truth(*view)
        assert np.abs(seen - sample.picture).mean() < 2
        assert truth is not None
        assert (truth == sample.mask).mean() > 0.98
    assert main(["catalogue", "--kind", "pits", "-o", str(path)]) == 2
    assert "kind 'pits'" in capsys.readouterr().err
