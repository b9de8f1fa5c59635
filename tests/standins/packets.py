"""Metadata and packages byte by byte as libcamera and Sony's tools write them, made up independently of our parser."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = Sequence[NDArray[np.float32]]


def output_info(
    tensors: Tensors, *, frame: int = 7, network: bytes = b"picosam2", length: int = 712
) -> tuple[int, ...]:
    """`CnnOutputTensorInfo`: 712 bytes, or 708 without the frame count."""
    told = struct.pack("<64sI", network, len(tensors))
    for tensor in tensors:
        sizes = [*tensor.shape, *[0] * 16][:16]
        told += struct.pack("<II16H", tensor.size, tensor.ndim, *sizes)
    told = told.ljust(708, b"\0") + struct.pack("<B3x", frame)
    return tuple(told[:length])


def metadata(tensors: Tensors, *, frame: int = 7, length: int = 712, **more: Any) -> dict[str, Any]:
    """A frame with an inference, as libcamera hands it over: tuples of Python numbers, tensors column-major."""
    values = np.concatenate([tensor.ravel(order="F") for tensor in tensors]) if tensors else np.zeros(0)
    return {
        "CnnOutputTensor": tuple(map(float, values)),
        "CnnOutputTensorInfo": output_info(tensors, frame=frame, length=length),
        "CnnInputTensorInfo": tuple(struct.pack("<64sIIIB3x", b"picosam2", 96, 96, 3, frame)),
        "CnnKpiInfo": (14350, 1200),
        **more,
    }


NETWORK = """networkID=000001
apParamSize=0
networkNum=1
networkOrdinal=0
inputTensorWidth={width}
inputTensorHeight={height}
inputTensorFormat=RGB
inputTensorNorm_K00=0x0400
inputTensorNorm_K02=0x0000
inputTensorNorm_K03=0x1800
inputTensorNorm_K11=0x0400
inputTensorNorm_K13=0x1800
inputTensorNorm_K20=0x0000
inputTensorNorm_K22=0x0400
inputTensorNorm_K23=0x1800
outputTensorNum=1
outputTensorDimSize1={numbers}
outputTensorPadding1=0
outputTensorBytesPerElement1=1
"""


def package(
    width: int = 96, height: int = 96, registers: Sequence[tuple[int, int]] = (), notes: Mapping[str, str] | None = None
) -> bytes:
    """A synthetic `.rpk`: one block, its footer, and a cpio archive with what readers look for.

    Args:
        width: Of the network's input, px.
        height: Of the network's input, px.
        registers: Address and value of each.
        notes: Lines of `network_info.txt` that are to be others.
    """
    told = NETWORK.format(width=width, height=height, numbers=width * height)
    lines = dict(line.split("=") for line in told.splitlines()) | dict(notes or {})
    size = 64  # header and body
    block = struct.pack(">4sI", b"9464", size).ljust(size + 60, b"\0") + b"3695"
    rows = b"".join(struct.pack("<HBI", address, 2, value) for address, value in registers)
    files = {
        "imx500_regs": rows,
        "network_info.txt": "".join(f"{name}={value}\n" for name, value in lines.items()).encode(),
        "network_intrinsics": b'{"task": "segmentation", "inference_rate": 30}',
    }
    return block + _cpio(files)


def _cpio(files: dict[str, bytes]) -> bytes:
    told = io.BytesIO()
    for name, data in [*files.items(), ("TRAILER!!!", b"")]:
        path = name.encode() + b"\0"
        numbers = [0, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
        head = b"070701" + b"".join(b"%08X" % number for number in numbers)
        for part in (head + path, data):
            told.write(part + bytes(-len(part) % 4))
    return told.getvalue()
