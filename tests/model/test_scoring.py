"""Scores: against pycocotools, scikit-learn and plain arithmetic; baselines that do what their names say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from model.cli import main
from model.data.sample import DataError, Look, Sample
from model.procedural.source import Procedural
from model.prompt import SIDE, Mask
from model.scoring.baselines import BASELINES, box, disc, ellipse, flood, grabcut, grown, otsu
from model.scoring.evaluate import rows, samples
from model.scoring.gain import gain, table
from model.scoring.metrics import Fit, boundary, fit, score
from model.scoring.traits import compared, read, traits
from tests.conftest import ROOT

seeds = st.integers(0, 1 << 32)


def _mask(seed: int, size: int = 32) -> Mask:
    """Lumps of chance; sometimes nothing, sometimes everything."""
    import cv2

    dice = np.random.default_rng(seed)
    field = cv2.blur(dice.random((size, size), np.float32), (5, 5))
    found: Mask = field > np.quantile(field, dice.choice([0.3, 0.6, 0.9, 1.0]))
    return found


def _square(at: int, side: int, size: int = 96) -> Mask:
    found = np.zeros((size, size), bool)
    found[at : at + side, at : at + side] = True
    return found


def _sample(mask: Mask, inside: int = 200, outside: int = 60) -> Sample:
    """A bright thing on dark ground, prompted exactly."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    prompt = (left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)
    picture = np.where(mask, inside, outside).astype(np.uint8)[..., None].repeat(3, 2)
    return Sample(picture, mask, "part", int(mask.sum()), 0, prompt)


@given(seeds, seeds)
def test_overlap_is_that_of_pycocotools(one: int, other: int) -> None:
    """On any two masks of which one has a pixel."""
    found, meant = _mask(one), _mask(other)
    if not (found | meant).any():
        assert fit(found, meant) == (1, 1, 1)
        return
    told = [coco.encode(np.asfortranarray(each.view(np.uint8))) for each in (found, meant)]
    assert fit(found, meant).iou == pytest.approx(float(coco.iou(told[:1], told[1:], [0])[0, 0]))


@settings(max_examples=30)
@given(seeds, seeds)
def test_overlap_and_dice_are_those_of_scikit_learn(one: int, other: int) -> None:
    """Jaccard and F1 of pixels."""
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is in .venv-model: make model-test")
    found, meant = _mask(one), _mask(other)
    if (found | meant).any():
        assert fit(found, meant).iou == pytest.approx(metrics.jaccard_score(meant.ravel(), found.ravel()))
        assert fit(found, meant).dice == pytest.approx(metrics.f1_score(meant.ravel(), found.ravel()))


@settings(max_examples=40)
@given(seeds, seeds)
def test_the_boundary_is_what_distances_say(one: int, other: int) -> None:
    """Every pixel of an outline against every pixel of the other; both ways round it is the same."""
    found, meant = _mask(one), _mask(other)
    mine, theirs = (np.argwhere(_rim(each)) for each in (found, meant))
    if not len(mine) or not len(theirs):
        assert boundary(found, meant) == float(len(mine) == len(theirs))
        return
    near = np.hypot(*(mine[:, None] - theirs[None]).transpose(2, 0, 1)) <= 1  # 0.8 % of 45 px, rounded up
    precision, recall = near.any(1).mean(), near.any(0).mean()
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert boundary(found, meant) == pytest.approx(expected)
    assert boundary(meant, found) == pytest.approx(expected)


def _rim(mask: Mask) -> Mask:
    """Pixels with a neighbour that is not set, found one by one."""
    rim = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        rim[row, column] = not all(0 <= y < len(mask) and 0 <= x < len(mask) and mask[y, x] for y, x in around)
    return rim


def test_an_outline_may_be_off_by_two_pixels_of_96() -> None:
    """0.8 % of the diagonal is 1.09, which is rounded up."""
    square = _square(20, 40)
    assert boundary(np.roll(square, 2, 1), square) == 1.0
    assert boundary(np.roll(square, 3, 1), square) < 0.8
    assert boundary(np.zeros_like(square), square) == 0.0


def test_means_and_shares_by_hand() -> None:
    """IoU 0.5 reaches one threshold of ten, 0.76 six, 1 all, 0.49 none."""
    told = score([Fit(iou, 1.0, 0.0) for iou in (0.5, 0.76, 1.0, 0.49)])
    assert told.count == 4
    assert told.miou == pytest.approx(2.75 / 4)
    assert told.ap == pytest.approx((0.1 + 0.6 + 1.0 + 0.0) / 4)
    assert told.dice_interval == (1.0, 1.0)
    assert told.miou_interval[0] < told.miou < told.miou_interval[1]


