"""Networks as ONNX for every machine: float, and int8 between quantisers (QDQ), which any runtime of ONNX runs.

The bytes follow from the weights and the pictures alone: two exports are equal.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model.prompt import SIDE, Logits, Pixels
from nodes.sensors.virtual.brightness import annotated
from nodes.sensors.virtual.network import PREFIX
from pipeline.errors import KensaError

INPUT, OUTPUT, OPSET = "picture", "logits", 17
THIN = 16  # channels
TOP = 127  # of the sensor's int8
CENTRE = 128 / 255  # mean and spread of (pixel − 128) / 128, in shares of 255


def floating(network: nn.Module) -> bytes:
    """A network as ONNX: (1, 3, 96, 96) of (pixel − 128) / 128 to (1, 1, 96, 96) logits, float32.

    Args:
        network: On the CPU.
    """
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter writes what Sony's tools do not read
        torch.onnx.export(
            network.train(False), (torch.zeros(1, 3, SIDE, SIDE),), written,
            input_names=[INPUT], output_names=[OUTPUT], opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    return written.getvalue()


def quantised(network: bytes, pictures: Sequence[Pixels]) -> bytes:
    """The same in int8: weights per channel, activations by the least and greatest value seen.

    Weights take half the range of int8. Processors without instructions for sums in 32 bits add two products in 16,
    which weights of the whole range overflow: silently, and of one network more than of another.

    Thin layers at full resolution stay in float32: onnxruntime is slower over them in int8, and they draw the outline.

    Args:
        network: What `floating` gave.
        pictures: (96, 96, 3) each, to measure activations with; never those that a network is judged by.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder:
        first, ready, last = (Path(folder) / name for name in ("float.onnx", "ready.onnx", "int8.onnx"))
        first.write_bytes(network)
        quant_pre_process(str(first), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready), str(last), _Reader(map(planes, pictures)), quant_format=QuantFormat.QDQ, per_channel=True,
            weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8, calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=_thin(ready), reduce_range=True,
        )  # fmt: skip
        return last.read_bytes()


def _thin(network: Path) -> list[str]:
    """Names of the nodes that give few channels at full resolution."""
    import onnx

    graph = onnx.load(network).graph
    shapes = {
        each.name: [side.dim_value for side in each.type.tensor_type.shape.dim]
        for each in (*graph.value_info, *graph.output)
    }
    return [node.name for node in graph.node if _is_thin(shapes.get(node.output[0], []))]


def _is_thin(shape: list[int]) -> bool:
    return len(shape) == 4 and shape[1] <= THIN and shape[2:] == [SIDE, SIDE]


def described(network: bytes, scale: float) -> bytes:
    """A network with notes on how a sensor holds it, see `nodes.sensors.virtual.network`.

    Args:
        network: An ONNX file.
        scale: Logits per step of its output.
    """
    same = ",".join([repr(CENTRE)] * 3)
    notes = {"mean": same, "std": same, "scale": repr(scale), "signed": "true"}
    return annotated(network, {f"{PREFIX}{name}": value for name, value in notes.items()})


def step(logits: Iterable[Logits]) -> float:
    """The power of two that carries the largest logit in int8."""
    largest = max(float(np.abs(each).max()) for each in logits)
    return 2.0 ** math.ceil(math.log2(max(largest, 1e-3) / TOP))


def opened(path: Path) -> Callable[[Pixels], Logits]:
    """What an ONNX file of ours says, see `asked`.

    Raises:
        KensaError: If there is none, or if it is another file.
    """
    try:
        ask = asked(path.read_bytes())
        ask(np.zeros((SIDE, SIDE, 3), np.uint8))
    except OSError as error:
        raise KensaError(f"{path}: expected a network as ONNX, found none: {error.strerror}") from error
    except Exception as error:  # onnxruntime has no class of its own for what it cannot use
        wanted = "expected a network that `kensa-model export` wrote"
        raise KensaError(f"{path}: {wanted}, but onnxruntime says: {error}") from error
    return ask


def asked(network: bytes) -> Callable[[Pixels], Logits]:
    """What an ONNX file says of a picture, (96, 96, 3): logits, (96, 96); one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return lambda picture: session.run([OUTPUT], {INPUT: planes(picture)})[0][0, 0]


def planes(picture: Pixels) -> NDArray[np.float32]:
    """What a network reads of a picture: (1, 3, 96, 96)."""
    return np.ascontiguousarray((picture.transpose(2, 0, 1)[None].astype(np.float32) - 128) / 128)


class _Reader:
    """Pictures one by one, as onnxruntime asks for them."""

    def __init__(self, shown: Iterator[NDArray[np.float32]]) -> None:
        self._shown = shown

    def get_next(self) -> dict[str, Any] | None:
        """The next one; None after the last."""
        found = next(self._shown, None)
        return None if found is None else {INPUT: found}
