"""Networks as ONNX, in float32 and in int8, with weights of chance, on which time does not depend; in `.venv-model`.

Usage: python -m benchmarks.peers.networks FOLDER NETWORK...
"""

from __future__ import annotations

import sys
from pathlib import Path

from model.export.portable import floating, quantised
from model.networks.zoo import network
from model.procedural.source import Procedural
from model.scoring.evaluate import samples

SHOWN = 24  # pictures that activations are measured with


def main(folder: Path, names: list[str]) -> None:
    """Write NETWORK-float32.onnx and NETWORK-int8.onnx of each."""
    pictures = [sample.picture for sample in samples(Procedural(1), SHOWN)]
    for name in names:
        data = floating(network(name))
        (folder / f"{name}-float32.onnx").write_bytes(data)
        (folder / f"{name}-int8.onnx").write_bytes(quantised(data, pictures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
