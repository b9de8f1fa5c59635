"""Layers that the networks share: all of them are what Sony's converter takes, and every normalisation folds away.

Tensors are (N, C, H, W), float32; a `BatchNorm2d` always follows a convolution without bias, so that both become one
when a network is quantised.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def dense(inner: int, outer: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution, normalised and rectified."""
    layers = nn.Conv2d(inner, outer, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layers, nn.BatchNorm2d(outer), nn.ReLU(inplace=True))


def depthwise(channels: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution of each channel by itself, normalised and rectified."""
    layers = nn.Conv2d(channels, channels, 3, stride, dilation, dilation, channels, bias=False)
    return nn.Sequential(layers, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def separable(inner: int, outer: int, *, dilation: int = 1) -> nn.Sequential:
    """A depthwise and a pointwise convolution, each normalised and rectified (Howard et al., 2017: MobileNets)."""
    return nn.Sequential(depthwise(inner, dilation=dilation), dense(inner, outer, kernel=1))


class Gate(nn.Module):
    """Channels weighed by what the whole picture holds (Hu et al., 2018: squeeze and excitation, without a waist)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.weigh = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, found: Tensor) -> Tensor:
        """The same channels, each times a number between 0 and 1."""
        return found * torch.sigmoid(self.weigh(self.mean(found)))


class Residual(nn.Module):
    """An inverted residual (Sandler et al., 2018: MobileNetV2): widened, looked at, narrowed, added.

    Args:
        channels: In and out.
        wider: How many times as many in between.
        dilation: Of the look.
    """

    def __init__(self, channels: int, *, wider: int = 2, dilation: int = 1) -> None:
        super().__init__()
        between = channels * wider
        narrow = nn.Conv2d(between, channels, 1, bias=False)
        self.look = nn.Sequential(dense(channels, between, kernel=1), depthwise(between, dilation=dilation))
        self.narrow = nn.Sequential(narrow, nn.BatchNorm2d(channels))

    def forward(self, found: Tensor) -> Tensor:
        """The same shape."""
        added: Tensor = found + self.narrow(self.look(found))
        return added
