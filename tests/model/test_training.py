"""Training: losses by hand, gradients that point the right way, and runs that go on as if nobody had killed them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in .venv-model: make model-test")

from model.cli import main
from model.data.sample import DataError
from model.networks import zoo
from model.networks.symmetry import plain, symmetric
from model.procedural.source import Procedural
from model.training.batches import Samples, batches
from model.training.config import Config, ConfigError, Data, Made, Taught, open_config, sources
from model.training.epoch import Learner, Tally, rounds, run_epoch
from model.training.loss import dice, distilled, hard, ious, soft
from model.training.run import BEST, JOURNAL, LAST, Place, Run, RunError, load
from model.training.teacher import KeptError
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("tiny")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]


def _config(**more: Any) -> Config:
    data = Data(made=Made(seed=1, count=64)), Data(made=Made(seed=2, count=64))
    told: dict[str, Any] = {"network": "tiny", "train": data[:1], "validate": data[1:], "epochs": 2, "samples": 24}
    return Config(**(told | {"batch": 4, "warmup": 3, "save": 2, "average": 0.9} | more))


class Killed(Exception):  # noqa: N818 - it stands for a signal
    """Stands for what ends a process in the middle."""


def test_losses_by_hand() -> None:
    """A certain and right answer costs nothing; a certain and wrong one costs its logit, and all of Dice."""
    masks = torch.zeros(3, 1, 4, 4)
    masks[:2, :, :2] = 1
    right = (masks[:1] * 2 - 1) * 20
    logits = torch.cat([right, -right, torch.full((1, 1, 4, 4), -20.0)])
    assert hard(logits, masks).tolist() == pytest.approx([0, 20 + 1 - 1 / 17, 0], abs=1e-5)
    assert dice(torch.full((1, 1, 4, 4), 0.5), masks[:1]).item() == pytest.approx(1 - (2 * 4 + 1) / (8 + 8 + 1))
    assert ious(logits, masks).tolist() == [1.0, 0.0, 1.0]


def test_a_teacher_is_believed_where_it_is_right() -> None:
    """Sample by sample: of two, one is taught what is meant, the other the opposite."""
    masks, dice_ = torch.zeros(2, 1, 8, 8), torch.Generator().manual_seed(4)
    masks[:, :, 2:6] = 1
    logits = torch.randn(2, 1, 8, 8, generator=dice_)
    right = (2 * masks[:1] - 1) * 8
    taught = torch.cat([right, -right])
    found = distilled(logits, masks, taught, 0.6)
    expected = [0.6 * soft(logits, taught)[0] + 0.4 * hard(logits, masks)[0], hard(logits, masks)[1]]
    assert found.tolist() == pytest.approx([each.item() for each in expected])
    assert soft(taught, taught).tolist() == pytest.approx([0, 0], abs=2e-3)
    wrong = (torch.sigmoid(logits[:1]) - torch.sigmoid(right)).square().mean()
    assert soft(logits[:1], right).item() == pytest.approx((wrong + dice(logits[:1].sigmoid(), right.sigmoid())).item())


def test_overlap_is_that_of_scikit_learn() -> None:
    """On masks of chance."""
    metrics = pytest.importorskip("sklearn.metrics")
    chance = np.random.default_rng(0)
    logits, masks = chance.normal(size=(6, 1, 8, 8)), chance.random((6, 1, 8, 8)) > 0.5
    pairs = zip(masks, logits > 0, strict=True)
    expected = [metrics.jaccard_score(mask.ravel(), found.ravel()) for mask, found in pairs]
    assert ious(torch.tensor(logits), torch.tensor(masks)).tolist() == pytest.approx(expected)


def test_the_loss_of_a_sample_does_not_know_of_the_others() -> None:
    """Its gradient is the same alone and in a batch."""
    logits = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1), requires_grad=True)
    masks = (torch.arange(192).reshape(3, 1, 8, 8) % 3 == 0).float()
    (together,) = torch.autograd.grad(hard(logits, masks).sum(), logits)
    (alone,) = torch.autograd.grad(hard(logits[1:2], masks[1:2]).sum(), logits)
    torch.testing.assert_close(together[1], alone[1])
    assert torch.autograd.gradcheck(lambda each: hard(each, masks.double()), logits.double().detach().requires_grad_())


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_one_batch_can_be_learned_by_heart(device: str) -> None:
    """Six samples, again and again: what cannot do that learns nothing else either."""
    net = zoo.network("tiny").to(device, memory_format=torch.channels_last)
    learner = Learner(net, rate=1e-2, decay=0.0, rates=lambda step: 1 - step / 125, average=0.9)
    samples = Samples([Procedural(1, kinds=("part", "pit", "void"))], 0, 6, turned=False)
    batch = next(iter(batches(samples, 0, range(1), 6)))
    found = run_epoch(net, [batch] * 120, Tally.empty(torch.device(device)), learner=learner).told()
    assert found["miou"] > 0.7
    assert run_epoch(learner.mean.module, [batch], Tally.empty(torch.device(device))).told()["miou"] > 0.95


def test_judging_changes_nothing() -> None:
    """No weight, and nothing that a normalisation remembers."""
    net = zoo.network("tiny")
    before = {key: each.clone() for key, each in net.state_dict().items()}
    pixels = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    told = run_epoch(net, [(pixels, pixels[:, :1] // 128)], Tally.empty(torch.device("cpu"))).told()
    assert told["samples"] == 2
    assert all(torch.equal(each, before[key]) for key, each in net.state_dict().items())


def test_the_mean_follows_the_weights() -> None:
    """Early it follows fast, later slowly; normalisations are left alone by decay."""
    net = torch.nn.Conv2d(1, 1, 1)
    learner = Learner(net, rate=0.1, decay=0.5, rates=lambda _: 1.0, average=0.9)
    seen = []
    for _ in range(3):
        learner.step(net(torch.ones(1, 1, 1, 1)).sum())
        seen.append(net.bias.item())
    expected = seen[0]
    for count, now in enumerate(seen[1:], 1):
        share = 1 - min(0.9, (1 + count) / (10 + count))
        expected += share * (now - expected)
    assert learner.mean.module.bias.item() == pytest.approx(expected)
    assert [group["weight_decay"] for group in learner.optimiser.param_groups] == [0.5, 0.0]


def test_an_order_follows_from_seed_epoch_and_place() -> None:
    """Every sample once before any comes again; another epoch turns it another way."""

    class Counted:
        def __len__(self) -> int:
            return 10

        def sample(self, index: int, dice: np.random.Generator) -> Any:
            picture = np.full((96, 96, 3), index, np.uint8)
            return Procedural(0).sample(0, dice)._replace(picture=picture)

    samples = Samples([Counted()], 3, 10, turned=True)
    first = [int(samples[0, place][0].max()) for place in range(10)]
    assert sorted(first) == [*range(10)]
    assert first != [*range(10)]
    again = [samples[1, place] for place in range(10)]
    assert sorted(int(each[0].max()) for each in again) == [*range(10)]
    assert any(not torch.equal(samples[0, place][1], samples[1, place][1]) for place in range(10))
    assert torch.equal(samples[0, 4][1], samples[0, 4][1])


def test_workers_change_nothing() -> None:
    """The same batches, whoever makes them."""
    samples = Samples([Procedural(1)], 0, 8, turned=True)
    alone, helped = ([*batches(samples, 0, range(2), 4, workers)] for workers in (0, 1))
    assert all(
        torch.equal(*pair) for one, other in zip(alone, helped, strict=True) for pair in zip(one, other, strict=True)
    )


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Killed in the middle of an epoch and between two: every weight, every moment and every figure is the same."""
    Run(_config(), tmp_path / "whole").epochs()
    for end in (Place(0, 3), Place(1, 5)):
        _until(end, tmp_path / "killed")
    Run(_config(), tmp_path / "killed").epochs()
    for name in (LAST, BEST):
        one, other = (torch.load(tmp_path / folder / name, weights_only=True) for folder in ("whole", "killed"))
        assert _equal(one, other), name
    assert _told(tmp_path / "whole") == _told(tmp_path / "killed")