def test_intervals_hold_the_mean_as_often_as_they_say() -> None:
    """Of 300 draws from a known distribution some 95 % of the intervals contain its mean."""
    dice = np.random.default_rng(5)
    held = 0
    for seed in range(300):
        low, high = score([Fit(value, value, value) for value in dice.beta(4, 2, 60)], seed).miou_interval
        held += low <= 2 / 3 <= high
    assert 0.90 <= held / 300 <= 0.98


def test_a_gain_by_hand() -> None:
    """Run by run, and of all; what is the same everywhere has no width."""
    told = gain([[0.5, 0.7], [0.6, 0.6]], [[0.6, 0.9], [0.6, 0.7]])
    assert told.without == pytest.approx((0.6, 0.6))
    assert told.with_ == pytest.approx((0.75, 0.65))
    assert told.mean == pytest.approx(0.1)
    assert told.interval[0] < 0.1 < told.interval[1]
    assert gain([[0.5, 0.7]] * 3, [[0.6, 0.8]] * 3).interval == pytest.approx((0.1, 0.1))
    assert table(told).splitlines()[1].split() == ["0", "60.00", "75.00", "+15.00"]
    assert table(told).splitlines()[3].split()[:4] == ["all", "60.00", "70.00", "+10.00"]


def test_an_interval_knows_that_runs_differ() -> None:
    """Of 200 draws, runs with a fortune of their own, most intervals hold the true gain; samples alone hold few."""
    dice, held, narrow = np.random.default_rng(6), 0, 0
    for seed in range(200):
        without = dice.normal(0.6, 0.1, (6, 80))
        with_ = without + 0.05 + dice.normal(0, 0.03, (6, 1)) + dice.normal(0, 0.05, (6, 80))
        low, high = gain(without.tolist(), with_.tolist(), seed).interval
        held += low <= 0.05 <= high
        alone = 1.96 * (with_ - without).mean(0).std() / np.sqrt(80)
        narrow += abs((with_ - without).mean() - 0.05) <= alone
    assert narrow / 200 < 0.6
    assert held / 200 > 0.82


def test_trivial_answers_follow_from_the_prompt() -> None:
    """A box, an ellipse of π/4 of it, and a disc that knows of no prompt."""
    sample = _sample(_square(24, 48))
    assert (box(sample) == sample.mask).all()
    assert ellipse(sample).sum() == pytest.approx(np.pi / 4 * 48**2, rel=0.01)
    assert disc(sample).sum() == pytest.approx(np.pi * 32**2, rel=0.01)
    beyond = sample._replace(box=(-10.2, 90.0, 30.0, 40.0))
    assert box(beyond).sum() == 20 * 6


