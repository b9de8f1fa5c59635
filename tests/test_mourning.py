"""Tests of `pipeline.runtime.mourning`, with processes that really crash."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.planner import plan
from pipeline.runtime.children import Child
from pipeline.runtime.folder import RunFolder
from pipeline.runtime.host import Host
from pipeline.runtime.journal import Journal
from pipeline.runtime.mourning import crashed
from pipeline.runtime.outcome import Outcome
from pipeline.runtime.watch import Limits, Opinion
from tests.conftest import ROOT
from tests.hosting import Hosted

LINE = """
hosts: {{box: {{cameras: [cam-1, cam-2]}}}}
nodes:
  camera: {{use: "tests.actors:ticking", with: {{rate: 50}}}}  # what waits while a culprit rests, for 10 s, has room
  calm: {{use: "tests.actors:through", from: camera}}
  weak: {{use: "tests.actors:aborting", from: calm}}
  out: {{use: "tests.actors:noting", from: weak, with: {{path: "{seen}"}}}}
"""


class Line(Hosted):
    """A host whose sink notes what it sees."""

    def __init__(self, host: Host, seen: Path) -> None:
        super().__init__(host)
        self._seen = seen

    def stop(self) -> Outcome:
        """End it."""
        self.host.stop()
        return self.end()

    def records(self, camera: str) -> list[tuple[str, str, int]]:
        """(kind, session, number) of what the sink has seen of a camera."""
        rows = [row.split() for row in self._seen.read_text().splitlines()]
        return [(kind, session, int(seq)) for kind, who, session, seq in rows if who == camera]


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line of two cameras, one of which shows something that its chain does not survive."""
    root = Path(f"/tmp/kensa-mourning-{os.getpid()}")
    monkeypatch.setenv("KENSA_RUN", str(root))
    file, seen = tmp_path / "line.yaml", tmp_path / "seen"
    file.write_text(LINE.format(seen=seen))
    folder, journal = RunFolder.take("line", "box"), Journal(tmp_path / "log", "line", "box")
    planned = plan(load(file, nodes=catalog()), catalog(), folder=folder.path)
    limits = Limits(tick=0.05, settle=0.2)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = Line(Host(planned, "box", folder, tmp_path, journal, limits=limits, env=env), seen)
    yield found
    found.host.stop()
    found.end()
    folder.release()
    journal.close()
    root.rmdir()


@pytest.mark.slow
def test_who_crashes_in_a_group_is_found_and_stands_alone(line: Line) -> None:
    """Two crashes take the cameras apart, two more the nodes of the one that crashes; the culprit is named, it alone is
    degraded, the other camera runs on without a break, and every account balances. What it crashed on costs it that one
    record.
    """
    state = line.until(lambda s: any("is what crashes" in alarm.text for alarm in s.alarms))
    texts = [alarm.text for alarm in state.alarms]
    first = next(text for text in texts if text.startswith("process 'box' crashed twice in "))
    assert first.endswith(
        "s: it runs as 'cam-1@box', 'cam-2@box' until the line is started again, to show which part is at fault"
    )
    second = next(text for text in texts if text.startswith("process 'cam-2@box' crashed twice in "))
    assert "it runs as 'camera@cam-2', 'calm@cam-2', 'weak@cam-2' until" in second
    culprit = (
        "node 'weak' of cam-2 is what crashes: process 'weak@cam-2' was killed by SIGABRT; everything else runs on"
    )
    assert culprit in texts
    log = Path(state.log).read_text(encoding="utf-8")
    assert "Fatal Python error: Aborted" in log
    assert re.search(r"Current thread .*\n  File .*tests/actors.py", log)
    assert {one.name for one in state.processes} == {"cam-1@box", "camera@cam-2", "calm@cam-2", "weak@cam-2", "out@box"}
    state = line.until(lambda s: any(one.condition == "degraded" for one in s.processes))
    assert [one.name for one in state.processes if one.condition == "degraded"] == ["weak@cam-2"]
    line.until(lambda _: any(seq > 40 for _, _, seq in line.records("cam-2")))
    session = line.records("cam-2")[-1][1]
    mine = [(kind, seq) for kind, which, seq in line.records("cam-2") if which == session]
    assert mine[19:22] == [("frame", 19), ("gap", 20), ("frame", 21)]
    outcome = line.stop()
    assert all(account.balanced for account in outcome.accounts), str(outcome)
    kept = line.records("cam-1")
    last = kept[-1][1]
    numbers = [seq for kind, session, seq in kept if session == last and kind == "frame"]
    assert numbers == [*range(len(numbers))]
    assert len(numbers) > 50


@pytest.mark.slow
def test_every_session_of_a_camera_that_crashed_has_an_end(line: Line) -> None:
    """Of each session that a crash cut off, the sink holds its frames without a hole, and the gap that ends it."""
    line.until(lambda s: any("crashed twice" in alarm.text for alarm in s.alarms))
    line.until(lambda s: all(one.condition == "running" for one in s.processes if one.name != "weak@cam-2"))
    # A process runs before it gives.
    line.until(lambda _: len({session for _, session, _ in line.records("cam-1")}) >= 3)
    line.stop()
    kept = line.records("cam-1")
    sessions = list(dict.fromkeys(session for _, session, _ in kept))
    assert len(sessions) >= 3
    for session in sessions[:-1]:
        mine = [(kind, seq) for kind, which, seq in kept if which == session]
        frames = [seq for kind, seq in mine if kind == "frame"]
        assert mine[-1][0] == "gap", mine[-3:]
        assert len(frames) == len(set(frames))


@pytest.mark.parametrize(
    ("status", "blamed"),
    [
        (-signal.SIGSEGV, True),
        (-signal.SIGABRT, True),
        (7, True),
        (-signal.SIGKILL, False),
        (-signal.SIGTERM, False),
        (0, False),
        (1, False),
        (3, False),
    ],
)
def test_what_is_a_crash_of_its_own(status: int, blamed: bool) -> None:
    """A fault in native code and a node that ends the program; not who is killed, nor who says what is wrong."""
    assert crashed(_child(status, Opinion("running"))) is blamed


def test_who_held_too_much_memory_is_suspected_too() -> None:
    """The supervisor killed it, but one of its nodes leaks; a node that hangs was named."""
    assert crashed(_child(-signal.SIGKILL, Opinion("running", "holds 600 MiB", kill=True)))
    assert not crashed(_child(-signal.SIGKILL, Opinion("stuck", "node 'x'", kill=True)))


def _child(status: int, opinion: Opinion) -> Child:
    return cast(Child, SimpleNamespace(running=cast(Any, SimpleNamespace(returncode=status)), opinion=opinion))
