"""`kensa-model train CONFIG`: train a network; a run that was killed goes on where it was."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from model.commands.asked import count


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="what to train, on what, for how long: YAML")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="default out/ and the name of CONFIG")
    parser.add_argument("--device", help="cpu, cuda, …; default: a GPU where there is one")
    parser.add_argument("--threads", type=count, metavar="N", help="cores that torch takes; default all of them")
    parser.epilog = "Kill it when you like: the same command goes on from its last checkpoint."


def run(args: Namespace) -> int:
    """Train, with a bar and the time that is left; returns the exit status."""
    import torch
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from model.training.config import open_config
    from model.training.run import BEST, JOURNAL, Place, Run

    if args.threads:
        torch.set_num_threads(args.threads)
    config, folder = open_config(args.config), args.output or Path("out") / args.config.stem
    training = Run(config, folder, args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    steps = config.steps

    def done(place: Place) -> int:
        return place.epoch * steps + place.step

    if done(training.place):
        print(f"going on after epoch {training.place.epoch}, step {training.place.step}")
    columns = (TextColumn("epoch {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("", total=config.epochs * steps, completed=done(training.place))
        training.epochs(lambda place: bar.update(task, completed=done(place), description=f"{place.epoch + 1}"))
    print(f"trained: {folder / BEST}; {folder / JOURNAL} tells how it went")
    return 0
