"""`kensa alarm` and `kensa journal` on a line that runs: seen, answered, killed, and still as it was."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodes.alarming.chain import recall
from pipeline.cli import main
from pipeline.commands import alarm
from pipeline.runtime.state import Snapshot
from tests.nodes.alarming import World, order, verdict
from tests.test_run import Run, Started, process, start

__all__ = ["start"]

BOOK = """
alarms:
  all-bad:
    when: {row: 5}
    priority: high
    cause: Everything is bad.
    consequence: Nothing is good.
    action: Stop the line.
"""
LINE = """
hosts: {edge-1: {cameras: [cam-1]}}
nodes:
  camera: {use: "tests.actors:ticking", with: {rate: 50}}
  judge: {use: "tests.actors:failing", from: camera}
  alarms: {from: judge, with: {path: told.jsonl, book: book.yaml}}
"""


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line goes on from where that of another test was killed."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "100")


def alarms(run: Run) -> list[dict[str, Any]]:
    """What `kensa alarm list` says."""
    done = run.command("alarm", "list", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)[0]["alarms"]
    return found


def lived(run: Run) -> Callable[[Snapshot], bool]:
    """Whether the alarms' process has come again."""
    return lambda snapshot: any(
        p.name.startswith("alarms") and p.restarts and p.condition == "running" for p in snapshot.processes
    )


@pytest.mark.slow
def test_an_operator_answers_an_alarm_and_a_kill_forgets_nothing(start: Started, tmp_path: Path) -> None:
    """From the terminal to the journal and back: acknowledged, killed, shelved; everything is attributed."""
    (tmp_path / "book.yaml").write_text(BOOK)
    run = start(LINE)
    run.wait(lambda: (tmp_path / "told.jsonl.alarms").exists() and recall(tmp_path / "told.jsonl.alarms").rows > 0)
    (one,) = alarms(run)
    assert (one["alarm"], one["state"], one["action"]) == ("all-bad@cam-1", "unacknowledged", "Stop the line.")

    assert run.command("alarm", "ack", "all-bad@cam-1", "--by", "anna", "--reason", "on my way").stdout == (
        "all-bad@cam-1 is acknowledged\n"
    )
    again = run.command("alarm", "ack", "all-bad@cam-1", "--by", "ben", "--occurrence", one["occurrence"])
    assert (again.returncode, again.stderr) == (
        1,
        "alarm 'all-bad@cam-1' stays as it is: already acknowledged by anna\n",
    )
    unknown = run.command("alarm", "ack", "bad@cam-1")
    assert (unknown.returncode, unknown.stderr) == (2, "no alarm called 'bad@cam-1' in book; see `kensa alarm list`\n")

    snapshot = run.until(lambda snapshot: True)
    os.kill(next(p.pid for p in snapshot.processes if p.name.startswith("alarms")), signal.SIGKILL)
    run.until(lived(run))
    (now,) = alarms(run)
    assert now == one | {"state": "acknowledged", "life": "acknowledged", "by": "anna", "reason": "on my way"}

    long = run.command("alarm", "shelve", "all-bad@cam-1", "--for", "10h", "--reason", "known")
    assert long.stderr == "alarm 'all-bad@cam-1' stays as it is: expected at most 480 min, got 600 min\n"
    assert run.command("alarm", "shelve", "all-bad@cam-1", "--for", "10min", "--reason", "known").returncode == 0
    shown = run.command("alarm", "list").stdout
    assert "high      all-bad@cam-1  shelved  since" in shown
    assert ": known; its condition: acknowledged" in shown
    assert "set aside   1: all-bad@cam-1" in run.command("alarm", "figures").stdout
    run.stop()

    journal = run.command("journal", "told.jsonl.alarms", "--orders")
    assert journal.returncode == 0
    said = [line.split(" ", 1)[1] for line in journal.stdout.splitlines() if "@cam-1" in line]
    assert said[0].startswith("anna (")
    assert [line.partition(") ")[2] for line in said if line.startswith(("anna", "ben"))] == [
        "acknowledge all-bad@cam-1: on my way",
        "acknowledge all-bad@cam-1 – refused: alarm 'all-bad@cam-1' stays as it is: already acknowledged by anna",
    ]
    changes = [
        event["change"]
        for event in map(json.loads, (tmp_path / "told.jsonl").read_text().splitlines())
        if event["subject"] == "alarm"
    ]
    assert [change for change in changes if change != "returned"] == ["raised", "acknowledged", "shelved"]


