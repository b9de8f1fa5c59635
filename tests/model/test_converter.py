"""Sony's converter, as far as it need not be there: what it reports, what it made, and what is said when it is not."""

from __future__ import annotations

import re
import stat
import zipfile
from pathlib import Path

import msgspec
import pytest

from model.cli import main
from model.sony.converter import (
    STEP,
    ConverterError,
    Memory,
    Scales,
    by_hand,
    converted,
    digest,
    memory,
    packaged,
    scales,
)

REPORT = {
    "Name": "net",
    "Runtime Memory Physical Size": "626688B",
    "Model Memory Physical Size": "913280B",
    "Reserved Memory": "1024B",
    "Memory Usage": "1540992B",
    "Total Memory Available On Chip": "8388480B",
    "Memory Utilization": "19%",
    "Fit In Chip": True,
}
PARAMETERS = """<dnnParams><networks><network><inputTensors>
<inputTensor shift="0" scale="{scale}" format="{format}"/></inputTensors><outputTensors>
<outputTensor shift="0" scale="0.25" format="signed"/></outputTensors></network></networks></dnnParams>"""


def _report(**changed: object) -> bytes:
    return msgspec.json.encode({"Memory Report": REPORT | changed})


def _parameters(scale: float = STEP, kind: str = "signed") -> str:
    return PARAMETERS.format(scale=scale, format=kind)


def _packed(path: Path, date: str = "today", **members: str) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("manifest.json", msgspec.json.encode({"Date Info": date, "Target": "IMX500"}))
        for name, text in {"dnnParams.xml": _parameters(), **members}.items():
            packed.writestr(name, text)
    return path


def test_a_report_is_read() -> None:
    """In bytes; what is used is what both parts and the sensor's own take."""
    told = memory(_report())
    assert told == Memory(626_688, 913_280, 1_540_992, 8_388_480, fits=True)
    assert told.share == pytest.approx(0.1837, abs=1e-4)
    assert told.used == told.runtime + told.weights + 1024


@pytest.mark.parametrize("report", [b"{}", b"no JSON", _report(**{"Memory Usage": "1.47MB"}), b'{"Memory Report": 3}'])
def test_another_report_is_refused(report: bytes) -> None:
    """Sizes in megabytes are rounded: they are not taken for bytes."""
    with pytest.raises(ConverterError, match="expected a memory report in bytes"):
        memory(report)


def test_scales_are_read() -> None:
    """Of the one input and the one output."""
    assert scales(_parameters().encode()) == Scales(STEP, True, 0.25, True)


@pytest.mark.parametrize(("scale", "kind"), [(1 / 32, "signed"), (1 / 256, "unsigned")])
def test_an_input_of_other_steps_is_refused(scale: float, kind: str) -> None:
    """The sensor would show the network another contrast than it was trained with, and nobody would be told."""
    with pytest.raises(ConverterError, match=rf"one pixel each, found {kind} of {scale}"):
        scales(_parameters(scale, kind).encode())
    with pytest.raises(ConverterError, match="expected one input and one output"):
        scales(b"<dnnParams/>")


def test_the_digest_leaves_out_the_date(tmp_path: Path) -> None:
    """And nothing else."""
    one = digest(_packed(tmp_path / "1.zip"))
    assert digest(_packed(tmp_path / "2.zip", "tomorrow")) == one
    assert digest(_packed(tmp_path / "3.zip", **{"cfgA.bin": "other"})) != one


def test_without_programs_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No converter, no package: how to get the one, what to type where the other is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConverterError, match=r"expected the program imxconv-pt, found none; make \.venv-converter"):
        converted(tmp_path / "net.onnx", tmp_path)
    assert packaged(tmp_path / "packerOut.zip", tmp_path) is None
    assert by_hand(Path("out/net.zip")).startswith("sudo apt install imx500-tools && imx500-package -i net.zip -o net")


def test_the_converter_is_looked_for_before_anything_is_quantised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody waits a minute to hear what to install."""
    pytest.importorskip("torch", reason="torch is in .venv-model: make model-test")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["sony", str(tmp_path / "none.pt"), str(tmp_path / "none.yaml")]) == 2
    assert "expected the program imxconv-pt, found none" in capsys.readouterr().err


def _program(path: Path, name: str, script: str) -> None:
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(stat.S_IRWXU)


def test_a_program_that_stands_in_is_asked_and_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With bytes asked for; what it leaves is read; what does not fit is refused by size; its last words are told."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    _program(tmp_path, "java", "")
    _packed(tmp_path / "made.zip")
    (tmp_path / "report").write_bytes(_report())
    copied = f'cp {tmp_path}/report "$4/net_MemoryReport.json"; cp {tmp_path}/made.zip "$4/packerOut.zip"'
    _program(tmp_path, "imxconv-pt", f'test "$6 $7" = "--report-size-unit B" || exit 9; {copied}')
    (folder := tmp_path / "out").mkdir()
    found = converted(tmp_path / "net.onnx", folder)
    assert (found.memory.used, found.scales.tells) == (1_540_992, 0.25)
    assert found.digest == digest(tmp_path / "made.zip")
    (tmp_path / "report").write_bytes(_report(**{"Fit In Chip": False, "Memory Usage": "10887616B"}))
    with pytest.raises(ConverterError, match="expected at most 8,388,480 bytes on the sensor, found 10,887,616"):
        converted(tmp_path / "net.onnx", folder)
    _program(tmp_path, "imxconv-pt", "echo Only 2d or 4d input is supported; exit 3")
    (folder / "net_MemoryReport.json").unlink()
    with pytest.raises(ConverterError, match=re.escape("ended with 3; it said last:\nOnly 2d or 4d input is")):
        converted(tmp_path / "net.onnx", folder)


def test_a_packager_that_stands_in_makes_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is heard when it does not."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    _program(tmp_path, "imx500-package", 'touch "$4/network.rpk"')
    assert packaged(tmp_path / "packerOut.zip", tmp_path) == tmp_path / "network.rpk"
    _program(tmp_path, "imx500-package", "echo damaged >&2; exit 2")
    with pytest.raises(ConverterError, match="imx500-package ended with 2: damaged"):
        packaged(tmp_path / "packerOut.zip", tmp_path)
