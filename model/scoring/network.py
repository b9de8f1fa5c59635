"""A trained network as an answer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from model.data.sample import Sample
from model.networks.zoo import normalised
from model.prompt import Logits, Mask, Pixels

Asked = Callable[[Pixels], Logits]


def asked(network: nn.Module) -> Asked:
    """What a network says of a picture, (96, 96, 3): logits, (96, 96).

    Args:
        network: Not in training.
    """
    shaped = network.to(memory_format=torch.channels_last)

    def told(picture: Pixels) -> Logits:
        pixels = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
        with torch.inference_mode():
            found: Logits = shaped(normalised(pixels))[0, 0].numpy()
        return found

    return told


def answered(ask: Asked) -> Callable[[Sample], Mask]:
    """Logits as an answer: those that are positive."""
    return lambda sample: ask(sample.picture) > 0


def answer(network: nn.Module) -> Callable[[Sample], Mask]:
    """What a network says of a sample, see `asked`."""
    return answered(asked(network))