@pytest.mark.parametrize("answer", [otsu, grabcut, flood])
@pytest.mark.parametrize(("inside", "outside"), [(200, 60), (60, 200)])
def test_classical_answers_find_what_is_plain(answer: object, inside: int, outside: int) -> None:
    """A disc of another brightness than its ground, darker or brighter."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - 47.5
    sample = _sample(np.hypot(rows, columns) < 30, inside, outside)
    assert callable(answer)
    assert fit(answer(sample), sample.mask).iou > 0.97


def test_an_answer_grows_by_what_is_asked() -> None:
    """Two pixels on every side of a square, whose corners become round."""
    sample = _sample(_square(24, 48))
    found = grown(box, 2)(sample)
    assert (found & _square(24, 48)).sum() == 48**2
    assert found[22:74, 48].all()
    assert found.sum() == found[22:74, 22:74].sum()
    assert not found[22, 22]


def test_no_baseline_looks_at_what_is_meant() -> None:
    """With another mask in the sample each gives the same answer."""
    for sample in samples(Procedural(3), 6):
        blind = sample._replace(mask=np.zeros((SIDE, SIDE), bool), area=0)
        assert all((answer(sample) == answer(blind)).all() for answer in BASELINES.values())


def test_samples_are_grouped() -> None:
    """By size of the object in its picture, by rivals in view, by kind; each group counts its own."""
    shown = [_sample(_square(24, 48))._replace(area=area, rivals=rivals, kind=kind)
             for area, rivals, kind in ((100, 0, "pit"), (5000, 1, "pit"), (9999, 4, "part"))]  # fmt: skip
    found = {row.group: row.score.count for row in rows(shown, {"box": box})}
    assert found == {
        "all": 3, "size: 1 small": 1, "size: 2 medium": 1, "size: 3 large": 1,
        "rivals: 0": 1, "rivals: 1-2": 1, "rivals: 3+": 1, "kind: part": 1, "kind: pit": 2,
    }  # fmt: skip


def test_samples_are_drawn_from_all_of_a_source() -> None:
    """The same again for the same seed; not the first ones of a file, and none twice."""
    source = Procedural(0, count=100, look=Look(jitter=0.2))
    one, other, third = samples(source, 10), samples(source, 10), samples(source, 10, seed=1)
    assert all((a.picture == b.picture).all() for a, b in zip(one, other, strict=True))
    assert not all((a.picture == b.picture).all() for a, b in zip(one, third, strict=True))
    every = samples(source, 1000)
    assert len({sample.picture.tobytes() for sample in every}) == 100


def test_traits_of_known_masks() -> None:
    """A disc is as rough as a disc, a ring has a hole, two squares are two pieces, nothing is nothing."""
    rows_, columns = np.mgrid[:SIDE, :SIDE] - 47.5
    away = np.hypot(rows_, columns)
    round_ = traits(away < 30)
    assert round_.area == pytest.approx(np.pi * 900 / SIDE**2, rel=0.01)
    assert round_.rough == pytest.approx(1, abs=0.03)
    assert round_[1:3] == (1, 0)
    ring = traits((away < 30) & (away > 15))
    assert (ring.pieces, ring.holes, ring.centred, ring.touching) == (1, 1, 0, 0)
    two = traits(_square(0, 10) | _square(40, 20))
    assert (two.pieces, two.holes, two.centred, two.touching) == (2, 0, 1, 1)
    assert traits(np.zeros((SIDE, SIDE), bool)) == (0, 0, 0, 0, 0, 0)
    assert traits(np.ones((SIDE, SIDE), bool))[:3] == (1, 1, 0)


def test_masks_of_another_network_are_read(shared_data: Path, tmp_path: Path) -> None:
    """500 of PicoSAM2, 96 px each, area as pycocotools counts it; what is no list of results is refused."""
    path = shared_data / "picosam2_outputs" / "eval_outputs" / "PicoSAM2_Distilled_pred.json"
    found = read(path)
    told = [each["segmentation"] for each in json.loads(path.read_text())]
    assert [int(mask.sum()) for mask in found] == [int(coco.area(each)) for each in told]
    assert f"{500:6}" in compared({"distilled": found})
    (tmp_path / "bad.json").write_text("[{}]")
    with pytest.raises(DataError, match=r"bad\.json: expected a list of COCO results with masks; KeyError"):
        read(tmp_path / "bad.json")


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Baselines on what a configuration validates with, and on boxes that are drawn carelessly."""
    config, output = tmp_path / "one.yaml", tmp_path / "scores.json"
    config.write_text("network: x\ntrain: [{made: {seed: 8}}]\nvalidate: [{made: {seed: 9, kinds: [pit, part]}}]\n")
    assert main(["evaluate", str(config), "--count", "8", "--jitter", "-o", str(output)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["group", "answer", "count", "mIoU", "95", "%", "Dice", "bound.", "F", "AP"]
    assert {line.split()[1] for line in told if line.startswith("all ")} == {*BASELINES}
    written = json.loads(output.read_text())
    assert {"jitter: 0 %", "jitter: 30 %", "kind: pit"} < {row["group"] for row in written}
    assert written[0]["score"]["count"] == 8


@pytest.mark.parametrize("name", ["clicks", "defects"])
def test_photographs_score_by_the_recipes(
    name: str, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every set that they name is found, and what masks look like stands beside PicoSAM2's."""
    config, output = tmp_path / f"{name}.yaml", tmp_path / "scores.json"
    shutil.copy(ROOT / "model" / "recipes" / "photographs" / config.name, config)
    (tmp_path / "data").symlink_to(shared_data)
    others = shared_data / "picosam2_outputs" / "eval_outputs" / "PicoSAM2_Quantized_pred.json"
    assert main(["evaluate", str(config), "--count", "2", "--masks", str(others), "-o", str(output)]) == 0
    assert "PicoSAM2_Quantized_pred    500" in capsys.readouterr().out
    kinds = {row["group"] for row in json.loads(output.read_text()) if row["group"].startswith("kind: ")}
    assert {"kind: ball screw", "kind: road crack"} < kinds
    assert len(kinds) > 3
