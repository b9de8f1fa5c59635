"""PicoSAM2 (arXiv 2506.18807) and PicoSAM3 (arXiv 2603.11917), layer for layer as their authors published them.

Both take (N, 3, 96, 96) and give (N, 1, 96, 96) logits: positive is inside. The prompt is the crop itself.
"""

from __future__ import annotations

from torch import Tensor, nn

from model.networks.layers import Gate, depthwise, separable

WIDTHS = (48, 96, 160, 256)
DEEPEST = 320
UP = (192, 128, 80, 40)


class PicoSam2(nn.Module):
    """A U-net of separable convolutions whose down-samplers are dense and whose skips are added.

    Args:
        widths: Channels of the four stages on the way down.
        deepest: Channels at the bottom.
        up: Channels of the four stages on the way up.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS, deepest: int = DEEPEST, up: tuple[int, ...] = UP) -> None:
        super().__init__()
        self.stages = nn.ModuleList(map(separable, (3, *widths), widths))
        self.downs = nn.ModuleList(nn.Conv2d(width, width, 3, 2, 1, bias=False) for width in widths)
        self.bottom: nn.Module = separable(widths[-1], deepest)
        self.ups = nn.ModuleList(map(separable, (deepest, *up), up))
        self.skips = nn.ModuleList(map(_pointwise, reversed(widths), up))
        self.twice = nn.Upsample(scale_factor=2, mode="nearest")
        self.head: nn.Module = _pointwise(up[-1], 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Logits of a picture of (pixel − 128) / 128."""
        logits: Tensor = self.head(self._features(picture))
        return logits

    def _features(self, picture: Tensor) -> Tensor:
        found, kept = picture, []
        for stage, down in zip(self.stages, self.downs, strict=True):
            kept.append(stage(found))
            found = down(kept[-1])
        found = self.bottom(found)
        for up, skip in zip(self.ups, self.skips, strict=True):
            found = up(self.twice(found)) + skip(kept.pop())
        return found


class PicoSam3(PicoSam2):
    """PicoSAM2 with a wider view at the bottom, channels weighed at the top, and a deeper head."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS, deepest: int = DEEPEST, up: tuple[int, ...] = UP) -> None:
        super().__init__(widths, deepest, up)
        self.bottom = nn.Sequential(self.bottom, separable(deepest, deepest, dilation=2))
        self.head = nn.Sequential(Gate(up[-1]), depthwise(up[-1]), self.head)


def _pointwise(inner: int, outer: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 1)
