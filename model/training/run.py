"""A training run: epochs, checkpoints, and what is told of them."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from model.networks.kensa import Kensa
from model.networks.symmetry import plain, symmetric
from model.networks.zoo import network
from model.training.batches import Samples, batches
from model.training.config import Config, sources
from model.training.epoch import Learner, Tally, Teacher, run_epoch
from model.training.teacher import Kept, ours
from pipeline.errors import KensaError

FORMAT = 1  # of checkpoints
LAST, BEST, JOURNAL = "last.pt", "best.pt", "metrics.jsonl"
JUDGED = 4096  # samples, at most, that a network is judged by after each epoch
FLOOR = 0.01  # share of the step size that is left in the end


class RunError(KensaError):
    """A run that cannot go on from what is in its folder."""


class Place(NamedTuple):
    """How far a run has come: whole epochs, and steps of the next one."""

    epoch: int = 0
    step: int = 0


class Run:
    """A training run in a folder; where one was there already, it goes on from its last checkpoint.

    Attributes:
        config: What is to be done.
        place: How far it has come.
        learner: The network, and what changes it.

    Args:
        config: What is to be done.
        folder: Where its checkpoints and metrics are.
        device: `cpu`, `cuda` or another that torch knows.

    Raises:
        RunError: If the folder holds another run, if there is no such device, or if what it begins with is of another
            network.
    """

    def __init__(self, config: Config, folder: Path, device: str = "cpu") -> None:
        self.config, self._folder, self.place = config, folder, Place()
        self._device, self._best = _device(device), -1.0
        net = _first(config).to(self._device, memory_format=torch.channels_last)
        self.learner = Learner(
            net, rate=config.rate, decay=config.decay, rates=_rates(config), average=config.average
        )  # fmt: skip
        self._train = Samples(sources(config.train), config.seed, config.samples, turned=True)
        self._validate = Samples(sources(config.validate), config.seed, 0, turned=False)
        self._tally, self._teacher = Tally.empty(self._device), _teacher(config, self._device)
        self._digest = config.digest
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / LAST).exists():
            self._restore()
        self._cut()

    def epochs(self, after: Callable[[Place], None] = lambda _: None) -> None:
        """Train until the end.

        Args:
            after: Called after each step with how far the run has come.
        """
        while self.place.epoch < self.config.epochs:
            begun = time.monotonic()
            self._learn(after)
            told = {"split": "train", "rate": self.learner.rate, **self._tally.told()}
            judged = self._judge()
            spent = round(time.monotonic() - begun, 3)
            for each in (told, {"split": "validate", **judged}):
                self._note({"epoch": self.place.epoch + 1, **each, "seconds": spent})
            self.place, self._tally = Place(self.place.epoch + 1), Tally.empty(self._device)
            if judged["miou"] > self._best:
                self._best = judged["miou"]
                _write(self._folder / BEST, self.result())
            self._save()

    def result(self) -> dict[str, Any]:
        """The network as it would be used: its name, the mean of its weights, and how many epochs it has seen."""
        weights = plain(self.learner.mean.module)
        return {"format": FORMAT, "network": self.config.network, "weights": weights, "epochs": self.place.epoch}

    def _learn(self, after: Callable[[Place], None]) -> None:
        """The rest of an epoch."""

        def stepped() -> None:
            self.place = self.place._replace(step=self.place.step + 1)
            if self.place.step % self.config.save == 0:
                self._save()
            after(self.place)

        left = range(self.place.step, self.config.steps)
        shown = batches(self._train, self.place.epoch, left, self.config.batch, self.config.workers)
        run_epoch(
            self.learner.network, shown, self._tally,
            learner=self.learner, teacher=self._teacher, mixed=self.config.mixed, after=stepped,
        )  # fmt: skip

    def _judge(self) -> dict[str, float]:
        """The same samples each time."""
        count = max(1, min(JUDGED, self.config.samples // 4) // self.config.batch)
        shown = batches(self._validate, 0, range(count), self.config.batch, self.config.workers)
        return run_epoch(self.learner.mean.module, shown, Tally.empty(self._device)).told()

    def _save(self) -> None:
        state = {
            "format": FORMAT, "digest": self._digest, "place": [*self.place], "best": self._best,
            "tally": self._tally.sums, **self.learner.state(),
        }  # fmt: skip
        _write(self._folder / LAST, state)

    def _restore(self) -> None:
        path = self._folder / LAST
        try:
            state = torch.load(path, map_location=self._device, weights_only=True)
            known = state["format"], state["digest"]
        except Exception as error:  # torch has no class of its own for what it cannot read
            raise RunError(f"{path}: expected a checkpoint, found none that can be read: {_why(error)}") from error
        if known != (FORMAT, self._digest):
            raise RunError(
                f"{path}: expected a checkpoint of this configuration ({self._digest}), found one of {known[1]}; "
                "give another folder with --output, or delete this one to begin anew"
            )
        self.learner.restore(state)
        self.place, self._best = Place(*state["place"]), state["best"]
        self._tally = Tally(state["tally"])

    def _note(self, told: dict[str, Any]) -> None:
        with (self._folder / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(told) + "\n")

    def _cut(self) -> None:
        """Forget what was told of epochs after the checkpoint: they come again."""
        path = self._folder / JOURNAL
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["epoch"] <= self.place.epoch]
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def load(path: Path) -> nn.Module:
    """A network that was trained, ready to be asked.

    Raises:
        RunError: If the file holds none.
    """
    return trained(path).network


class Trained(NamedTuple):
    """A network that was trained, ready to be asked; what it is called, and after how many epochs it was taken."""

    network: nn.Module
    name: str
    epochs: int


def trained(path: Path) -> Trained:
    """The same, with what is known of its training.

    Raises:
        RunError: If the file holds none.
    """
    try:
        told = torch.load(path, map_location="cpu", weights_only=True)
        net = network(told["network"])
        net.load_state_dict(told["weights"])
    except KensaError:
        raise
    except Exception as error:  # torch has no class of its own for what it cannot read
        raise RunError(f"{path}: expected a trained network, found none that can be read: {_why(error)}") from error
    return Trained(net.train(False), str(told["network"]), int(told.get("epochs", 0)))


def _why(error: Exception) -> str:
    """What is wrong with a file; torch itself would advise to read it in a way that runs whatever is in it."""
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, KeyError):
        return f"it holds no {error}: a network is in {BEST}, {LAST} is to go on from"
    if "state_dict" in str(error):
        return "its weights do not fit the network whose name it says, as this version draws it"
    return "it is another file, or damaged"


def _first(config: Config) -> nn.Module:
    """What a run begins with: of ours, weights that follow from fewer, whatever they were before."""
    net = network(config.network, config.seed)
    if config.start:
        weights = load(Path(config.start)).state_dict()
        if _shapes(weights) != _shapes(net.state_dict()):
            raise RunError(f"{config.start}: expected a trained {config.network}, found another network")
        net.load_state_dict(weights)
    return symmetric(net) if isinstance(net, Kensa) else net


def _shapes(weights: dict[str, Any]) -> dict[str, torch.Size]:
    return {name: each.shape for name, each in weights.items()}


def _device(name: str) -> torch.device:
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without it
        raise RunError(f"device '{name}': expected one that torch can use, such as cpu; torch says: {error}") from error
    return torch.device(name)


def _teacher(config: Config, device: torch.device) -> Teacher | None:
    told = config.teacher
    if told is None:
        return None
    if told.sam2:
        from model.training.sam import sam2

        ask = sam2(Path(told.sam2.checkpoint), told.sam2.config, device.type)
    else:
        ask = ours(load(Path(told.network or "")).to(device, memory_format=torch.channels_last))
    return Teacher(Kept(ask, Path(told.kept), told.digest) if told.kept else ask, told.weight)


def _rates(config: Config) -> Callable[[int], float]:
    """A line up, then half a cosine down to a hundredth."""
    total = config.epochs * config.steps

    def rate(step: int) -> float:
        if step < config.warmup:
            return (step + 1) / config.warmup
        share = (step - config.warmup) / max(1, total - config.warmup)
        return FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * min(1.0, share))) / 2

    return rate


def _write(path: Path, state: dict[str, Any]) -> None:
    """Whole or not at all, whenever the process dies."""
    scratch = path.with_suffix(".part")
    torch.save(state, scratch)
    with scratch.open("rb") as written:
        os.fsync(written.fileno())
    scratch.replace(path)
