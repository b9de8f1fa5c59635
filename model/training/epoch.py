"""One pass over batches: the same function trains and judges, on a CPU and on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from model.networks.zoo import normalised
from model.training.loss import distilled, hard, ious
from model.training.teacher import Ask

CLIP = 5.0  # norm of a gradient: one odd batch does not undo an epoch


class Tally:
    """Sums over the samples that were seen, on the device, so that nothing waits for them."""

    def __init__(self, sums: Tensor) -> None:
        self.sums = sums

    @classmethod
    def empty(cls, device: torch.device) -> Tally:
        """Nothing was seen yet."""
        return cls(torch.zeros(3, dtype=torch.float64, device=device))

    def add(self, losses: Tensor, overlaps: Tensor) -> None:
        """Count a batch: (N,) each."""
        each = torch.stack([losses, overlaps, torch.ones_like(losses)])
        self.sums += each.sum(1, dtype=torch.float64)

    def told(self) -> dict[str, float]:
        """Means, and over how many."""
        loss, overlap, count = self.sums.tolist()
        return {"loss": loss / max(count, 1), "miou": overlap / max(count, 1), "samples": int(count)}


class Teacher(NamedTuple):
    """Who knows more, and how much it is believed where it is right, 0…1."""

    ask: Ask
    weight: float


class Learner:
    """What changes a network: AdamW (Loshchilov and Hutter, 2019) with a warm-up and a cosine, and a running mean.

    Attributes:
        network: What is trained.
        mean: Running mean of its weights and of what its normalisations remember (Polyak and Juditsky, 1992).

    Args:
        network: What is trained.
        rate: Step size after the warm-up.
        decay: Of weights; those of normalisations and biases are left alone.
        rates: Share of the step size at each step.
        average: How much of the mean is kept in each step; early ones keep less, so that the start is forgotten.
    """

    def __init__(
        self, network: nn.Module, *, rate: float, decay: float, rates: Callable[[int], float], average: float
    ) -> None:
        self.network = network
        weights = [each for each in network.parameters() if each.ndim > 1]
        others = [each for each in network.parameters() if each.ndim <= 1]
        groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=rate)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, rates)
        self.mean = AveragedModel(network, multi_avg_fn=_follow(average), use_buffers=True)

    @property
    def rate(self) -> float:
        """The step size now."""
        return float(self.optimiser.param_groups[0]["lr"])

    def step(self, loss: Tensor) -> None:
        """Change the network so that the loss becomes less."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        self._schedule.step()
        self.mean.update_parameters(self.network)

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self.network, "mean": self.mean, "optimiser": self.optimiser, "schedule": self._schedule
        }  # fmt: skip


def run_epoch(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    tally: Tally,
    *,
    learner: Learner | None = None,
    teacher: Teacher | None = None,
    mixed: bool | None = None,
    after: Callable[[], None] = lambda: None,
) -> Tally:
    """Show batches to a network.

    Args:
        network: On the device that is to be used.
        batches: (N, 3, H, W) pixels and (N, 1, H, W) masks, uint8.
        tally: What was seen before in this epoch; it is added to.
        learner: What changes the network after each batch; None where it is only judged.
        teacher: Whose answers it learns from, too.
        mixed: Whether products are taken in bfloat16, see `rounds`.
        after: Called after each batch.
    """
    device = tally.sums.device
    network.train(learner is not None)
    rounded = rounds(device, mixed)
    with torch.set_grad_enabled(learner is not None):
        for batch in batches:
            pixels, masks = (each.to(device, non_blocking=True) for each in batch)
            seen, meant = normalised(pixels).contiguous(memory_format=torch.channels_last), masks.float()
            with torch.autocast(device.type, torch.bfloat16, enabled=rounded):
                logits = network(seen).float()
                losses = _losses(logits, meant, pixels, masks, teacher)
            if learner:
                learner.step(losses.mean())
            tally.add(losses.detach(), ious(logits.detach(), meant))
            after()
    return tally


def rounds(device: torch.device, mixed: bool | None) -> bool:
    """Whether products are taken in bfloat16: on a GPU unless told otherwise, on a processor only where that is faster.

    One without instructions for it takes many times as long as in float32.
    """
    if device.type == "cuda":
        return mixed is not False
    return bool(mixed) and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - no public name tells it


def _losses(logits: Tensor, meant: Tensor, pixels: Tensor, masks: Tensor, teacher: Teacher | None) -> Tensor:
    if teacher is None:
        return hard(logits, meant)
    return distilled(logits, meant, teacher.ask(pixels, masks), teacher.weight)


def _follow(average: float) -> Callable[[Any, Any, Any], None]:
    def follow(means: Any, now: Any, count: Any) -> None:
        share = 1 - min(average, (1 + int(count)) / (10 + int(count)))
        for mean, new in zip(means, now, strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, share)
            else:
                mean.copy_(new)

    return follow
