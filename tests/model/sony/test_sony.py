"""Sony's own tools: what they make of a network, and that a shipped card says what they report. Run by `make sony`."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in .venv-sony: make sony")
if importlib.util.find_spec("model_compression_toolkit") is None:
    pytest.skip("Sony's quantiser is in .venv-sony: make sony", allow_module_level=True)

from model.cli import main
from model.data.sample import Look
from model.export.card import Card
from model.networks.kensa import Kensa, Plan
from model.networks.zoo import normalised
from model.procedural.source import Procedural
from model.scoring.evaluate import samples
from model.scoring.network import asked
from model.sony.converter import PROGRAM, STEP, converted
from model.sony.quantise import quantised
from tests.conftest import ROOT
from tests.model.conftest import TINY

NETWORKS = ROOT / "topologies" / "networks"
RECIPE = ROOT / "model" / "recipes" / "kensa-s.yaml"
TIME = 600  # s: Sony's converter is not fast

pytestmark = [
    pytest.mark.timeout(TIME),
    pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="Sony's converter is in .venv-converter: make sony"),
]


@pytest.fixture(scope="module")
def pictures() -> list[Any]:
    """What networks are shown here."""
    return [sample.picture for sample in samples(Procedural(5, look=Look(jitter=0.1)), 32)]


def _warm(pictures: list[Any]) -> Any:
    torch.manual_seed(1)
    net = Kensa(Plan(*TINY))
    seen = normalised(torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy()))
    with torch.no_grad():
        for _ in range(30):
            net(seen)
    return net.train(False)


def test_the_sensor_holds_what_was_trained(pictures: list[Any], tmp_path: Path) -> None:
    """Its input in steps of one pixel, its answers mostly on the same side; twice the same."""
    net = _warm(pictures)
    made = quantised(net, pictures[:16])
    mine, theirs = (np.array([ask(each) for each in pictures[16:]]) for ask in (asked(net), asked(made.network)))
    assert ((mine > 0) == (theirs > 0)).mean() > 0.85
    (path := tmp_path / "tiny.onnx").write_bytes(made.onnx)
    found = [converted(path, tmp_path / folder) for folder in ("one", "two")]
    assert found[0].digest == found[1].digest
    assert found[0].memory == found[1].memory
    assert (found[0].scales.reads, found[0].scales.reads_signed) == (STEP, True)
    assert found[0].memory.fits
    assert found[0].memory.used == found[0].memory.runtime + found[0].memory.weights + 1024


def test_a_shipped_card_says_what_the_converter_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same memory again from the shipped weights."""
    (weights,) = NETWORKS.glob("kensa-s-*.pt")
    (shipped,) = NETWORKS.glob("kensa-s-imx500-*.json")
    told = msgspec.json.decode(shipped.read_bytes(), type=Card)
    assert main(["sony", str(weights), str(RECIPE), "--judged", "20", "-o", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("kensa-s-imx500-*.json")
    card = msgspec.json.decode(path.read_bytes(), type=Card)
    assert card.memory == told.memory
    assert told.memory
    assert told.memory.share < 0.35
    assert (
        "for a camera, on Raspberry Pi OS: sudo apt install imx500-tools && imx500-package -i"
        in capsys.readouterr().out
    )
