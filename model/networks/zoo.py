"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.networks.kensa import Kensa, M
from model.networks.picosam import PicoSam2, PicoSam3
from pipeline.errors import KensaError
from pipeline.faults import listed, meant

SIDE = 96  # px of a picture and of its mask

ZOO: dict[str, Callable[[], nn.Module]] = {
    "kensa-s": Kensa,
    "kensa-m": lambda: Kensa(M),
    "picosam2": PicoSam2,
    "picosam3": PicoSam3,
}


class Cost(NamedTuple):
    """What a network costs.

    Attributes:
        parameters: Numbers that are trained.
        macs: Multiplications of its convolutions for one picture; what is added, weighed or up-sampled is left out,
            as in the papers.
    """

    parameters: int
    macs: int


def network(name: str, seed: int = 0) -> nn.Module:
    """A network that has not been trained; equal seeds give equal weights.

    Raises:
        KensaError: If there is none of that name.
    """
    if name not in ZOO:
        raise KensaError(f"network '{name}': expected {listed([*ZOO])}{meant(name, ZOO)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ZOO[name]()


def cost(net: nn.Module, side: int = SIDE) -> Cost:
    """What a network costs for a picture of (3, side, side), px."""
    counted: list[int] = []
    hooks = [
        each.register_forward_hook(lambda conv, _, out: counted.append(_macs(conv, out)))
        for each in net.modules()
        if isinstance(each, nn.Conv2d)
    ]
    trained = net.training
    with torch.no_grad():
        net.train(False)(torch.zeros(1, 3, side, side))
    net.train(trained)
    for hook in hooks:
        hook.remove()
    return Cost(sum(each.numel() for each in net.parameters()), sum(counted))


def normalised(pixels: Tensor) -> Tensor:
    """What a network reads of pixels, 0…255: (pixel − 128) / 128, so that the sensor's int8 is the pixel itself."""
    return (pixels.float() - 128) / 128


def _macs(conv: nn.Conv2d, out: Tensor) -> int:
    return int(out[0].numel() * conv.weight[0].numel())
