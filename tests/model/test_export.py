"""Export: files that follow from what they are made of, and that a virtual sensor runs as they were trained."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in .venv-model: make model-test")
pytest.importorskip("onnx", reason="onnx is in .venv-model: make model-test")

from model.cli import main
from model.data.sample import Look
from model.export.card import QUANTILES, Card
from model.export.portable import asked, described, floating, quantised, step
from model.networks import zoo
from model.networks.kensa import Kensa, Plan
from model.procedural.source import Procedural
from model.scoring.evaluate import samples
from model.scoring.network import answer
from nodes.sensors.virtual.brightness import brightness
from nodes.sensors.virtual.network import Network
from tests.model.conftest import TINY, weights

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def pictures() -> list[Any]:
    """What networks are shown here."""
    return [sample.picture for sample in samples(Procedural(5, look=Look(jitter=0.1)), 24)]


def _warm(pictures: list[Any]) -> Any:
    """A network of chance whose normalisations have seen pictures, so that its logits are some units apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = Kensa(Plan(*TINY))
    seen = zoo.normalised(torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy()))
    with torch.no_grad():
        for _ in range(30):
            net(seen)
        net.head.weight *= 8
    return net.train(False)


def test_the_file_says_what_the_network_says(pictures: list[Any]) -> None:
    """Float for float, within rounding."""
    net = _warm(pictures)
    ask = asked(floating(net))
    for picture in pictures[:4]:
        seen = zoo.normalised(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()))
        with torch.no_grad():
            np.testing.assert_allclose(ask(picture), net(seen)[0, 0].numpy(), atol=1e-4, rtol=1e-4)


def test_int8_is_nearly_the_same_and_smaller(pictures: list[Any]) -> None:
    """On pictures that it was not measured with: nine of ten pixels on the same side, and a third of the bytes."""
    data = floating(zoo.network("kensa-s"))
    assert len(quantised(data, pictures[:2])) < 0.36 * len(data)
    data = floating(_warm(pictures))
    mine, theirs = asked(data), asked(quantised(data, pictures[:12]))
    one, other = (np.array([ask(picture) for picture in pictures[12:]]) for ask in (mine, theirs))
    assert ((one > 0) == (other > 0)).mean() > 0.9
    assert np.sqrt(np.square(one - other).mean()) < 0.2 * one.std()


def test_int8_overflows_on_no_processor(pictures: list[Any]) -> None:
    """Where two products are added in 16 bits, 255 times two weights must fit: each has half the range."""
    largest = [np.abs(whole.astype(int)).max() for whole in weights(quantised(floating(_warm(pictures)), pictures[:2]))]
    assert 32 < max(largest) <= 64


def test_two_exports_are_equal(pictures: list[Any]) -> None:
    """To the byte, float and int8; other pictures give other steps."""
    one, other = floating(_warm(pictures)), floating(_warm(pictures))
    assert one == other
    assert quantised(one, pictures[:4]) == quantised(one, pictures[:4]) != quantised(one, pictures[4:8])


def test_a_virtual_sensor_runs_it_as_it_was_trained(pictures: list[Any]) -> None:
    """Through the sensor's whole numbers at both ends: half a step of the output is all that is lost."""
    net = _warm(pictures)
    data = floating(net)
    scale = step(map(asked(data), pictures))
    sensor = Network(described(data, scale), "tiny")
    assert sensor.size == (96, 96)
    for picture in pictures[:4]:
        said = sensor.answer(picture)
        assert (said.steps == picture.transpose(2, 0, 1).astype(int) - 128).all()
        assert np.abs(said.outputs[0] - asked(data)(picture)).max() <= scale / 2 + 1e-3


def test_the_step_holds_the_largest_logit() -> None:
    """A power of two; half of it would not."""
    assert step([np.array([1.0, -31.0], np.float32)]) == 0.25
    assert step([np.array([127.0], np.float32)]) == 1.0
    assert step([np.array([0.0], np.float32)]) > 0


CONFIG = """
network: tiny
train: [{made: {seed: 1}}]
validate: [{made: {seed: 2}, look: {jitter: 0.1}}]
"""


