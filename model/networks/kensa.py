"""Our own networks, drawn for a sensor whose memory holds weights and activations together.

What PicoSAM2 spends where, and what follows:

- Its dense down-samplers hold 73 % of the parameters. Ours are strided in the first, thin layer and depthwise below.
- It widens at full resolution: an up-sampled tensor of 80 channels at 96 × 96 is most of its run-time memory. Nearest
  up-sampling and a pointwise convolution commute, so ours narrows first and then doubles: the same function, a quarter
  of the multiplications, half of the memory.
- It has one separable layer per stage. Ours spends what was saved on residual blocks at 24 and 12 px, where a
  look is cheap and wide, and on dilated ones at 6 px, where each pixel then sees the whole crop.
- Full resolution is kept for one thin branch, which only draws the outline.

`KensaM` is for who has the multiplications, and few samples: what is thin learns slowly. It keeps what makes PicoSAM2
learn fast, the widths where outlines are drawn, dense down-samplers and late skips, and narrows before it doubles. What
that saves goes into residual blocks, which begin nearly silent: depth that does not stand in the way.
"""

from __future__ import annotations

from torch import Tensor, nn

from model.networks.layers import Gate, Residual, dense, depthwise, separable

S = ((32, 1), (64, 2), (128, 3), (192, 3))
THIN = 16
DOWN, DEEPEST, UP = (48, 80, 128, 160), 192, (128, 96, 64, 40)  # channels of `KensaM`
SILENT = 0.1  # what a residual block of `KensaM` begins with, of what it would add


class Kensa(nn.Module):
    """A promptable segmenter: (N, 3, H, W) of (pixel − 128) / 128 to (N, 1, H, W) logits; sides divide by 16.

    Args:
        stages: (channels, blocks) at a half, a quarter, an eighth and a sixteenth of the picture.
        thin: Channels at full resolution.
    """

    def __init__(self, stages: tuple[tuple[int, int], ...] = S, thin: int = THIN) -> None:
        super().__init__()
        widths = [width for width, _ in stages]
        self.edges = dense(3, thin)
        self.downs = nn.ModuleList([dense(3, widths[0], stride=2), *map(_down, widths, widths[1:])])
        self.stages = nn.ModuleList(_blocks(*stage, deepest=stage is stages[-1]) for stage in stages)
        self.gate = Gate(widths[-1])
        self.narrows = nn.ModuleList(map(_narrow, widths[::-1], [*widths[-2::-1], thin]))
        self.merges = nn.ModuleList(separable(width, width) for width in [*widths[-2::-1], thin])
        self.twice = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Conv2d(thin, 1, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Logits: positive is inside."""
        kept, found = [self.edges(picture)], picture
        for down, stage in zip(self.downs, self.stages, strict=True):
            found = stage(down(found))
            kept.append(found)
        found = self.gate(kept.pop())
        for narrow, merge in zip(self.narrows, self.merges, strict=True):
            found = merge(self.twice(narrow(found)) + kept.pop())
        logits: Tensor = self.head(found)
        return logits


class KensaM(nn.Module):
    """A wider promptable segmenter: (N, 3, H, W) of (pixel − 128) / 128 to (N, 1, H, W) logits; sides divide by 16."""

    def __init__(self) -> None:
        super().__init__()
        stages = [*map(separable, (3, *DOWN), DOWN)]
        stages[1].append(Residual(DOWN[1], wider=1))
        stages[2].append(Residual(DOWN[2]))
        self.stages = nn.ModuleList(stages)
        self.downs = nn.ModuleList(nn.Conv2d(width, width, 3, 2, 1, bias=False) for width in DOWN)
        self.bottom = nn.Sequential(
            separable(DOWN[-1], DEEPEST), Residual(DEEPEST, dilation=2), Residual(DEEPEST)
        )  # fmt: skip
        self.narrows = nn.ModuleList(map(_narrow, (DEEPEST, *UP), UP))
        self.merges = nn.ModuleList(map(separable, UP, UP))
        self.skips = nn.ModuleList(nn.Conv2d(inner, outer, 1) for inner, outer in zip(DOWN[::-1], UP, strict=True))
        self.after = nn.ModuleList([nn.Identity(), nn.Identity(), Residual(UP[2], wider=1), nn.Identity()])
        self.twice = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Conv2d(UP[-1], 1, 1)
        for block in filter(lambda each: isinstance(each, Residual), self.modules()):
            nn.init.constant_(block.narrow[1].weight, SILENT)

    def forward(self, picture: Tensor) -> Tensor:
        """Logits: positive is inside."""
        found, kept = picture, []
        for stage, down in zip(self.stages, self.downs, strict=True):
            kept.append(stage(found))
            found = down(kept[-1])
        found = self.bottom(found)
        for narrow, merge, skip, after in zip(self.narrows, self.merges, self.skips, self.after, strict=True):
            found = after(merge(self.twice(narrow(found))) + skip(kept.pop()))
        logits: Tensor = self.head(found)
        return logits


def _down(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(depthwise(inner, stride=2), dense(inner, outer, kernel=1))


def _blocks(width: int, count: int, *, deepest: bool) -> nn.Sequential:
    """At the bottom every second look is wide, so that the far side of the crop is seen."""
    return nn.Sequential(*(Residual(width, dilation=1 + deepest * (place % 2)) for place in range(count)))


def _narrow(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inner, outer, 1, bias=False), nn.BatchNorm2d(outer))
