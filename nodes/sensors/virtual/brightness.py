"""A network whose answer is known: what is brighter than a threshold is inside.

It is written as the bytes of an ONNX file, so that nobody needs a training framework to see a line run. The format is
Protocol Buffers: each field is its number, its kind and its value, and files that are joined are messages that are
merged, which is how `annotated` adds notes to a network of any origin.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

VARINT, BYTES = 0, 2
FLOAT = 1
IR_VERSION, OPSET = 8, 17


def brightness(size: int = 96, threshold: float = 128.0, gain: float = 0.25) -> bytes:
    """The ONNX file of a network that gives (mean of red, green and blue − threshold) × gain for each pixel.

    Args:
        size: Side of its input and its output, px.
        threshold: What counts as bright, 0…255.
        gain: Logits per step of brightness.
    """
    share = gain * 255 / 3  # its input is 0…1
    graph = b"".join(
        (
            _bytes(1, _conv("image", "weight", "bias", "logits")),
            _bytes(2, b"brightness"),
            _bytes(5, _floats("weight", (1, 3, 1, 1), (share, share, share))),
            _bytes(5, _floats("bias", (1,), (-threshold * gain,))),
            _bytes(11, _tensor("image", (1, 3, size, size))),
            _bytes(12, _tensor("logits", (1, 1, size, size))),
        )
    )
    opset = _bytes(8, _bytes(1, b"") + _number(2, OPSET))
    return _number(1, IR_VERSION) + _bytes(2, b"kensa") + _bytes(7, graph) + opset


def annotated(network: bytes, notes: Mapping[str, str]) -> bytes:
    """An ONNX file with notes added to its metadata: how its tensors are quantised, see `describe`."""
    entries = (_bytes(14, _bytes(1, key.encode()) + _bytes(2, value.encode())) for key, value in notes.items())
    return network + b"".join(entries)


def _conv(*names: str) -> bytes:
    *inputs, output = names
    return b"".join(_bytes(1, name.encode()) for name in inputs) + _bytes(2, output.encode()) + _bytes(4, b"Conv")


def _floats(name: str, shape: Iterable[int], values: tuple[float, ...]) -> bytes:
    dims = b"".join(_number(1, side) for side in shape)
    return dims + _number(2, FLOAT) + _bytes(8, name.encode()) + _bytes(9, struct.pack(f"<{len(values)}f", *values))


def _tensor(name: str, shape: Iterable[int]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, side)) for side in shape)
    kind = _bytes(1, _number(1, FLOAT) + _bytes(2, dims))
    return _bytes(1, name.encode()) + _bytes(2, kind)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | BYTES) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    told = bytearray()
    while value > 0x7F:
        told.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*told, value))
