"""Quantised as the IMX500 computes: Sony's model-compression-toolkit, with what it needs said before it is loaded."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from model.networks.vision import complete
from model.networks.zoo import normalised
from model.prompt import Pixels
from pipeline.errors import KensaError

VERSION = "1.0"  # of the capabilities of the sensor, as the toolkit counts them
BATCH = 8
MISSING = (
    "expected Sony's model-compression-toolkit, found none; make it: make .venv-sony/.ready, "
    "or install it: pip install 'kensa[model,sony]'"
)


class Quantised(NamedTuple):
    """A network in the sensor's arithmetic.

    Attributes:
        network: As torch runs it: its weights and activations rounded as the sensor has them.
        onnx: As Sony's converter reads it.
    """

    network: nn.Module
    onnx: bytes


def quantised(network: nn.Module, pictures: Sequence[Pixels], *, epochs: int = 0) -> Quantised:
    """Weights per channel, activations by powers of two, all in 8 bits.

    Args:
        network: On the CPU; it is not changed.
        pictures: (96, 96, 3) each, to measure activations with, at least eight; never those that it is judged by.
        epochs: How often weights are bent towards what the float network says (Gordon et al., 2023: EPTQ); 0: never.

    Raises:
        KensaError: If the toolkit is not there.
    """
    kit, shown = _kit(), functools.partial(_batches, _spanning(pictures))
    capabilities = kit.get_target_platform_capabilities(tpc_version=VERSION, device_type="imx500")
    told: dict[str, Any] = {"target_platform_capabilities": capabilities}
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the toolkit's and the tracer's: nothing can be done about them here
        if epochs:
            how = kit.gptq.get_pytorch_gptq_config(n_epochs=epochs)
            changed, _ = kit.gptq.pytorch_gradient_post_training_quantization(
                network.train(False), shown, gptq_config=how, **told
            )
        else:
            changed, _ = kit.ptq.pytorch_post_training_quantization(network.train(False), shown, **told)
        return Quantised(changed, _exported(kit, changed, shown))


def _exported(kit: Any, network: nn.Module, shown: Callable[[], Iterator[list[Tensor]]]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "quantised.onnx"
        kit.exporter.pytorch_export_model(model=network, save_model_path=str(path), repr_dataset=shown)
        return path.read_bytes()


def _spanning(pictures: Sequence[Pixels]) -> list[Pixels]:
    """The same pictures, with the darkest and the brightest pixel there is in the corners of each.

    The toolkit takes the range of the input from what it is shown; only of the whole range does it make a step of one
    pixel, and only then does the sensor, which never rescales contrast, show the network what it was trained with.
    """
    copies = [picture.copy() for picture in pictures]
    for copy in copies:
        copy[0, 0], copy[-1, -1] = 0, 255
    return copies


def _batches(pictures: Sequence[Pixels]) -> Iterator[list[Tensor]]:
    for begin in range(0, len(pictures), BATCH):
        planes = np.stack(pictures[begin : begin + BATCH]).transpose(0, 3, 1, 2)
        yield [normalised(torch.from_numpy(np.ascontiguousarray(planes)))]


@functools.cache
def _kit() -> Any:
    """The toolkit.

    It loads torchvision, and it leaves to torch which exporter writes ONNX: since torch 2.9 that is one whose files
    Sony's converter does not read.
    """
    complete()
    torch.onnx.export = functools.partial(torch.onnx.export, dynamo=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its sources, when they are compiled for the first time
        try:
            import model_compression_toolkit
        except ImportError as error:
            raise KensaError(MISSING) from error
    return model_compression_toolkit
