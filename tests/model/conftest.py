"""What tests of networks share: one thread, and a network that is small enough to train in a test."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

TINY = 8, ((8, 1), (8, 1), (16, 1), (24, 2)), (0, 0, 0, 1)  # a plan of `Kensa`


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As many threads as there are tests would only wait for each other."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network called `tiny`."""
    from model.networks import zoo
    from model.networks.kensa import Kensa, Plan

    monkeypatch.setitem(zoo.ZOO, "tiny", lambda: Kensa(Plan(*TINY)))


def weights(network: bytes) -> Iterator[NDArray[np.int8]]:
    """The weights of an ONNX file that are held in int8, layer by layer."""
    onnx: Any = pytest.importorskip("onnx", reason="onnx is in .venv-model: make model-test")
    for each in onnx.load_from_string(network).graph.initializer:
        if each.data_type == onnx.TensorProto.INT8 and len(each.dims) == 4:
            yield onnx.numpy_helper.to_array(each)