@pytest.mark.slow
def test_the_command_writes_a_file_with_its_card(
    tmp_path: Path, pictures: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Named by what is in it; the card can be read strictly, and its score be had again from the network."""
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    net = _warm(pictures)
    torch.save({"network": "tiny", "weights": net.state_dict()}, tmp_path / "net.pt")
    words = ["export", str(tmp_path / "net.pt"), str(tmp_path / "tiny.yaml"), "--judged", "12", "-o"]
    for folder in ("one", "two"):
        assert main([*words, str(tmp_path / folder)]) == 0
    assert "bytes, and its card beside it" in capsys.readouterr().out
    one, other = ({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in ("one", "two"))
    assert one == other
    name, data = next((name, data) for name, data in one.items() if name.endswith(".onnx"))
    files = [tmp_path / "net.pt", tmp_path / "one" / name, tmp_path / "none.onnx"]
    asked_for = [word for path in files[:2] for word in ("--network", str(path))]
    assert main(["evaluate", str(tmp_path / "tiny.yaml"), "--count", "4", *asked_for]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:3]] == ["net", files[1].stem]
    assert main(["evaluate", str(tmp_path / "tiny.yaml"), "--network", str(files[2])]) == 2
    assert "none.onnx: expected a network as ONNX, found none" in capsys.readouterr().err
    card = msgspec.json.decode(one[name.replace(".onnx", ".json")], type=Card)
    assert name == f"tiny-int8-{hashlib.sha256(data).hexdigest()[:12]}.onnx"
    assert (card.sha256, card.size) == (hashlib.sha256(data).hexdigest(), len(data))
    made = {"seed": 1, "count": 1 << 20, "kinds": [], "hand": 0.0}
    assert card.trained == [{"made": made, "look": msgspec.to_builtins(Look())}]
    told = {row.answer: row.score.miou for row in card.scores if row.group == "all"}
    assert {*told} == {"tiny", "box", "ellipse", "disc", "otsu", "grabcut", "flood"}
    assert all(len(each) == len(QUANTILES) for each in card.reference.values())
    shown = samples(Procedural(2, look=Look(jitter=0.1)), 12)
    floats = np.mean([_overlap(answer(net)(sample), sample.mask) for sample in shown])
    assert told["tiny"] == pytest.approx(floats, abs=0.05)


def _written(folder: Path, name: str = "tiny") -> list[str]:
    """A configuration of `tiny`, and weights of a network."""
    (folder / "tiny.yaml").write_text(CONFIG)
    torch.save({"network": name, "weights": zoo.network(name).state_dict()}, folder / "net.pt")
    return [str(folder / "net.pt"), str(folder / "tiny.yaml")]


@pytest.mark.parametrize("command", ["export", "loss"])
def test_a_configuration_of_another_network_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its card would tell of what it is not."""
    assert main([command, *_written(tmp_path, "kensa-s")]) == 2
    told = capsys.readouterr().err
    assert "net.pt: expected a tiny, which " in told
    assert "tiny.yaml trains, found a kensa-s; name its own configuration" in told


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no network", "expected a network that `kensa-model export` wrote, but onnxruntime says: "),
        (brightness(), "expected a network that `kensa-model export` wrote, but onnxruntime says: "),
    ],
    ids=["other file", "other network"],
)
def test_an_onnx_file_of_others_is_refused(
    data: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name, in a sentence."""
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    (path := tmp_path / "other.onnx").write_bytes(data)
    assert main(["evaluate", str(tmp_path / "tiny.yaml"), "--count", "2", "--network", str(path)]) == 2
    assert f"other.onnx: {said}" in capsys.readouterr().err


@pytest.mark.slow
def test_what_int8_takes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside what the network has in float32, with an interval that holds it."""
    assert main(["loss", *_written(tmp_path), "--count", "6"]) == 0
    _, whole, part = (line.split() for line in capsys.readouterr().out.splitlines())
    assert whole[:3] == ["tiny", "in", "float32"]
    assert part[:3] == ["int8", "between", "quantisers"]
    had, left, lost, low, high = (float(each) for each in (whole[-1], part[3], part[4], part[5], part[-1]))
    assert had - left == pytest.approx(lost, abs=0.011)
    assert low <= lost <= high


def test_speeds_are_told_pair_by_pair(capsys: pytest.CaptureFixture[str]) -> None:
    """Each network in both forms, and how many times as long as the first one it takes: of itself, once."""
    assert main(["speed", "tiny", "--peer", "tiny", "--rounds", "3"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["tiny", "float32"], ["tiny", "int8"]]
    assert [lines[0].split()[3], lines[1].split()[4]] == ["1.00", "1.00"]


def _overlap(one: Any, other: Any) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
