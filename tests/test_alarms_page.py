"""docs/alarms.md says what is so: its words, fields and commands are those of the product, its examples work."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import fields

from nodes.alarming.book import Book, Entry, open_alarms
from nodes.alarming.checks import KINDS
from nodes.alarming.life import State, What
from nodes.alarming.telling import AlarmEvent
from nodes.sinks.events import Event
from pipeline.commands import alarm
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ kensa alarm (.*?)(?:  +#.*)?$", PAGE, re.MULTILINE)


def section(name: str) -> str:
    """What stands below a heading."""
    return PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]


def named(text: str) -> set[str]:
    """Every word that stands between back-ticks alone in the first column of a table."""
    first = [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| `")]
    return {word for cell in first for word in re.findall(r"`(\w+)", cell)}


def test_the_examples_can_be_read(tmp_path: Path) -> None:
    """The one on the page, and the whole one beside the topologies."""
    (example,) = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("alarms:\n")]
    (tmp_path / "book.yaml").write_text(example)
    shown = open_alarms(str(tmp_path / "book.yaml")).book
    whole = open_alarms(str(ROOT / "topologies" / "alarms" / "plates.yaml"))
    assert shown.alarms["three-in-a-row"].cause == whole.book.alarms["three-in-a-row"].cause
    assert {entry.when.kind for entry in whole.book.alarms.values()} == {*KINDS}


def test_every_word_of_a_book_is_explained() -> None:
    """Conditions, fields of an alarm, fields of the book."""
    text = section("The alarm book")
    plain = {"when", "priority", "cause", "consequence", "action"}
    assert named(text) - {"when"} == {*KINDS, *(field.name for field in fields(Entry))} - plain
    assert all(f"`{word}`" in text for word in plain | {"outcome", "reason", "rule", "folder", "deadband"})
    assert all(f" {word}: " in text for word in ("of", "over", "folder"))
    assert all(f"`{field.name}" in text for field in fields(Book) if field.name != "alarms")


def test_every_state_and_every_change_is_explained() -> None:
    """By the words that events have."""
    assert named(section("The life of an alarm")) == {*get_args(State)}
    assert {*re.findall(r"`(\w+)`", section("What is told"))} >= {*get_args(What)}


def test_every_field_of_an_event_is_explained() -> None:
    """Those that events of verdicts do not have."""
    more = {field.name for field in fields(AlarmEvent)} - {field.name for field in fields(Event)}
    assert named(section("What is told")) == more | {"cause"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command: str) -> None:
    """As the command line reads it."""
    parser = argparse.ArgumentParser()
    alarm.add(parser)
    assert parser.parse_args(shlex.split(command)).do in (*alarm.VERBS, "list", "figures")


def test_every_verb_is_shown() -> None:
    """None is left out."""
    said = {command.split()[0] for command in COMMANDS} | {*re.findall(r"[`# ]([\w-]+)", PAGE)}
    assert said >= {*alarm.VERBS}
