"""`kensa-model sony NETWORK CONFIG`: write a network as the IMX500 loads it, with what it takes of its memory."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from model.commands.asked import count, network_of
from model.commands.export import JUDGED, card_of, some

if TYPE_CHECKING:
    from model.sony.converter import Memory

CALIBRATED = 80  # samples


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", type=Path, metavar="NETWORK", help="a trained network: best.pt of a run")
    parser.add_argument("config", type=Path, metavar="CONFIG", help="what it was trained by")
    parser.add_argument(
        "--gradient", type=int, default=0, metavar="EPOCHS", help="bend weights towards the float network; default 0"
    )
    parser.add_argument(
        "--judged", type=count, default=JUDGED, metavar="N", help=f"samples that score it; default {JUDGED}"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("out/sony"), metavar="FOLDER")
    parser.epilog = "It takes Sony's quantiser and Sony's converter, which is under Sony's licence: make sony"


def run(args: Namespace) -> int:
    """Quantise, convert, and say what it takes."""
    from model.export.card import written
    from model.scoring.network import asked
    from model.sony import converter
    from model.sony.quantise import quantised

    converter.there()
    config, net, epochs = network_of(args.network, args.config)
    pictures = [sample.picture for sample in some(config.train, CALIBRATED)]
    made = quantised(net, pictures, epochs=args.gradient)
    folder: Path = args.output / "work"
    folder.mkdir(parents=True, exist_ok=True)
    (source := folder / f"{config.network}.onnx").write_bytes(made.onnx)
    found = converter.converted(source, folder)
    data = found.packed.read_bytes()
    told = card_of(
        data, config, asked(made.network), args.judged, "mct-quantizers", "model-compression-toolkit",
        form="imx500", epochs=epochs, scale=found.scales.tells, sha256=found.digest, memory=found.memory,
    )  # fmt: skip
    path = args.output / f"{told.name}-{told.form}-{told.sha256[:12]}.zip"
    path.write_bytes(data)
    path.with_suffix(".json").write_bytes(written(told))
    _package(path, args.output, found.memory)
    return 0


def _package(path: Path, output: Path, held: Memory) -> None:
    """Say what it takes of the sensor, and make what a camera loads, or say how."""
    from model.sony import converter

    print(f"written: {path}, and its card beside it: {held.used:,} of {held.available:,} bytes, {held.share:.0%}")
    package = converter.packaged(path, output)
    print(f"packaged: {package}" if package else f"for a camera, on Raspberry Pi OS: {converter.by_hand(path)}")
