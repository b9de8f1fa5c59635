"""Network packages: what an `.rpk` holds, read without a camera; and how many lines its tensors take on the wire.

An `.rpk` is a row of blocks, each with a footer, and behind them a cpio archive: registers that tell the sensor how
many lines its tensors take, `network_info.txt`, and perhaps `network_intrinsics`, which is JSON.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

from msgspec import Struct

from nodes.sensors.sensor import Package
from pipeline.errors import NodeError

LINE = 2560  # bytes of a line on CSI-2
HEAD, FOOT = b"9464", b"3695"
FOOTER = 64
LOCK = 32  # more bytes behind the footer where a block is locked to a device
CPIO = b"070701"
INPUT_LINES, OUTPUT_LINES = 0x305E, 0x3060
REGISTER = struct.Struct("<HBI")


class Contents(Struct, frozen=True):
    """What is in an `.rpk`.

    Attributes:
        blocks: Bytes of each firmware block, its header included.
        locked: Whether a block runs on one device alone.
        input_size: (width, height), px.
        input_format: Order of its channels.
        outputs: Numbers in each output; their shape is only in the sensor's own words.
        element: Bytes of a number of each output.
        registers: Values by address, as they are written to the sensor.
        intrinsics: What the network is for, as its maker says.
        info: All of `network_info.txt`.
    """

    blocks: tuple[int, ...]
    locked: bool
    input_size: tuple[int, int]
    input_format: str
    outputs: tuple[int, ...]
    element: tuple[int, ...]
    registers: dict[int, int]
    intrinsics: dict[str, Any]
    info: dict[str, str]

    @property
    def lines(self) -> tuple[int, int]:
        """Lines of input and of output on the wire, by formula; the registers must say the same."""
        return input_lines(*self.input_size), output_lines(self.outputs, self.element)


def input_lines(width: int, height: int) -> int:
    """A header, and three planes whose rows are padded to 32 bytes and whose height is even."""
    return 1 + ceil(ceil(width / 32) * 32 * (height + height % 2) * 3 / LINE)


def output_lines(outputs: tuple[int, ...], element: tuple[int, ...]) -> int:
    """A header, and each output from the beginning of a line."""
    return 1 + sum(ceil(count * size / LINE) for count, size in zip(outputs, element, strict=True))


def package(path: Path) -> Package:
    """A network as sensors take it: named by its file, known by its digest.

    Raises:
        NodeError: If there is no such file, or it is an `.rpk` that cannot be read.
    """
    data = read(path)
    size = contents(path, data).input_size if path.suffix == ".rpk" else (0, 0)
    return Package(path, path.stem, digest(data), size)


def digest(data: bytes) -> str:
    """What a file is known by: its SHA-256, hex."""
    return hashlib.sha256(data).hexdigest()


def read(path: Path) -> bytes:
    """The bytes of a package.

    Raises:
        NodeError: If there is no such file.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise NodeError(
            f"{path}: expected a network package, found none: {error.strerror}; set `package` to an .rpk, such as "
            "those that `apt install imx500-models` puts into /usr/share/imx500-models"
        ) from error


def contents(path: Path, data: bytes) -> Contents:
    """Read an `.rpk`.

    Raises:
        NodeError: If it is none.
    """
    try:
        return _contents(data)
    except (struct.error, KeyError, ValueError, IndexError) as error:
        raise NodeError(
            f"{path}: expected a network package of an IMX500 (.rpk), found something else: {_why(error)}; pack it "
            "with `imx500-package`"
        ) from error


def _contents(data: bytes) -> Contents:
    blocks, locked, at = _blocks(data)
    files = dict(_files(data, at))
    info = _pairs(files["network_info.txt"].decode("ascii"))
    intrinsics = json.loads(files.get("network_intrinsics", b"{}"))
    found = Contents(
        blocks=blocks,
        locked=locked,
        input_size=(int(info["inputTensorWidth"]), int(info["inputTensorHeight"])),
        input_format=info["inputTensorFormat"],
        outputs=_numbered(info, "outputTensorDimSize"),
        element=_numbered(info, "outputTensorBytesPerElement"),
        registers={address: value for address, _, value in REGISTER.iter_unpack(files["imx500_regs"])},
        intrinsics=intrinsics if isinstance(intrinsics, dict) else {},
        info=info,
    )
    if min(found.input_size) < 1 or len(found.outputs) != len(found.element):
        raise ValueError("sizes of its tensors that do not fit")
    return found


def _why(error: Exception) -> str:
    """What went wrong, for people: a missing name is what a `KeyError` says, and nothing else."""
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _blocks(data: bytes) -> tuple[tuple[int, ...], bool, int]:
    """Sizes of the blocks, whether one is locked to a device, and where the archive begins."""
    sizes, locked, at = [], False, 0
    while data[at : at + 4] == HEAD:
        (size,) = struct.unpack_from(">I", data, at + 4)
        if data[at + size + FOOTER - 4 : at + size + FOOTER] != FOOT:
            raise ValueError(f"the block at byte {at} has no footer; is the file whole?")
        lock = bool(data[at + 14] & 1)
        sizes.append(size)
        locked, at = locked or lock, at + size + FOOTER + LOCK * lock
    if not sizes:
        raise ValueError(f"no block at byte {at}")
    return tuple(sizes), locked, at


def _files(data: bytes, at: int) -> Iterator[tuple[str, bytes]]:
    """Files of a newc cpio archive: numbers are eight hex digits, names and data are padded to four bytes."""
    start = at
    while data[at : at + 6] == CPIO:
        size, length = (int(data[at + 6 + 8 * field : at + 14 + 8 * field], 16) for field in (6, 11))
        name = data[at + 110 : at + 110 + length - 1].decode()
        body = at + 110 + length + -(at - start + 110 + length) % 4
        if size < 0 or length < 1 or body + size > len(data):
            raise ValueError(f"it ends inside '{name}', at byte {len(data)}")
        if name == "TRAILER!!!":
            return
        yield name, data[body : body + size]
        at = body + size + -(body - start + size) % 4
    raise ValueError(f"no archive at byte {at}" if at == start else f"its archive breaks off at byte {at}")


def _pairs(text: str) -> dict[str, str]:
    """`key=value` lines; of several networks the first one counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.strip().partition("=")
        found.setdefault(key, value)
    return found


def _numbered(info: dict[str, str], key: str) -> tuple[int, ...]:
    """The values of `key1`, `key2`, … in their order."""
    found = {int(name.removeprefix(key)): int(value, 0) for name, value in info.items() if name.startswith(key)}
    return tuple(found[number] for number in sorted(found))
