"""The screen on a line that runs: what it asks and orders goes the way of `kensa alarm`; a kill forgets nothing."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from nodes.screen.kept import Memory
from nodes.screen.tally import total
from pipeline.line import Own
from tests.edges import free_port
from tests.screen.scenes import TOKEN, Onlooker, get, post, tokens
from tests.test_alarm_command import BOOK
from tests.test_run import Run, Started, start

__all__ = ["start"]

pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")

LINE = """
hosts: {{edge-1: {{cameras: [cam-1]}}}}
nodes:
  camera: {{use: "tests.actors:ticking", with: {{rate: 50}}}}
  judge: {{use: "tests.actors:failing", from: camera}}
  alarms: {{from: judge, with: {{path: told.jsonl, book: book.yaml}}}}
  screen: {{use: dashboard, from: [camera, judge], with: {{port: {port}, path: screen, tokens: tokens}}}}
"""


@pytest.mark.slow
def test_a_screen_shows_a_line_and_answers_its_alarms(
    start: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state, its alarms, an order that is journalled; after SIGKILL it has counted every verdict, once."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))
    (tmp_path / "book.yaml").write_text(BOOK)
    tokens(tmp_path)
    port = free_port()
    run = start(LINE.format(port=port))
    run.wait(lambda: _serves(port), seconds=60)
    page = Onlooker(port)
    head = page.sees("head", lambda body: body["phase"] == "running")
    assert (head["line"], head["faults"], head["actions"]) == ("test-e2e", [], True)
    alarms = page.sees("alarms", lambda body: bool(body["alarms"]))
    (one,) = alarms["alarms"]
    assert (one["alarm"], one["state"], one["action"]) == ("all-bad@cam-1", "unacknowledged", "Stop the line.")

    order = {"verb": "acknowledge", "alarm": "all-bad@cam-1", "occurrence": one["occurrence"]}
    assert post(port, "/act", order) == (200, {"refused": ""})
    page.sees("alarms", lambda body: body["alarms"][0]["state"] == "acknowledged")
    assert post(port, "/act", order)[1]["refused"].endswith("already acknowledged by anna")
    before = page.until("counts")["shift"]["total"]["FAIL"]
    page.close()

    os.kill(_pid(run), signal.SIGSTOP)  # it stands still: nobody waits for it
    alarms, long = (tmp_path / "told.jsonl"), 50
    lines = alarms.read_text().count("\n")
    run.wait(lambda: alarms.read_text().count("\n") > lines + long, seconds=60)
    os.kill(_pid(run), signal.SIGCONT)
    page = Onlooker(port)
    page.sees("counts", lambda body: body["shift"]["total"]["FAIL"] > before + long - 5)
    before = page.until("counts")["shift"]["total"]["FAIL"]
    page.close()

    os.kill(_pid(run), signal.SIGKILL)
    run.until(lambda snapshot: any(p.name.startswith("screen") and p.restarts for p in snapshot.processes), 60)
    run.wait(lambda: _serves(port), seconds=60)
    again = Onlooker(port)
    assert again.until("counts")["shift"]["total"]["FAIL"] >= before
    again.close()
    run.process.send_signal(signal.SIGINT)
    run.end(seconds=60)
    orders = [
        json.loads(line)["order"]
        for line in (tmp_path / "told.jsonl.alarms").read_text().splitlines()
        if '"order"' in line
    ]
    assert [(each["by"], each["login"]) for each in orders if each] == [("anna", "screen 127.0.0.1")] * 2
    assert TOKEN not in (tmp_path / "told.jsonl.alarms").read_text()
    events = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    judged = {each["id"] for each in events if each["subject"] != "alarm" and each["outcome"] == "FAIL"}
    assert total(Memory(tmp_path / "screen").counted().batch.outcomes)["FAIL"] == len(judged)


def test_a_process_that_is_part_of_no_line_hears_so() -> None:
    """As in a replay."""
    assert Own().ask() is None


def _serves(port: int) -> bool:
    with suppress(OSError):
        return get(port, "/")[0] == 200
    return False


def _pid(run: Run) -> int:
    found = run.until(lambda snapshot: True)
    return next(process.pid for process in found.processes if process.name.startswith("screen"))
