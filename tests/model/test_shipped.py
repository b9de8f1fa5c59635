"""The networks that are shipped: the files that their cards describe, and the scores that their cards tell."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model.data.sample import Look
from model.export.card import QUANTILES, Card
from model.procedural.source import Procedural
from model.scoring.evaluate import Row, samples
from model.scoring.metrics import fit
from nodes.sensors.virtual.network import Network
from nodes.sinks.drift import read_card
from tests.conftest import ROOT
from tests.model.conftest import weights

FOLDER = ROOT / "topologies" / "networks"
FILES = sorted(FOLDER.rglob("*.onnx"))
CARDS = sorted(FOLDER.rglob("*.json"))
LARGEST = 1_500_000  # bytes
OWN = {"kensa-s", "kensa-m"}


def _card(path: Path) -> Card:
    return msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=Card)


def _hand(card: Card) -> float:
    """Share of the masks that it learned from that were drawn as people draw them."""
    (data,) = card.trained
    return float(data["made"].get("hand", 0.0))


def _row(card: Card, answer: str) -> Row:
    return next(row for row in card.scores if (row.answer, row.group) == (answer, "all"))


def test_one_is_shipped() -> None:
    """In int8, and what Sony's converter said of it."""
    assert {_card(path).name for path in FILES} >= {"kensa-s"}
    assert {_card(path).form for path in CARDS} >= {"int8", "imx500"}


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_a_card_can_be_read(path: Path) -> None:
    """Strictly, and by the line; each answer is scored on as many samples."""
    card = _card(path)
    assert path.stem == f"{card.name}-{card.form}-{card.sha256[:12]}"
    assert len({row.score.count for row in card.scores if row.group == "all"}) == 1
    assert {*card.reference} == {"brightness", "found", "area_px", "mean_score"}
    assert all(len(each) == len(QUANTILES) and [*each] == sorted(each) for each in card.reference.values())
    assert not read_card(str(path)).faults
    assert (card.memory is not None) == (card.form == "imx500")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_what_its_card_says(path: Path) -> None:
    """To the byte, small enough, and better than any answer without a network."""
    card, data = _card(path), path.read_bytes()
    assert (card.sha256, card.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert len(data) <= LARGEST
    (mine,) = {row.answer for row in card.scores} & OWN
    others = [row.score.miou for row in card.scores if row.group == "all" and row.answer != mine]
    assert _row(card, mine).score.miou_interval[0] > max(others) + 0.1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_score_is_had_again(path: Path) -> None:
    """By a virtual sensor, on scenes that neither trained nor judged it: within what so few of them allow."""
    network, told = Network(path.read_bytes(), path.stem), _row(_card(path), _card(path).name).score
    shown = samples(Procedural(4321, look=Look(jitter=0.1), hand=_hand(_card(path))), 108)
    overlaps = [fit(network.answer(sample.picture).outputs[0] > 0, sample.mask).iou for sample in shown]
    spread = 4 * np.std(overlaps) / np.sqrt(len(overlaps))
    assert np.mean(overlaps) == pytest.approx(told.miou, abs=spread)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_overflows_on_no_processor(path: Path) -> None:
    """Its weights have half the range of int8: its card's scores are had without sums in 32 bits, too."""
    largest = [np.abs(whole.astype(int)).max() for whole in weights(path.read_bytes())]
    assert 32 < max(largest) <= 64
