"""Networks that see a thing alike however it is turned or mirrored (Cohen and Welling, 2016: p4m).

Nothing on a line says which way up a scratch lies, so whatever a network learns of one it may know of all eight ways to
lay it: four quarter turns, of the picture and of its mirror image. Channels come in fields of eight, one for each way,
and what one of them learns is turned for the other seven: a network has an eighth of the numbers to learn, and each
sample teaches it what eight would.

None of this is in the network that is used. While it learns, the weights of ordinary convolutions and normalisations
follow from fewer numbers (`symmetric`); afterwards they are what they are (`plain`), for any converter to take.

Ways are numbered by quarter turns, 0…3, and from 4 on of the mirror image. Of channel c, the way is c modulo 8.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

WAYS = 8


def turned(picture: Tensor, way: int) -> Tensor:
    """(…, N, N), laid in one of eight ways."""
    return torch.rot90(picture.flip(-1) if way >= 4 else picture, way % 4, (-2, -1))


class Turned(nn.Module):
    """Kernels of a picture's own channels, or of one channel each: (F, C, K, K) to (8 F, C, K, K)."""

    def forward(self, learned: Tensor) -> Tensor:
        """Each of them, turned in eight ways."""
        return torch.stack([turned(learned, way) for way in range(WAYS)], 1).flatten(0, 1)

    def right_inverse(self, weights: Tensor) -> Tensor:
        """Those that are not turned."""
        return weights[::WAYS].clone()


class Mixed(nn.Module):
    """Products between fields: (F, G, 8) to (8 F, 8 G, 1, 1).

    What a channel takes of another depends on how much further the one is turned than the other, and on nothing else.
    """

    further: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("further", _further(), persistent=False)

    def forward(self, learned: Tensor) -> Tensor:
        """The matrix, as a convolution has it."""
        outer, inner, _ = learned.shape
        return learned[:, :, self.further].transpose(1, 2).reshape(outer * WAYS, inner * WAYS, 1, 1)

    def right_inverse(self, weights: Tensor) -> Tensor:
        """What channels that are not turned take."""
        return weights[::WAYS, :, 0, 0].unflatten(1, (-1, WAYS)).clone()


class Alike(nn.Module):
    """Numbers that are the same in all eight ways, along a dimension: F to 8 F."""

    def __init__(self, along: int = 0) -> None:
        super().__init__()
        self._along = along

    def forward(self, learned: Tensor) -> Tensor:
        """Each of them, eight times."""
        return learned.repeat_interleave(WAYS, self._along)

    def right_inverse(self, weights: Tensor) -> Tensor:
        """The first of each eight."""
        return weights.unflatten(self._along, (-1, WAYS)).select(self._along + 1, 0).clone()


def symmetric(network: nn.Module) -> nn.Module:
    """The same network, whose weights follow from what one of the eight ways learns.

    Args:
        network: Its channels are multiples of eight, but for those of the picture and of the answer; its convolutions
            are pointwise, of one channel each, or the first. What it begins with is what its first ways began with.
    """
    for each in [*network.modules()]:
        if isinstance(each, nn.Conv2d):
            parametrize.register_parametrization(each, "weight", _tie(each))
        elif isinstance(each, nn.BatchNorm2d):
            parametrize.register_parametrization(each, "weight", Alike())
            parametrize.register_parametrization(each, "bias", Alike())
    return network


def plain(network: nn.Module) -> dict[str, Tensor]:
    """The weights of a network by name, as ordinary layers have them, whether or not they followed from fewer.

    What normalisations remember is a mean over what each way has seen.
    """
    found = {name: each for name, each in network.state_dict().items() if ".parametrizations." not in name}
    for path, each in network.named_modules():
        if parametrize.is_parametrized(each):
            found |= {f"{path}.{name}": getattr(each, name).detach() for name in each.parametrizations}
            found |= {f"{path}.{name}": _level(kept) for name, kept in each.named_buffers() if kept.ndim == 1}
    return found


def _tie(convolution: nn.Conv2d) -> nn.Module:
    if convolution.out_channels == 1:
        return Alike(along=1)
    return Mixed() if convolution.kernel_size == (1, 1) else Turned()


def _level(kept: Tensor) -> Tensor:
    return kept.unflatten(0, (-1, WAYS)).mean(1).repeat_interleave(WAYS)


def _further() -> Tensor:
    """Of each two ways, the one that the first turns into the second, (8, 8)."""
    corners = torch.arange(4).reshape(2, 2)
    laid = [turned(corners, way) for way in range(WAYS)]
    ways = {tuple(each.flatten().tolist()): way for way, each in enumerate(laid)}
    found = torch.empty(WAYS, WAYS, dtype=torch.long)
    for first, way in product(range(WAYS), range(WAYS)):
        found[way, ways[tuple(turned(laid[first], way).flatten().tolist())]] = first
    return found
