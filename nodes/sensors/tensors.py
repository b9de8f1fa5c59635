"""What a frame's metadata says about its inference: the structs of libcamera, and tensors out of tuples, fast.

libcamera hands every array over as a tuple of Python numbers, which numpy reads one by one. msgspec packs the same
tuple several times as fast, nine bytes a number: a tag and a big-endian double; numpy then looks at those bytes.
Equal to `IMX500.get_outputs` for what that accepts, and for the older layout without a frame count, which it refuses.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import msgpack

from pipeline.errors import KensaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = 64  # bytes of a network's name
MOST = 16  # tensors, and dimensions of one
BARE = 708  # length of `CnnOutputTensorInfo` up to libcamera 0.5: without a frame count
FULL = 712  # and since 0.6: with one, padded
SIZES = struct.Struct("<II16H")
INPUT = struct.Struct("<64sIII")
STEP = 9  # bytes of a packed double
ENDLESS = 0x7F  # its first byte where it is infinite or no number
FIXED, SHORT = 16, 1 << 16  # lengths from which a packed array has a longer header


class TensorError(KensaError):
    """Metadata that no IMX500 and no libcamera that Kensa knows would give."""


class Plane(NamedTuple):
    """Where an output that is an image lies among all numbers.

    Attributes:
        start: Its first number.
        stop: After its last one.
        size: (height, width).
    """

    start: int
    stop: int
    size: tuple[int, int]


class Layout(NamedTuple):
    """What a network gives, in the order of its tensors.

    Attributes:
        network: Its name in the package.
        shapes: Of each output; numbers of an output are column-major.
        total: Numbers in all of them.
        planes: Of each output that is an image; None for any other.
    """

    network: str
    shapes: tuple[tuple[int, ...], ...]
    total: int
    planes: tuple[Plane | None, ...]


class Inference(NamedTuple):
    """One run of the network, as it came with a frame.

    Attributes:
        layout: What the network gives.
        frame: The sensor's number of the inference, 0…255; None where libcamera does not hand it over.
        values: All tensors, one after the other.
        dnn_us: Run time of the network, µs.
        dsp_us: Run time of what follows it on the sensor, µs.
    """

    layout: Layout
    frame: int | None
    values: tuple[float, ...]
    dnn_us: int | None
    dsp_us: int | None


class Seen(NamedTuple):
    """What the network was shown.

    Attributes:
        network: Its name in the package.
        shape: (channels, height, width).
        frame: As in `Inference`.
        pixels: uint8 view of what the sensor fed it, planar; empty unless the stream asks for input tensors.
    """

    network: str
    shape: tuple[int, int, int]
    frame: int | None
    pixels: bytes


def inference(metadata: Mapping[str, Any]) -> Inference | None:
    """The inference of a frame; None where it has none, which is all that tells of a late one.

    Raises:
        TensorError: If lengths or counts do not fit.
    """
    values, told = metadata.get("CnnOutputTensor"), metadata.get("CnnOutputTensorInfo")
    if not values or not told:
        return None
    layout, count = _described(told)
    if len(values) < layout.total:
        raise TensorError(f"expected tensors of {layout.shapes}, found {len(values)} numbers")
    dnn_us, dsp_us = metadata.get("CnnKpiInfo") or (None, None)
    return Inference(layout, count, values, dnn_us, dsp_us)


def _described(told: Sequence[int]) -> tuple[Layout, int | None]:
    """The same as of the frame before, nearly always: what follows the last tensor is not looked at then."""
    known, layout = _last[0]
    if known and len(told) == FULL and told[: len(known)] == known:
        return layout, told[BARE]
    layout, frame = output_info(bytes(told))
    unused = 2 * (MOST - len(layout.shapes[-1])) if layout.shapes else 0  # bytes of sizes that the last tensor has not
    _last[0] = told[: NAME + 4 + SIZES.size * len(layout.shapes) - unused], layout
    return layout, frame


def output_info(told: bytes) -> tuple[Layout, int | None]:
    """Read `CnnOutputTensorInfo` in either length: what the network gives, and the number of the inference.

    Raises:
        TensorError: If it has another length, or more tensors or dimensions than fit.
    """
    if len(told) not in {BARE, FULL}:
        raise TensorError(
            f"expected tensor info of {BARE} (libcamera up to 0.5) or {FULL} bytes, found {len(told)}: "
            "this libcamera is newer than this version of Kensa; update Kensa"
        )
    return _layout(told[:BARE]), told[BARE] if len(told) == FULL else None


@lru_cache(maxsize=16)
def _layout(told: bytes) -> Layout:
    (tensors,) = struct.unpack_from("<I", told, NAME)
    infos = [SIZES.unpack_from(told, NAME + 4 + SIZES.size * at) for at in range(min(tensors, MOST))]
    if tensors > MOST or any(dimensions > MOST for _, dimensions, *_ in infos):
        raise TensorError(f"expected at most {MOST} tensors of {MOST} dimensions, found {tensors}")
    shapes = tuple(tuple(sizes[:dimensions]) for _, dimensions, *sizes in infos)
    ends = [*accumulate(map(prod, shapes), initial=0)]
    planes = tuple(_plane(shape, start) for shape, start in zip(shapes, ends, strict=False))
    return Layout(_name(told[:NAME]), shapes, ends[-1], planes)


def _plane(shape: tuple[int, ...], start: int) -> Plane | None:
    """Height and width are the sides that are not 1, where there are two of them, or where there are only two."""
    sides = shape if len(shape) == 2 else tuple(side for side in shape if side != 1)
    return Plane(start, start + prod(sides), (sides[0], sides[1])) if len(sides) == 2 else None


def _name(text: bytes) -> str:
    return text.rstrip(b"\0").decode("utf-8", "replace")


def seen(metadata: Mapping[str, Any]) -> Seen | None:
    """What the network was shown, where the frame says so; 76 bytes without and 80 with a frame count.

    Raises:
        TensorError: If the info has another length.
    """
    told = metadata.get("CnnInputTensorInfo")
    if not told:
        return None
    info = bytes(told)
    if len(info) not in {INPUT.size, INPUT.size + 4}:
        raise TensorError(f"expected input info of 76 or 80 bytes, found {len(info)}; update Kensa")
    name, width, height, channels = INPUT.unpack_from(info)
    pixels = bytes(value & 0xFF for value in metadata.get("CnnInputTensor") or ())
    return Seen(_name(name), (channels, height, width), info[76] if len(info) > INPUT.size else None, pixels)


def outputs(run: Inference) -> tuple[NDArray[np.float32], ...]:
    """Every output of a run in its shape, float32, column-major."""
    import numpy as np

    header = _packed(run.values)
    if header:
        flat = np.ndarray(len(run.values), ">f8", _desk.buffer, header + 1, (STEP,)).astype(np.float32)
    else:
        flat = np.fromiter(run.values, np.float32)
    found, at = [], 0
    for shape in run.layout.shapes:
        found.append(flat[at : at + prod(shape)].reshape(shape, order="F"))
        at += prod(shape)
    return tuple(found)


def inside(run: Inference, output: int = 0, threshold: float = 0.0) -> NDArray[np.bool_]:
    """Where one output is above a threshold, (H, W) bool, column-major: the mask.

    Raises:
        TensorError: If that output is no image.
    """
    planes = run.layout.planes
    plane = planes[output] if output < len(planes) else None
    if plane is None:
        raise TensorError(f"expected output {output} to be height × width, found outputs {run.layout.shapes}")
    return _above(run.values, plane, threshold)


def _above(values: tuple[float, ...], plane: Plane, threshold: float) -> NDArray[np.bool_]:
    """Which numbers are above a threshold; for 0 the byte with sign and exponent is enough, but for NaN."""
    import numpy as np

    start, stop, size = plane
    header = _packed(values)
    if not header:
        return (np.fromiter(values, np.float32)[start:stop] > threshold).reshape(size, order="F")
    if not threshold:
        # As int8 that byte is negative for negative numbers and 0 for zero; what else it hides no float32 can be.
        first = _desk.buffer[header + 1 :: STEP]
        if ENDLESS not in first:
            found: NDArray[np.bool_] = np.greater(np.ndarray(size, "b", first, start, None, "F"), _zero())
            return found
    flat = np.ndarray(len(values), ">f8", _desk.buffer, header + 1, (STEP,))
    return (flat[start:stop].astype(np.float32) > threshold).reshape(size, order="F")


@cache
def _zero() -> NDArray[np.int8]:
    """Zero as an array: to find a type for Python's own costs numpy a third of the comparison."""
    import numpy as np

    return np.zeros((), np.int8)


