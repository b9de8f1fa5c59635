"""Our own networks, drawn for a sensor whose memory holds weights and activations together.

What PicoSAM2 spends where, and what follows:

- It learns each thing once for every way that it may lie. Ours share their weights among all eight
  (`model.networks.symmetry`): the same sums on the sensor, an eighth as many numbers to learn.
- Its dense down-samplers hold 73 % of the parameters. Ours are means of four pixels, which no turn changes, and a
  pointwise convolution; a strided look begins at a corner.
- It widens at full resolution: an up-sampled tensor of 80 channels at 96 × 96 is most of its run-time memory. Nearest
  up-sampling and a pointwise convolution commute, so ours narrows first and then doubles: the same function, a quarter
  of the multiplications, half of the memory.
- It has one separable layer per stage. Ours spends what was saved on residual blocks at 24 and 12 px, where a
  look is cheap and wide, and on dilated ones at 6 px, where each pixel then sees the whole crop. They begin nearly
  silent: depth that does not stand in the way.
- Full resolution is kept for one thin branch, which only draws the outline.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.networks.layers import Gate, Residual, dense, separable
from model.networks.symmetry import WAYS

VOTE = 0.25  # of a channel at full resolution, in logits
SILENT = 0.1  # what a residual block begins with, of what it would add


class Plan(NamedTuple):
    """How much of a network is where; channels are multiples of eight.

    Attributes:
        thin: Channels at full resolution.
        stages: (channels, blocks) at a half, a quarter, an eighth and a sixteenth of the picture.
        after: Residual blocks behind each doubling, from an eighth of the picture to all of it.
    """

    thin: int
    stages: tuple[tuple[int, int], ...]
    after: tuple[int, ...]


S = Plan(thin=16, stages=((32, 1), (64, 2), (128, 3), (192, 3)), after=(0, 0, 0, 0))
M = Plan(thin=40, stages=((56, 2), (88, 3), (128, 4), (192, 3)), after=(1, 1, 1, 1))


class Kensa(nn.Module):
    """A promptable segmenter: (N, 3, H, W) of (pixel − 128) / 128 to (N, 1, H, W) logits; sides divide by 16."""

    def __init__(self, plan: Plan = S) -> None:
        super().__init__()
        thin, stages, after = plan
        widths = [width for width, _ in stages]
        ups = [*widths[-2::-1], thin]
        self.edges = dense(3, thin)
        self.downs = nn.ModuleList(map(_down, [thin, *widths], widths))
        self.stages = nn.ModuleList(_blocks(*stage, far=1 + (stage is stages[-1])) for stage in stages)
        self.gate = Gate(widths[-1])
        self.narrows = nn.ModuleList(map(_narrow, widths[::-1], ups))
        self.merges = nn.ModuleList(map(_merge, ups, after))
        self.twice = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Conv2d(thin, 1, 1)
        for block in filter(lambda each: isinstance(each, Residual), self.modules()):
            nn.init.constant_(block.narrow[1].weight, SILENT)
        with torch.no_grad():
            self.head.weight.copy_(_votes(thin)[None, :, None, None])

    def forward(self, picture: Tensor) -> Tensor:
        """Logits: positive is inside."""
        found = self.edges(picture)
        kept = [found]
        for down, stage in zip(self.downs, self.stages, strict=True):
            found = stage(down(found))
            kept.append(found)
        found = self.gate(kept.pop())
        for narrow, merge in zip(self.narrows, self.merges, strict=True):
            found = merge(self.twice(narrow(found)) + kept.pop())
        logits: Tensor = self.head(found)
        return logits


def _votes(thin: int) -> Tensor:
    """What a pixel's channels begin with: every second field speaks for it, the others against; they are rectified."""
    return VOTE * (-1.0) ** (torch.arange(thin) // WAYS)


def _down(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(nn.AvgPool2d(2), dense(inner, outer, kernel=1))


def _blocks(width: int, count: int, *, wider: int = 2, far: int = 1) -> nn.Sequential:
    """At the bottom every second look is far, so that the other side of the crop is seen."""
    return nn.Sequential(
        *(Residual(width, wider=wider, dilation=far if place % 2 else 1) for place in range(count))
    )  # fmt: skip


def _merge(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(separable(width, width), _blocks(width, count, wider=1))


def _narrow(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inner, outer, 1, bias=False), nn.BatchNorm2d(outer))
