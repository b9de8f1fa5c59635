"""What a teacher is worth: the same runs with it and without, made once, scored on the same samples."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is in .venv-model: make model-test")

from model.cli import main
from model.networks import zoo
from model.scoring.gain import Gain

pytestmark = pytest.mark.usefixtures("tiny")
CONFIG = """
network: tiny
epochs: 1
samples: 16
batch: 8
warmup: 1
train: [{made: {seed: 1, kinds: [part]}}]
validate: [{made: {seed: 2, kinds: [part]}}]
"""


@pytest.mark.slow
def test_runs_are_made_once_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of each; asked again, none is trained again, and the figures are the same."""
    torch.save({"network": "tiny", "weights": zoo.network("tiny", 5).state_dict()}, tmp_path / "teacher.pt")
    path, folder = tmp_path / "taught.yaml", tmp_path / "out"
    path.write_text(CONFIG + "teacher: {network: teacher.pt, weight: 0.9}\n")
    words = ["gain", str(path), "-o", str(folder), "--seeds", "2", "--count", "6", "--threads", "1", "--device", "cpu"]
    assert main(words) == 0
    first = capsys.readouterr().out
    told = msgspec.json.decode((folder / "gain.json").read_bytes(), type=Gain)
    assert len(told.without) == len(told.with_) == 2
    assert told.interval[0] <= told.mean <= told.interval[1]
    assert sorted(each.name for each in folder.iterdir() if each.is_dir()) == [
        "with-0", "with-1", "without-0", "without-1",
    ]  # fmt: skip
    times = {each: each.stat().st_mtime_ns for each in folder.rglob("best.pt")}
    assert main(words) == 0
    assert capsys.readouterr().out == first
    assert {each: each.stat().st_mtime_ns for each in folder.rglob("best.pt")} == times


def test_a_run_without_a_teacher_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to compare."""
    path = tmp_path / "alone.yaml"
    path.write_text(CONFIG)
    assert main(["gain", str(path), "-o", str(tmp_path / "out")]) == 2
    assert "alone.yaml: expected a `teacher`, whose worth is asked for, found none" in capsys.readouterr().err
