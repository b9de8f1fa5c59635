"""The network of a virtual IMX500: an ONNX file that onnxruntime runs, between the sensor's two quantisations."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from nodes.sensors.sensor import Package
from nodes.sensors.virtual.brightness import brightness
from nodes.sensors.virtual.normaliser import Normaliser
from pipeline.conversion import convert
from pipeline.errors import NodeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUILTIN = "brightness"
PREFIX = "kensa."
MOST_DIMS = 3  # libcamera sorts the pixels of a tensor only up to three dimensions
RUNTIME = "expected onnxruntime to run a virtual sensor, found none; install it: pip install 'kensa[virtual]'"


class Notes(Struct, frozen=True, forbid_unknown_fields=True):
    """What an ONNX file may say in its metadata, each key as `kensa.<name>`, about how the sensor would hold it.

    Attributes:
        mean: Subtracted from each channel, in shares of 255; ImageNet's are 0.485, 0.456, 0.406.
        std: Each channel is divided by it after that.
        scale: Logits per step of the output.
        shift: The step that means a logit of 0.
        bits: Of an output's numbers: 8 or 16, signed.
        bgr: Whether the network reads blue first.
        signed: Whether it reads int8 (pixel − 128), else uint8.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    scale: float = 0.25
    shift: int = 0
    bits: int = 8
    bgr: bool = False
    signed: bool = True

    @property
    def normaliser(self) -> Normaliser:
        """How the sensor would be set up for it."""
        offset = 0x1800 if self.signed else 0
        return Normaliser(offset=(offset, offset, offset), signed=self.signed, bgr=self.bgr)


class Answer(NamedTuple):
    """What the network said about one picture.

    Attributes:
        outputs: float32 per output, on the grid that the sensor's numbers have; no batch, at most three dimensions.
        steps: What it read: (3, H, W) whole numbers.
    """

    outputs: tuple[NDArray[np.float32], ...]
    steps: NDArray[np.int8 | np.uint8]


class Network:
    """A network that is loaded.

    Attributes:
        name: Its name in the sensor's metadata.
        size: (height, width) of its input, px.
        notes: How it is quantised.
    """

    def __init__(self, data: bytes, name: str, bits: int | None = None) -> None:
        session = _session(data, name)
        self.name = name
        self.notes = _notes(session.get_modelmeta().custom_metadata_map, name)
        self._input, self._planar, self.size = _input(session.get_inputs(), name)
        self._session, self._normaliser, self._bits = session, self.notes.normaliser, bits or self.notes.bits

    def answer(self, pixels: NDArray[np.uint8]) -> Answer:
        """Run it on an (H, W, 3) RGB picture of its size."""
        import numpy as np

        steps = self._normaliser.quantised(pixels)
        mean, std = (np.array(each, np.float32)[:, None, None] for each in (self.notes.mean, self.notes.std))
        planes = (self._normaliser.restored(steps) / 255 - mean) / std
        tensor = planes[None] if self._planar else planes.transpose(1, 2, 0)[None]
        outputs = self._session.run(None, {self._input: np.ascontiguousarray(tensor, np.float32)})
        return Answer(tuple(self._on_grid(_flat(output)) for output in outputs), steps)

    def _on_grid(self, output: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is left of logits after the sensor has written them in 8 or 16 bits: (q − shift) × scale."""
        import numpy as np

        top = 2 ** (self._bits - 1)
        scale = self.notes.scale * 2.0 ** (self.notes.bits - self._bits)  # the same range in other steps
        steps = (np.rint(output / scale) + self.notes.shift).clip(-top, top - 1)
        held: NDArray[np.float32] = ((steps - self.notes.shift) * scale).astype(np.float32)
        return held


def builtin() -> Package:
    """The network that every installation has: what is brighter than half is inside."""
    digest = hashlib.sha256(brightness()).hexdigest()
    return Package(path=Path(BUILTIN), name=BUILTIN, sha256=digest, input_size=(96, 96))


def read(path: Path) -> bytes:
    """The bytes of an ONNX file, or of the one that is built in.

    Raises:
        NodeError: If there is no such file.
    """
    if path.name == BUILTIN:
        return brightness()
    try:
        return path.read_bytes()
    except OSError as error:
        raise NodeError(f"{path}: expected an ONNX file or '{BUILTIN}', found none: {error.strerror}") from error


def _session(data: bytes, name: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise NodeError(RUNTIME) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a line has other work for its cores
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no base class of its own
        raise NodeError(f"{name}: expected an ONNX network, but onnxruntime says: {error}") from error


def _notes(told: dict[str, str], name: str) -> Notes:
    mine = {key.removeprefix(PREFIX): _value(value) for key, value in told.items() if key.startswith(PREFIX)}
    try:
        return convert(mine, Notes, strict=False)
    except msgspec.ValidationError as error:
        raise NodeError(f"{name}: metadata '{PREFIX}…' of the ONNX file: {error}") from error


def _value(text: str) -> str | list[str]:
    """Lists are written with commas."""
    return [each.strip() for each in text.split(",")] if "," in text else text


def _input(inputs: list[Any], name: str) -> tuple[str, bool, tuple[int, int]]:
    """Name of the one input, whether its channels come first, and its size."""
    shapes = [list(each.shape) for each in inputs]
    match shapes:
        case [[_, 3, int(height), int(width)]]:
            return inputs[0].name, True, (height, width)
        case [[_, int(height), int(width), 3]]:
            return inputs[0].name, False, (height, width)
    raise NodeError(f"{name}: expected one input of 1×3×H×W or 1×H×W×3 with numbers, found {shapes}")


def _flat(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the batch and without a single channel: the sensor sends neither."""
    import numpy as np

    shape = tuple(side for side in output.shape if side != 1) or (1,)
    if len(shape) > MOST_DIMS:
        raise NodeError(f"expected outputs of at most {MOST_DIMS} dimensions beside the batch, found {output.shape}")
    return np.asarray(output, np.float32).reshape(shape)
