"""The command line of training, where torch is and where it is not."""

from __future__ import annotations

import importlib.util

import pytest

from model.cli import COMMANDS, main


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is here")
@pytest.mark.parametrize("words", [["networks"], ["train", "none.yaml"]])
def test_without_torch_it_says_what_to_install(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence instead of a traceback."""
    assert main(words) == 2
    assert capsys.readouterr().err == "expected torch to do this, found none; install it: pip install 'kensa[model]'\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """With what it does."""
    assert main(["--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(f"{name} " in told and said in told for name, said in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And answers it without torch."""
    assert main([name, "--help"]) == 0
    assert f"usage: kensa-model {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["catalogue", "--columns", "0"],
        ["evaluate", "x.yaml", "--count", "-5"],
        ["export", "x.pt", "x.yaml", "--judged", "many"],
        ["loss", "x.pt", "x.yaml", "--gradient", "0"],
        ["speed", "--rounds", "1.5"],
        ["train", "x.yaml", "--threads", "0"],
    ],
    ids=lambda words: words[0],
)
def test_how_many_is_a_whole_number(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Of nothing there are no means: it is refused before anything is read."""
    assert main(words) == 2
    told = capsys.readouterr().err
    assert f"argument {words[-2]}: expected a whole number, 1 or more, found '{words[-1]}'" in told


def test_words_that_are_no_command_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that are."""
    assert main(["trian"]) == 2
    assert "invalid choice: 'trian'" in capsys.readouterr().err
