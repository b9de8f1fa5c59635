"""`kensa-model gain CONFIG`: what a teacher is worth: the same run with it and without, seed by seed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from model.commands.asked import count

SEEDS, COUNT = 3, 500


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="a configuration of `train` with a `teacher`")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="default out/gain/ and the name of CONFIG")
    parser.add_argument("--seeds", type=count, default=SEEDS, metavar="N", help=f"runs of each; default {SEEDS}")
    parser.add_argument(
        "--count", type=count, default=COUNT, metavar="N", help=f"samples of each of its data; default {COUNT}"
    )
    parser.add_argument("--device", help="as in `train`")
    parser.add_argument("--threads", type=count, metavar="N", help="cores that torch takes; default all of them")
    parser.epilog = "Runs that are there already are not made again; one that was killed goes on."


def run(args: Namespace) -> int:
    """Train what is not there yet, score all of it on what the configuration validates with, and print the gain."""
    import msgspec
    import torch

    from model.commands.export import some
    from model.scoring.gain import gain, table
    from model.training.config import open_config
    from pipeline.errors import KensaError

    if args.threads:
        torch.set_num_threads(args.threads)
    config, folder = open_config(args.config), args.output or Path("out", "gain", args.config.stem)
    if config.teacher is None:
        raise KensaError(f"{args.config}: expected a `teacher`, whose worth is asked for, found none")
    shown, found = some(config.validate, args.count), []
    for name, taught in (("without", None), ("with", config.teacher)):
        runs = [msgspec.structs.replace(config, teacher=taught, seed=seed) for seed in range(args.seeds)]
        found.append([_overlaps(each, folder / f"{name}-{each.seed}", shown, args.device) for each in runs])
    told = gain(found[0], found[1])
    (folder / "gain.json").write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
    print(table(told))
    return 0


def _overlaps(config: Any, folder: Path, shown: list[Any], device: str | None) -> list[float]:
    """IoU of every sample, of the network that a run gives."""
    import torch

    from model.scoring.metrics import fit
    from model.scoring.network import answer
    from model.training.run import BEST, Run, load

    Run(config, folder, device or ("cuda" if torch.cuda.is_available() else "cpu")).epochs()
    told = answer(load(folder / BEST))
    overlaps = [fit(told(sample), sample.mask).iou for sample in shown]
    print(f"{folder}: {100 * sum(overlaps) / len(overlaps):.2f}", flush=True)
    return overlaps
