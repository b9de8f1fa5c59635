"""The command line: Kensa's own commands, and those that other packages bring."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.cli import COMMANDS, main, offered

PLANT = '''"""`kensa plant`: water it."""

SAID = "water the plants of the office"


def add(parser):
    """Declare the arguments."""
    parser.add_argument("--litres", type=float, default=1.0)


def run(args):
    """Water them."""
    print(f"{args.litres} l")
    return 3
'''
Installed = Callable[..., None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Packages that bring commands: each is a name and what its entry point names."""
    (tmp_path / "office_plants.py").write_text(PLANT, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    def provide(*points: tuple[str, str]) -> None:
        monkeypatch.setattr(cli, "_points", lambda: iter(points))

    return provide


def test_cameras_are_looked_after_by_a_command_that_is_installed() -> None:
    """`kensa camera` comes through the door that is open to everybody."""
    assert offered()["camera"].startswith("look at a camera")
    assert "camera" not in COMMANDS


def test_a_command_of_another_package_is_a_command(installed: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """It is listed, explains itself, takes its arguments and gives its status."""
    installed(("plant", "office_plants"))
    assert main(["plant", "--litres", "2"]) == 3
    assert capsys.readouterr().out == "2.0 l\n"
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "water the plants of the office" in capsys.readouterr().out


def test_kensas_own_commands_come_first(installed: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can take their place."""
    installed(("nodes", "office_plants"))
    assert main(["nodes"]) == 0
    assert "synthetic" in capsys.readouterr().out
    assert offered() == COMMANDS


def test_a_broken_command_costs_only_those_who_use_it(installed: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest works, the list says what is wrong with it."""
    installed(("broken", "no_such_module"), ("plant", "office_plants"))
    assert main(["plant"]) == 3
    capsys.readouterr()
    assert "cannot be used: command 'broken' (no_such_module): expected a module to import" in offered()["broken"]
    assert main(["broken"]) == 2
    assert "expected a module to import, got: No module named 'no_such_module'" in capsys.readouterr().err


def test_two_packages_may_not_bring_the_same(installed: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """Which of them would run is nobody's guess; Kensa's own commands go on."""
    installed(("plant", "office_plants"), ("plant", "other_plants"))
    assert main(["plant"]) == 2
    told = "command 'plant': expected one package that provides it, got office_plants and other_plants\n"
    assert capsys.readouterr().err == told
    assert main(["nodes"]) == 0


@pytest.mark.slow
def test_whoever_asks_for_one_of_kensas_own_loads_no_other() -> None:
    """What is installed is not looked up, and no camera is loaded."""
    code = (
        "import sys\nfrom pipeline.cli import main\nmain(['nodes'])\n"
        "assert not [name for name in sys.modules if name.startswith('nodes.tools')]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
