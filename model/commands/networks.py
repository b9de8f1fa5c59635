"""`kensa-model networks`: list the networks with what they cost."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace


def add(parser: ArgumentParser) -> None:
    """It has no arguments."""


def run(args: Namespace) -> int:  # noqa: ARG001 - it has none
    """Print the table."""
    from model.networks.zoo import ZOO, cost, network

    print(f"{'network':10}{'parameters':>12}{'M MACs':>9}")
    for name in ZOO:
        found = cost(network(name))
        print(f"{name:10}{found.parameters:12,}{found.macs / 1e6:9.2f}")
    return 0
