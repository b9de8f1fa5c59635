"""`kensa-model evaluate CONFIG`: score a network, and answers without one, on what a configuration validates with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

COUNT = 500
JITTERS = (0.0, 0.05, 0.1, 0.2, 0.3)


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="a configuration of `train`; its `validate`")
    parser.add_argument("--network", type=Path, metavar="FILE", help="a trained network; without one: the baselines")
    parser.add_argument(
        "--count", type=int, default=COUNT, metavar="N", help=f"samples of each of its data; default {COUNT}"
    )
    parser.add_argument("--jitter", action="store_true", help="also with boxes drawn 0, 5, 10, 20 and 30 %% carelessly")
    parser.add_argument("--seed", type=int, default=0, help="of prompts and intervals; default 0")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the scores as JSON, too")


def run(args: Namespace) -> int:
    """Score, and print the table."""
    import json

    import msgspec

    from model.scoring.baselines import BASELINES
    from model.scoring.evaluate import rows, samples, table
    from model.training.config import open_config, sources

    answers: dict[str, Any] = dict(BASELINES)
    if args.network:
        from model.scoring.network import answer
        from model.training.run import load

        answers = {args.network.stem: answer(load(args.network)), **answers}
    data = open_config(args.config).validate
    shown = [sample for source in sources(data) for sample in samples(source, args.count, args.seed)]
    found = [*rows(shown, answers, args.seed)]
    for jitter in JITTERS if args.jitter else ():
        turned = tuple(_drawn(each, jitter) for each in data)
        shown = [sample for source in sources(turned) for sample in samples(source, args.count, args.seed)]
        every = (row for row in rows(shown, answers, args.seed) if row.group == "all")
        found += [msgspec.structs.replace(row, group=f"jitter: {100 * jitter:.0f} %") for row in every]
    print(table(found))
    if args.output:
        args.output.write_text(json.dumps(msgspec.to_builtins(found), indent=1) + "\n", encoding="utf-8")
    return 0


def _drawn(data: Any, jitter: float) -> Any:
    """The same data with boxes drawn that carelessly."""
    from msgspec.structs import replace

    return replace(data, look=replace(data.look, jitter=jitter))
