"""What several commands ask for: whole numbers, and a trained network with what it was trained by."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.errors import KensaError

if TYPE_CHECKING:
    from model.training.config import Config


class Asked(NamedTuple):
    """A network to be written.

    Attributes:
        config: What it was trained by.
        network: With its weights.
        epochs: After how many it was taken.
    """

    config: Config
    network: Any
    epochs: int


def count(text: str) -> int:
    """A whole number, 1 or more.

    >>> count("20")
    20

    Raises:
        ArgumentTypeError: If it is none.
    """
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"expected a whole number, 1 or more, found '{text}'")
    return int(text)


def network_of(weights: Path, path: Path) -> Asked:
    """A trained network, and the configuration that a command names beside it.

    Args:
        weights: `best.pt` of a run.
        path: The configuration of that run.

    Raises:
        KensaError: If one of the two cannot be read, or if they are of different networks.
    """
    from model.training.config import open_config
    from model.training.run import trained

    config, found = open_config(path), trained(weights)
    if found.name != config.network:
        raise KensaError(
            f"{weights}: expected a {config.network}, which {path} trains, found a {found.name}; name its own "
            "configuration, for the card tells what is in it"
        )
    return Asked(config, found.network, found.epochs)
