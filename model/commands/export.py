"""`kensa-model export NETWORK CONFIG`: write a network as ONNX, int8 unless float is asked for, with its card."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from model.commands.asked import count, network_of

CALIBRATED, JUDGED = 256, 500  # samples
PATHS = ("annotations", "images", "masks")


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", type=Path, metavar="NETWORK", help="a trained network: best.pt of a run")
    parser.add_argument("config", type=Path, metavar="CONFIG", help="what it was trained by")
    parser.add_argument("--float", action="store_true", help="not quantised")
    parser.add_argument(
        "--judged", type=count, default=JUDGED, metavar="N", help=f"samples that score it; default {JUDGED}"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("out/export"), metavar="FOLDER")


def run(args: Namespace) -> int:
    """Write it, and say where."""
    from model.export import portable
    from model.export.card import written

    config, net, epochs = network_of(args.network, args.config)
    data = portable.floating(net)
    pictures = [sample.picture for sample in some(config.train, CALIBRATED)]
    ask = portable.asked(data)
    scale = portable.step(map(ask, pictures[:32]))
    if not args.float:
        data = portable.quantised(data, pictures)
    data = portable.described(data, scale)
    form = "float32" if args.float else "int8"
    told = card_of(data, config, portable.asked(data), args.judged, form=form, scale=scale, epochs=epochs)
    path: Path = args.output / f"{told.name}-{told.form}-{told.sha256[:12]}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.with_suffix(".json").write_bytes(written(told))
    print(f"written: {path}, {len(data):,} bytes, and its card beside it")
    return 0


def card_of(data: bytes, config: Any, ask: Any, judged: int, *parts: str, **known: Any) -> Any:
    """The card of a file of a network that a configuration trained.

    Args:
        data: The file.
        config: What it was trained by.
        ask: What it says of a picture.
        judged: Samples that score it.
        *parts: See `model.export.card.card`.
        **known: The same.
    """
    import msgspec

    from model.export.card import card, reference
    from model.scoring.baselines import BASELINES
    from model.scoring.evaluate import rows
    from model.scoring.network import answered

    shown = some(config.validate, judged)
    return card(
        data, *parts, name=config.network, config=config.digest,
        prompt="the crop is the prompt: what is meant lies in its middle; see docs/model.md",
        trained=[_named(each) for each in msgspec.to_builtins(config.train)],
        scores=[*rows(shown, {config.network: answered(ask), **BASELINES})],
        reference=reference(shown, [ask(sample.picture) for sample in shown], known["scale"]), **known,
    )  # fmt: skip


def some(data: Any, count: int) -> list[Any]:
    """As many samples of each of some data."""
    from model.scoring.evaluate import samples
    from model.training.config import sources

    return [sample for source in sources(data) for sample in samples(source, count)]


def _named(data: dict[str, Any]) -> dict[str, Any]:
    """What was trained on, its files by their last names: where they lay is nobody's business."""
    held = {form: named for form, named in data.items() if named is not None}
    return {
        form: {key: Path(each).name if key in PATHS else each for key, each in named.items()}
        for form, named in held.items()
    }