@pytest.mark.slow
def test_what_another_process_gives_notice_of_is_an_alarm(start: Started, tmp_path: Path) -> None:
    """The supervisor tells the alarms' process of it."""
    when = "when: {drift: 1}"
    (tmp_path / "book.yaml").write_text(BOOK.replace("when: {row: 5}", when).replace("all-bad", "drift"))
    run = start(LINE + '  watch: {use: "tests.actors:drifting", from: camera}\n')
    run.wait(lambda: (tmp_path / "told.jsonl.alarms").exists() and recall(tmp_path / "told.jsonl.alarms").rows > 0)
    (one,) = alarms(run)
    assert (one["alarm"], one["state"], one["text"]) == (
        "drift@cam-1", "unacknowledged", "cam-1: hole area is unlike the card's",
    )  # fmt: skip
    run.stop()


@pytest.mark.slow
def test_a_line_without_an_alarm_book_says_so(start: Started) -> None:
    """And how to give it one."""
    run = start(LINE.replace(", book: book.yaml", ""))
    run.until(lambda snapshot: process(snapshot, "edge-1").condition == "running")
    done = run.command("alarm", "list")
    assert done.returncode == 2
    assert done.stderr == (
        "line 'test-e2e': no node with an alarm book runs here; give `alarms` the parameter `book`, "
        "or wait until it has started\n"
    )
    run.stop()


def test_a_list_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people are called for stands first, with what to do; what is set aside is a line."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    world.keeper.answer(order("acknowledge", reason="on my way"))
    world.keeper.answer(order("shelve", "disk", seconds=60, reason="known"))
    alarm.show_list([world.keeper.answer(None)])
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", capsys.readouterr().out).splitlines() == [
        "high      bad@cam-1  acknowledged  since TIME  first of its group",
        "    3 in a row: FAIL cam-1 part 3: HOLE (hole_area 31 px², at most 0 px²)",
        "    cause: The gripper is worn.",
        "    if nobody acts: Bad parts reach the customer.",
        "    do: Stop the feeder and look at the gripper.",
        "    http://line/cam-1/s/3?part=3",
        "    anna: on my way",
        "low       disk  shelved",
        "    anna until TIME: known",
    ]


def test_a_journal_is_printed_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who did what; and where somebody changed it, the line and exit status 1."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    world.keeper.answer(order("acknowledge", login="kensa"))
    assert main(["journal", str(world.journal)]) == 0
    hashed = recall(world.journal).hash
    assert capsys.readouterr().out == (
        "2026-11-22T16:00:00.000000Z   bad@cam-1 raised, now unacknowledged: 3 in a row: FAIL cam-1 part 3: "
        "HOLE (hole_area 31 px², at most 0 px²)\n"
        "2026-11-22T16:00:00.000000Z anna (kensa) acknowledge bad@cam-1: trial\n"
        "2026-11-22T16:00:00.000000Z   bad@cam-1 acknowledged, now acknowledged\n"
        f"{world.journal} is as it was written: row 2, hash {hashed}\n"
    )
    world.journal.write_bytes(world.journal.read_bytes().replace(b"anna", b"anne"))
    assert main(["journal", str(world.journal), "--json"]) == 1
    assert main(["journal", str(world.journal), "--orders"]) == 1
    assert f"{world.journal}:2: expected a row and its hash" in capsys.readouterr().out
    assert main(["journal", str(tmp_path / "none")]) == 2
    assert "expected a journal of alarms, found no file at" in capsys.readouterr().err
