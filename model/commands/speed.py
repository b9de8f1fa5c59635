"""`kensa-model speed`: what a mask costs networks on this machine, beside each other in the same run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from model.commands.asked import count

ROUNDS = 200
SHOWN = 24  # pictures


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", nargs="?", default="kensa-s", help="default kensa-s")
    parser.add_argument("--peer", default="picosam2", metavar="NETWORK", help="default picosam2")
    parser.add_argument("--rounds", type=count, default=ROUNDS, metavar="N", help=f"of all in turn; default {ROUNDS}")
    parser.epilog = "One thread of onnxruntime; weights are of chance, on which time does not depend."


def run(args: Namespace) -> int:
    """Time them in turn, and print medians, and how many times as fast the network is, pair by pair.

    What is timed is the thread's share of a core: it is the time on the clock where nobody else wants the core.
    """
    import numpy as np

    from model.procedural.source import Procedural
    from model.scoring.evaluate import samples

    pictures = [sample.picture for sample in samples(Procedural(1), SHOWN)]
    asked = {f"{name} {form}": ask for name in (args.network, args.peer) for form, ask in _asked(name, pictures)}
    times = np.array([[_time(ask, pictures[turn % SHOWN]) for ask in asked.values()] for turn in range(args.rounds)])
    print(f"{'network':20}{'ms':>8}{f'{args.network} is so many times as fast: float32':>50}{'int8':>8}")
    for place, name in enumerate(asked):
        ratios = np.median(times[:, place, None] / times[:, :2], axis=0)
        print(f"{name:20}{np.median(times[:, place]):8.2f}{ratios[0]:50.2f}{ratios[1]:8.2f}")
    return 0


def _asked(name: str, pictures: list[Any]) -> list[tuple[str, Any]]:
    from model.export.portable import asked, floating, quantised
    from model.networks.zoo import network

    data = floating(network(name))
    return [("float32", asked(data)), ("int8", asked(quantised(data, pictures)))]


def _time(ask: Any, picture: Any) -> float:
    import time

    begun = time.thread_time()
    ask(picture)
    return 1e3 * (time.thread_time() - begun)