def _until(end: Place, folder: Path, config: Config | None = None) -> None:
    def killed(place: Place) -> None:
        if place == end:
            raise Killed

    with pytest.raises(Killed):
        Run(config or _config(), folder).epochs(killed)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other)


def _told(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


KILLED = """
import os, signal, sys
import torch
from model.cli import main
from model.networks import zoo
from model.networks.kensa import Kensa, Plan
from model.training import run
zoo.ZOO["tiny"] = lambda: Kensa(Plan(8, ((8, 1), (8, 1), (16, 1), (24, 2)), (0, 0, 0, 1)))
write, left = run._write, [int(sys.argv[3])]
def counted(path, state):
    write(path, state)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
run._write = counted
sys.exit(main(["train", sys.argv[1], "-o", sys.argv[2], "--threads", "1", "--device", "cpu"]))
"""

TRAINED = """
network: tiny
epochs: 1
samples: 16
batch: 4
save: 1
warmup: 2
train:
  - made: {seed: 1, kinds: [part]}
validate:
  - made: {seed: 2, kinds: [part]}
    look: {jitter: 0}
"""


@pytest.mark.slow
def test_the_command_goes_on_after_a_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL after its second checkpoint; the same command ends it, and says where it went on."""
    path, folder = tmp_path / "tiny.yaml", tmp_path / "out"
    path.write_text(TRAINED)
    command = [sys.executable, "-c", KILLED, str(path), str(folder), "2"]
    found = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=100)
    assert found.returncode == -signal.SIGKILL, found.stderr
    assert main(["train", str(path), "-o", str(folder), "--threads", "1", "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert "going on after epoch 0, step 2" in told
    assert "4/4" in told
    first, second = _told(folder)
    assert first["samples"] == 16
    assert second["split"] == "validate"
    assert load(folder / BEST)(torch.zeros(1, 3, 96, 96)).shape == (1, 1, 96, 96)
    assert main(["evaluate", str(path), "--network", str(folder / BEST), "--count", "4"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["all", "best", "4"]


def test_another_run_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    """What has another configuration, and what is no checkpoint, is refused; more workers are the same run."""
    with pytest.raises(Killed):
        Run(_config(), tmp_path).epochs(_raise)
    _until(Place(0, 3), tmp_path)
    assert Run(_config(workers=2), tmp_path).place == Place(0, 2)
    with pytest.raises(RunError, match=r"of this configuration \(\w+\), found one of \w+; give another"):
        Run(_config(rate=0.5), tmp_path)
    (tmp_path / LAST).write_bytes(b"torn")
    with pytest.raises(RunError, match="expected a checkpoint, found none that can be read"):
        Run(_config(), tmp_path)
    with pytest.raises(RunError, match="expected a trained network, found none that can be read"):
        load(tmp_path / LAST)


def test_what_is_no_network_is_refused_with_the_reason(tmp_path: Path) -> None:
    """In a sentence of our own: torch would advise to run whatever is in the file."""
    path, weights = tmp_path / "net.pt", zoo.network("kensa-s").state_dict()
    for written, why in (
        (None, "No such file or directory"),
        ({"learner": 1}, "it holds no 'network': a network is in best.pt, last.pt is to go on from"),
        ({"network": "tiny", "weights": weights}, "its weights do not fit the network whose name it says, as this"),
    ):
        if written:
            torch.save(written, path)
        with pytest.raises(RunError, match=f"net.pt: expected a trained network, found none that can be read: {why}"):
            load(path)
    path.write_bytes(b"torn")
    with pytest.raises(RunError, match=r"can be read: it is another file, or damaged$"):
        load(path)


def _raise(place: Place) -> None:
    raise Killed


def test_faults_of_a_configuration_are_told_at_their_place(tmp_path: Path) -> None:
    """All at once, with line and column."""
    path = tmp_path / "bad.yaml"
    path.write_text(
        "network: tiny\nepoch: 3\ntrain:\n  - look: {jitter: 2}\nvalidate:\n  - folder: {images: no, masks: .}\n"
    )
    with pytest.raises(ConfigError) as caught:
        open_config(path)
    told = str(caught.value)
    assert "bad.yaml:2:1: unknown field 'epoch'; did you mean 'epochs'?" in told
    assert "bad.yaml:4:5: expected one of `made`, `coco` and `folder`" in told
    assert "bad.yaml:4:20: jitter: expected 0 to 1, got 2" in told
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match="expected a mapping, got a list"):
        open_config(path)


@pytest.mark.parametrize("other", ["made: {seed: 1}, look: {jitter: 0}", "folder: {images: ., masks: .}"])
def test_what_was_learned_does_not_judge(tmp_path: Path, other: str) -> None:
    """The generator with the same seed, and the same masks, would only be remembered."""
    path = tmp_path / "same.yaml"
    learned = "{made: {seed: 1}}, {folder: {images: ., masks: ., kind: pit}}"
    path.write_text(f"network: tiny\ntrain: [{learned}]\nvalidate: [{{made: {{seed: 2}}}}, {{{other}}}]\n")
    with pytest.raises(ConfigError, match=r"same.yaml:3:\d+: expected other data than in `train`: a seed or files of"):
        open_config(path)


def test_a_configuration_finds_its_data(tmp_path: Path) -> None:
    """Paths are relative to the file; what is not there is told when it is opened."""
    (tmp_path / "masks").mkdir()
    path = tmp_path / "one.yaml"
    path.write_text("network: tiny\ntrain: [{folder: {images: masks, masks: masks}}]\nvalidate: [{made: {}}]\n")
    config = open_config(path)
    assert config.train[0].folder
    assert config.train[0].folder.masks == str(tmp_path / "masks")
    assert [type(each) for each in sources(config.validate)] == [Procedural]
    with pytest.raises(DataError, match="no two that belong together"):
        sources(config.train)


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With torch's own words."""
    with pytest.raises(RunError, match="device 'abacus': expected one that torch can use, such as cpu; torch says: "):
        Run(_config(), tmp_path, "abacus")


def test_a_run_learns_from_a_teacher(tmp_path: Path) -> None:
    """One that says of everything that it is inside is a little right; another one would be another run."""
    net, path = zoo.network("tiny"), tmp_path / "teacher.pt"
    torch.nn.init.zeros_(net.head.weight)
    torch.nn.init.constant_(net.head.bias, 5.0)
    torch.save({"network": "tiny", "weights": net.state_dict()}, path)
    config = _config(epochs=1, samples=8, teacher=Taught(str(path), weight=0.9))
    Run(_config(epochs=1, samples=8), tmp_path / "alone").epochs()
    Run(config, tmp_path / "taught").epochs()
    alone, taught = (_told(tmp_path / folder)[0] for folder in ("alone", "taught"))
    assert alone["loss"] != taught["loss"]
    torch.save({"network": "tiny", "weights": zoo.network("tiny").state_dict()}, path)
    with pytest.raises(RunError, match="expected a checkpoint of this configuration"):
        Run(config, tmp_path / "taught")


def test_a_run_begins_with_what_another_learned(tmp_path: Path) -> None:
    """Its weights, to the bit; other weights are another run, those of another network are refused."""
    path = tmp_path / "first.pt"
    learned = plain(symmetric(zoo.network("tiny", 5)))
    torch.save({"network": "tiny", "weights": learned}, path)
    config = _config(start=str(path))
    assert _equal(plain(Run(config, tmp_path / "run").learner.network), learned)
    _until(Place(0, 3), tmp_path / "run", config)
    torch.save({"network": "tiny", "weights": zoo.network("tiny", 6).state_dict()}, path)
    with pytest.raises(RunError, match="expected a checkpoint of this configuration"):
        Run(config, tmp_path / "run")
    torch.save({"network": "kensa-s", "weights": zoo.network("kensa-s").state_dict()}, path)
    with pytest.raises(RunError, match=r"first\.pt: expected a trained tiny, found another network"):
        Run(config, tmp_path / "other")


def test_what_came_later_and_says_nothing_changes_no_digest() -> None:
    """A run that was begun before a field was there goes on: this digest is of that time."""
    config = Config("kensa-s", (Data(made=Made(seed=1)),), (Data(made=Made(seed=2)),))
    assert config.digest == "93e52d9e831a"
    assert _config(train=(Data(made=Made(seed=1, count=64, hand=0.5)),)).digest != _config().digest


def test_a_run_goes_on_from_kept_answers(tmp_path: Path) -> None:
    """A run whose teacher is asked and one whose teacher's answers are there end with the same bits."""
    path, kept = tmp_path / "teacher.pt", str(tmp_path / "kept")
    torch.save({"network": "tiny", "weights": zoo.network("tiny", 5).state_dict()}, path)
    config = _config(epochs=1, samples=8, teacher=Taught(str(path), weight=0.9, kept=kept))
    found = []
    for folder in ("first", "again"):
        run = Run(config, tmp_path / folder)
        run.epochs()
        found.append(run.result()["weights"])
    assert all((one == other).all() for one, other in zip(found[0].values(), found[1].values(), strict=True))
    torch.save({"network": "tiny", "weights": zoo.network("tiny", 6).state_dict()}, path)
    with pytest.raises(KeptError, match=r"expected answers of the teacher \w+, found those of \w+; name another file"):
        Run(config, tmp_path / "other")


def test_products_in_bfloat16_learn_as_well(tmp_path: Path) -> None:
    """Not with the same bits, where the processor has instructions for it, and nearly to the same loss."""
    for mixed in (False, True):
        Run(_config(epochs=1, samples=32, mixed=mixed), tmp_path / str(mixed)).epochs()
    exact, rounded = (_told(tmp_path / str(mixed))[0]["loss"] for mixed in (False, True))
    assert (exact != rounded) == rounds(torch.device("cpu"), mixed=True)
    assert rounded == pytest.approx(exact, rel=0.05)


def test_a_gpu_rounds_products_unless_told_otherwise() -> None:
    """A processor only where it is told to."""
    gpu, processor = torch.device("cuda"), torch.device("cpu")
    assert [rounds(gpu, mixed) for mixed in (None, True, False)] == [True, True, False]
    assert [rounds(processor, mixed) for mixed in (None, False)] == [False, False]


def test_one_teacher_at_a_time(tmp_path: Path) -> None:
    """Neither none nor two."""
    path = tmp_path / "two.yaml"
    for teacher in ("{weight: 0.5}", "{network: a.pt, sam2: {checkpoint: b.pt}}"):
        path.write_text(
            f"network: tiny\ntrain: [{{made: {{seed: 1}}}}]\nvalidate: [{{made: {{seed: 2}}}}]\nteacher: {teacher}\n"
        )
        with pytest.raises(ConfigError, match=r"two.yaml:4:\d+: expected one of `network` and `sam2`"):
            open_config(path)


@pytest.mark.parametrize(
    ("folder", "networks"),
    [(".", ["kensa-m", "kensa-s", "picosam2", "picosam3"]), ("short", ["kensa-m", "kensa-s", "picosam2"])],
)
def test_recipes_differ_in_their_network_alone(folder: str, networks: list[str]) -> None:
    """So that what is said of two networks is not said of two lessons."""
    found = [open_config(path) for path in sorted((ROOT / "model" / "recipes" / folder).glob("*.yaml"))]
    assert [each.network for each in found] == networks
    assert len({msgspec.json.encode(msgspec.structs.replace(each, network="any")) for each in found}) == 1