class _Desk(threading.local):
    """Where a thread packs, in memory that is used again."""

    def __init__(self) -> None:
        self.buffer = bytearray()


_desk = _Desk()
_pack = msgpack.Encoder().encode_into
_last: list[tuple[Sequence[int], Layout]] = [((), Layout("", (), 0, ()))]  # what was read last, and what it says


def _packed(values: tuple[float, ...]) -> int:
    """Pack numbers on this thread's desk; returns the bytes before them, or 0 where not all of them are floats."""
    buffer = _desk.buffer
    try:
        _pack(values, buffer)
    except TypeError:  # numbers of a library
        return 0
    count = len(values)
    header = 1 if count < FIXED else 3 if count < SHORT else 5
    return header if len(buffer) == header + STEP * count else 0


def quantised(values: NDArray[np.float32], scale: float, zero_point: int = 0) -> NDArray[np.int8]:
    """The sensor's own numbers behind dequantised ones: value = (q − zero point) × scale.

    Raises:
        TensorError: If they are not on that grid, so that int8 would be a guess.
    """
    import numpy as np

    steps = values / np.float32(scale) + zero_point
    whole = np.rint(steps)
    if not (np.abs(steps - whole) < 0.01).all() or whole.min(initial=0) < -128 or whole.max(initial=0) > 127:
        raise TensorError(f"expected whole steps of {scale} from {zero_point} in −128…127, found others")
    found: NDArray[np.int8] = whole.astype(np.int8)
    return found
