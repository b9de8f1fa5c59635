"""Network packages, read without a camera."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors.package import INPUT_LINES, OUTPUT_LINES, contents, input_lines, output_lines, package
from pipeline.errors import NodeError
from tests.standins import packets


def test_lines_of_the_network_of_this_product() -> None:
    """96 × 96 in and out: 12 input lines and 5 output lines, 9 where numbers have 16 bits."""
    assert input_lines(96, 96) == 12
    assert output_lines((96 * 96,), (1,)) == 5
    assert output_lines((96 * 96,), (2,)) == 9


@pytest.mark.parametrize(("size", "lines"), [((1, 1), 2), ((33, 3), 2), ((320, 320), 121), ((640, 640), 481)])
def test_rows_are_padded(size: tuple[int, int], lines: int) -> None:
    """Width to 32 and height to 2, three planes, one more line for the header."""
    assert input_lines(*size) == lines


def test_each_output_begins_a_line() -> None:
    """Small outputs take a line each."""
    assert output_lines((1, 1, 2561), (1, 4, 1)) == 5


def test_what_a_package_holds() -> None:
    """Blocks, network info, intrinsics and registers; the registers say what the formula says."""
    data = packets.package(registers=[(INPUT_LINES, 12), (OUTPUT_LINES, 5)])
    found = contents(Path("net.rpk"), data)
    assert found.blocks == (64,)
    assert not found.locked
    assert (found.input_size, found.input_format) == ((96, 96), "RGB")
    assert (found.outputs, found.element) == ((9216,), (1,))
    assert found.intrinsics["task"] == "segmentation"
    assert found.lines == (found.registers[INPUT_LINES], found.registers[OUTPUT_LINES]) == (12, 5)


def test_a_package_is_known_by_its_digest(tmp_path: Path) -> None:
    """Every mask names the file that made it, not what it is called."""
    path = tmp_path / "picosam2.rpk"
    path.write_bytes(packets.package())
    found = package(path)
    assert (found.name, found.input_size) == ("picosam2", (96, 96))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"9464\0\0\0\x40" + bytes(56), packets.package()[:200]])
def test_what_is_no_package_is_refused(tmp_path: Path, data: bytes) -> None:
    """Whatever is in the file, the text says what was expected and what makes such a file."""
    path = tmp_path / "net.rpk"
    path.write_bytes(data)
    with pytest.raises(NodeError, match=r"expected a network package of an IMX500 .* `imx500-package`"):
        package(path)


def test_a_missing_package_says_where_some_are(tmp_path: Path) -> None:
    """The text names the parameter, and the packages that the host's system has."""
    with pytest.raises(NodeError, match=r"set `package` to an \.rpk, .*/usr/share/imx500-models"):
        package(tmp_path / "none.rpk")


def test_half_a_package_is_one_clear_error() -> None:
    """Wherever a copy broke off: the text names the file and what it lacks; nothing crashes, nothing hangs."""
    whole = packets.package(registers=[(INPUT_LINES, 12), (OUTPUT_LINES, 5)])
    trailer = whole.index(b"TRAILER!!!")
    for end in range(trailer):
        with pytest.raises(NodeError, match=r"^net\.rpk: expected a network package of an IMX500 .* `imx500-package`$"):
            contents(Path("net.rpk"), whole[:end])


@given(st.data())
def test_a_damaged_package_is_read_or_refused(data: st.DataObject) -> None:
    """Any bytes may be wrong: it is still a package, or there is one error; never another one, never for ever."""
    told = bytearray(packets.package())
    for at, value in data.draw(st.dictionaries(st.integers(0, len(told) - 1), st.integers(0, 255), max_size=6)).items():
        told[at] = value
    with suppress(NodeError):
        assert min(contents(Path("net.rpk"), bytes(told)).input_size) > 0


@pytest.mark.parametrize("size", [b"-0000001", b"FFFFFFFF"])
def test_sizes_in_the_archive_that_lead_astray_are_refused(size: bytes) -> None:
    """One that is negative would be read for ever."""
    whole = packets.package()
    at = whole.index(b"070701") + 6 + 8 * 6
    with pytest.raises(NodeError):
        contents(Path("net.rpk"), whole[:at] + size + whole[at + 8 :])
