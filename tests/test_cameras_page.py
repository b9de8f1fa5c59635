"""docs/cameras.md: its files and its commands, one after the other, print what is shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nodes.sensors.package import INPUT_LINES, OUTPUT_LINES
from nodes.tools import which
from pipeline.cli import main
from pipeline.clock import FakeClock
from tests.conftest import ROOT
from tests.nodes.virtual import BEGIN_NS
from tests.standins import packets
from tests.test_readme import blocks, commands

PAGE = (ROOT / "docs" / "cameras.md").read_text(encoding="utf-8")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")


@pytest.mark.slow
def test_a_camera_is_commissioned_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one folder, with one state, from the first step to the last; `…` stands for lines that are left out."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(which, "RealClock", lambda: FakeClock(BEGIN_NS))
    for text in blocks(PAGE, "yaml"):
        Path(text.split()[1]).write_text(text, encoding="utf-8")
    Path("picosam2.rpk").write_bytes(packets.package(registers=[(INPUT_LINES, 12), (OUTPUT_LINES, 5)]))
    shown = commands(PAGE)
    assert len(shown) == 9
    for command, output in shown:
        assert main(shlex.split(command)[1:]) == 0, command
        found = _timeless(capsys.readouterr().out.replace(str(tmp_path / "state"), "~/.local/state/kensa"))
        wanted = r"(?:.*\n)*".join(map(re.escape, _timeless(output).split("…\n")))
        assert re.fullmatch(wanted, found), f"{command}\n{found}"


def _timeless(text: str) -> str:
    return TIME.sub("then", text)
