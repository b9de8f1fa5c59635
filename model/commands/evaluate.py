"""`kensa-model evaluate CONFIG`: score a network, and answers without one, on what a configuration validates with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from model.commands.asked import count

COUNT = 500
JITTERS = (0.0, 0.05, 0.1, 0.2, 0.3)


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="a configuration of `train`; its `validate`")
    parser.add_argument(
        "--network", type=Path, action="append", default=[], metavar="FILE",
        help="a trained network, or an ONNX file that was exported; may be repeated; without one: the baselines",
    )  # fmt: skip
    parser.add_argument(
        "--count", type=count, default=COUNT, metavar="N", help=f"samples of each of its data; default {COUNT}"
    )
    parser.add_argument("--jitter", action="store_true", help="also with boxes drawn 0, 5, 10, 20 and 30 %% carelessly")
    parser.add_argument(
        "--masks", type=Path, action="append", default=[], metavar="FILE",
        help="COCO results of another network: compare what masks look like; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--grow", type=int, default=0, metavar="PX",
        help="also each network's masks grown by so many pixels of 96: people mark more than is seen; default 0",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of prompts and intervals; default 0")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the scores as JSON, too")


def run(args: Namespace) -> int:
    """Score, and print the table."""
    import json

    import msgspec

    from model.scoring.evaluate import table
    from model.training.config import open_config

    data, answers = open_config(args.config).validate, _answers(args.network, args.grow)
    found = [*_rows(data, answers, args)]
    for jitter in JITTERS if args.jitter else ():
        every = (row for row in _rows([_drawn(each, jitter) for each in data], answers, args) if row.group == "all")
        found += [msgspec.structs.replace(row, group=f"jitter: {100 * jitter:.0f} %") for row in every]
    print(table(found))
    if args.masks:
        print(_likeness(data, answers, args))
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(msgspec.to_builtins(found), indent=1) + "\n", encoding="utf-8")
    return 0


def _answers(paths: Sequence[Path], grow: int) -> dict[str, Any]:
    """The networks, if there are any, and the answers without."""
    from model.scoring.baselines import BASELINES, grown

    networks = {path.stem: _network(path) for path in paths}
    larger = {f"{name} +{grow} px": grown(answer, grow) for name, answer in networks.items() if grow}
    return networks | larger | BASELINES


def _network(path: Path) -> Any:
    from model.scoring.network import answer, answered

    if path.suffix == ".onnx":
        from model.export.portable import opened

        return answered(opened(path))
    from model.training.run import load

    return answer(load(path))


def _likeness(data: Sequence[Any], answers: dict[str, Any], args: Namespace) -> str:
    """What masks look like: those that were meant, those of every answer, those of other networks."""
    from model.scoring.traits import compared, read

    shown = [*_shown(data, args)]
    mine = {name: [answer(sample) for sample in shown] for name, answer in answers.items()}
    theirs = {path.stem: read(path) for path in args.masks}
    return compared({"meant": [sample.mask for sample in shown], **mine, **theirs})


def _rows(data: Sequence[Any], answers: dict[str, Any], args: Namespace) -> Iterator[Any]:
    """Scores of every answer on some of all the data."""
    from model.scoring.evaluate import rows

    return rows([*_shown(data, args)], answers, args.seed)


def _shown(data: Sequence[Any], args: Namespace) -> Iterator[Any]:
    """Some samples of all the data."""
    from model.scoring.evaluate import samples
    from model.training.config import sources

    for source in sources(data):
        yield from samples(source, args.count, args.seed)


def _drawn(data: Any, jitter: float) -> Any:
    """The same data with boxes drawn that carelessly."""
    from msgspec.structs import replace

    return replace(data, look=replace(data.look, jitter=jitter))
