"""`kensa-model loss NETWORK CONFIG`: what int8 takes from a network, on the samples that judge it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from model.commands.asked import count, network_of

COUNT, CALIBRATED = 500, 256  # samples
SONY = 80  # samples that Sony's quantiser is shown


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", type=Path, metavar="NETWORK", help="a trained network: best.pt of a run")
    parser.add_argument("config", type=Path, metavar="CONFIG", help="what it was trained by")
    parser.add_argument("--sony", action="store_true", help="by Sony's quantiser as well, as the IMX500 computes")
    parser.add_argument(
        "--gradient", type=count, action="append", default=[], metavar="EPOCHS",
        help="with --sony: also with weights bent towards the float network so often; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--count", type=count, default=COUNT, metavar="N", help=f"samples of each of its data; default {COUNT}"
    )
    parser.epilog = "Activations are measured on what it was trained with, never on what judges it."


def run(args: Namespace) -> int:
    """Score each form on the same samples, and print what it loses, sample by sample."""
    import numpy as np

    from model.commands.export import some
    from model.scoring.gain import gain
    from model.scoring.network import asked

    config, net, _ = network_of(args.network, args.config)
    shown, calibration = some(config.validate, args.count), [each.picture for each in some(config.train, CALIBRATED)]
    whole = _overlaps(asked(net), shown)
    print(f"{'':28}{'mIoU':>7}{'lost':>7}   95 %\n{f'{config.network} in float32':28}{100 * np.mean(whole):7.2f}")
    for name, ask in _forms(net, calibration, args):
        told = gain([_overlaps(ask, shown)], [whole])
        low, high = (f"{100 * each:+.2f}" for each in told.interval)
        print(f"{name:28}{100 * told.without[0]:7.2f}{100 * told.mean:+7.2f}   {low} … {high}", flush=True)
    return 0


def _forms(net: Any, pictures: Sequence[Any], args: Namespace) -> Iterator[tuple[str, Any]]:
    """What each form in int8 is called, and what answers."""
    from model.export import portable

    yield "int8 between quantisers", portable.asked(portable.quantised(portable.floating(net), pictures))
    if args.sony:
        from model.scoring.network import asked
        from model.sony.quantise import quantised

        for epochs in (0, *args.gradient):
            name = f"IMX500, bent {epochs} times" if epochs else "IMX500"
            yield name, asked(quantised(net, pictures[:SONY], epochs=epochs).network)


def _overlaps(ask: Callable[[Any], Any], shown: Sequence[Any]) -> list[float]:
    """IoU of every sample."""
    from model.scoring.metrics import fit

    return [fit(ask(sample.picture) > 0, sample.mask).iou for sample in shown]
