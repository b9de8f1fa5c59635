"""A trained network as an answer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from model.data.sample import Sample
from model.networks.zoo import normalised
from model.prompt import Mask


def answer(network: nn.Module) -> Callable[[Sample], Mask]:
    """What a network says of a sample: its positive logits.

    Args:
        network: Not in training.
    """
    shaped = network.to(memory_format=torch.channels_last)

    def told(sample: Sample) -> Mask:
        pixels = torch.from_numpy(sample.picture.transpose(2, 0, 1)[None].copy())
        with torch.inference_mode():
            found: Mask = (shaped(normalised(pixels))[0, 0] > 0).numpy()
        return found

    return told
