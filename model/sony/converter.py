"""Sony's converter, a program of its own under a licence of its own: what it makes of a network, and what it reports.

Nothing of it is in Kensa. It makes `packerOut.zip`, of which `imx500-package`, a program of Raspberry Pi OS, makes the
`.rpk` that a camera loads.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import msgspec
from msgspec import Struct

from pipeline.errors import KensaError

PROGRAM, PACKAGER = "imxconv-pt", "imx500-package"
PACKED = "packerOut.zip"
DATED = "manifest.json"
SIZES = (
    "Runtime Memory Physical Size", "Model Memory Physical Size", "Memory Usage", "Total Memory Available On Chip",
)  # fmt: skip
LINES = 8  # of what a program said last
STEP = 1 / 128  # of the input, in units of what a network is trained with: one pixel


class ConverterError(KensaError):
    """A network that cannot be converted, or no program to do it."""


class Memory(Struct, frozen=True):
    """What a network takes of the sensor's memory, bytes.

    Attributes:
        runtime: Of activations.
        weights: Of weights.
        used: All that it takes, with what the sensor keeps for itself.
        available: All that there is.
        fits: Whether it can be loaded at all.
    """

    runtime: int
    weights: int
    used: int
    available: int
    fits: bool

    @property
    def share(self) -> float:
        """Of what there is, 0…1 and beyond."""
        return self.used / self.available


class Scales(NamedTuple):
    """How the sensor holds input and output: what a step means, and whether steps have a sign."""

    reads: float
    reads_signed: bool
    tells: float
    tells_signed: bool


class Converted(NamedTuple):
    """What the converter made.

    Attributes:
        packed: For `imx500-package`.
        memory: What it takes.
        scales: How it is held.
        digest: SHA-256 of everything in it but the date.
    """

    packed: Path
    memory: Memory
    scales: Scales
    digest: str


def converted(network: Path, folder: Path) -> Converted:
    """What the sensor loads, made of a quantised ONNX file.

    Args:
        network: What `model.sony.quantise` wrote.
        folder: Where everything that the converter writes goes.

    Raises:
        ConverterError: If there is no converter, if it refuses the network, or if the network does not fit.
    """
    program = there()
    words = [program, "-i", str(network), "-o", str(folder), "--overwrite-output", "--report-size-unit", "B"]
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    report = folder / f"{network.stem}_MemoryReport.json"
    held = memory(report.read_bytes()) if report.exists() else None
    if held and not held.fits:
        raise ConverterError(f"{network}: expected at most {held.available:,} bytes on the sensor, found {held.used:,}")
    if ended.returncode or held is None:
        last = "\n".join((ended.stdout + ended.stderr).strip().splitlines()[-LINES:])
        raise ConverterError(f"{network}: {PROGRAM} ended with {ended.returncode}; it said last:\n{last}")
    packed = folder / PACKED
    return Converted(packed, held, scales(_member(packed, "dnnParams.xml")), digest(packed))


def there() -> str:
    """Where the converter is.

    Raises:
        ConverterError: If it is not, or if Java is not, without which it does nothing.
    """
    program, _ = _found(PROGRAM, "make .venv-converter/.ready"), _found("java", "apt install default-jre-headless")
    return program


def packaged(packed: Path, folder: Path) -> Path | None:
    """The `.rpk` that a camera loads; None where `imx500-package` is not: only Raspberry Pi OS has it.

    Raises:
        ConverterError: If it refuses the file.
    """
    program = shutil.which(PACKAGER)
    if program is None:
        return None
    ended = subprocess.run(
        [program, "-i", str(packed), "-o", str(folder)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    made = folder / "network.rpk"
    if ended.returncode or not made.exists():
        raise ConverterError(f"{packed}: {PACKAGER} ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
    return made


def by_hand(packed: Path) -> str:
    """What to type on a Raspberry Pi to make the `.rpk`."""
    return f"sudo apt install imx500-tools && {PACKAGER} -i {packed.name} -o {packed.stem}  # makes network.rpk"


def memory(report: bytes) -> Memory:
    """What a memory report says; its sizes must be in bytes.

    Raises:
        ConverterError: If it says something else.
    """
    try:
        told: dict[str, Any] = msgspec.json.decode(report)["Memory Report"]
        runtime, weights, used, available = (int(told[key].removesuffix("B")) for key in SIZES)
        return Memory(runtime, weights, used, available, bool(told["Fit In Chip"]))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConverterError(f"expected a memory report in bytes; {type(error).__name__}: {error}") from error


def scales(parameters: bytes) -> Scales:
    """What `dnnParams.xml` says of the one input and the one output.

    Raises:
        ConverterError: If it says something else, or if a step of the input is not one pixel.
    """
    try:
        tree = ET.fromstring(parameters)  # noqa: S314 - the converter wrote it a moment ago
        pairs = [(float(each.attrib["scale"]), each.attrib["format"] == "signed") for each in _tensors(tree)]
        (reads, reads_signed), (tells, tells_signed) = pairs
    except (ET.ParseError, KeyError, ValueError) as error:
        raise ConverterError(f"expected one input and one output; {type(error).__name__}: {error}") from error
    if (reads, reads_signed) != (STEP, True):
        kind = "signed" if reads_signed else "unsigned"
        raise ConverterError(f"expected an input in signed steps of 1/128, one pixel each, found {kind} of {reads}")
    return Scales(reads, reads_signed, tells, tells_signed)


def digest(packed: Path) -> str:
    """SHA-256 of what is in the file, all but dates: two conversions of one network have the same."""
    summed = hashlib.sha256()
    with zipfile.ZipFile(packed) as members:
        for name in sorted(members.namelist()):
            data = members.read(name)
            if name == DATED:
                told = {key: value for key, value in msgspec.json.decode(data).items() if key != "Date Info"}
                data = msgspec.json.encode(told, order="deterministic")
            summed.update(f"{name} {len(data)}\n".encode() + data)
    return summed.hexdigest()


def _tensors(tree: ET.Element) -> list[ET.Element]:
    return [*tree.iter("inputTensor"), *tree.iter("outputTensor")]


def _member(packed: Path, name: str) -> bytes:
    with zipfile.ZipFile(packed) as members:
        return members.read(name)


def _found(program: str, how: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise ConverterError(f"expected the program {program}, found none; {how}, and put it on PATH")
    return path
