"""A line whose processes are all killed at once: whatever was given is kept or told missing, session by session."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.plan import Plan
from pipeline.planner import plan
from pipeline.runtime.folder import RunFolder
from pipeline.runtime.host import Host
from pipeline.runtime.journal import Journal
from pipeline.runtime.state import Snapshot
from pipeline.runtime.watch import Limits
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

LINE = """
hosts: {{box: {{cameras: [cam-1, cam-2]}}}}
nodes:
  camera: {{use: "tests.actors:ticking", with: {{rate: 200}}}}
  apart: {{use: "tests.actors:through", from: camera, isolate: true}}
  out: {{use: "tests.actors:spanning", from: apart, with: {{path: "{seen}", pause: 0.002}}}}
"""


HANGS = LINE.replace('"tests.actors:through", ', '"tests.actors:hanging", with: {{bad: 30, once: "{seen}.once"}}, ')


class Line:
    """Runs of one line on one host, one after the other."""

    def __init__(self, tmp_path: Path) -> None:
        self._tmp, self._seen = tmp_path, tmp_path / "seen"
        self.write(LINE)

    def write(self, text: str) -> None:
        """It is another line."""
        file = self._tmp / "line.yaml"
        file.write_text(text.format(seen=self._seen))
        self._topology = load(file, nodes=catalog())

    def run(self, act: Callable[[Host], None], drain: float = 10.0) -> None:
        """Start it, do something to it, stop it."""
        folder, journal = RunFolder.take("line", "box"), Journal(self._tmp / "log", "line", "box")
        planned: Plan = plan(self._topology, catalog(), folder=folder.path)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        limits = Limits(tick=0.05, settle=0.2, stuck=60.0, drain=drain)
        host = Host(planned, "box", folder, self._tmp / "state", journal, limits=limits, env=env)
        try:
            with host:
                thread = threading.Thread(target=host.run)
                thread.start()
                act(host)
                host.stop()
                thread.join(60)
                assert not thread.is_alive()
        finally:
            folder.release()
            journal.close()

    def sessions(self) -> dict[tuple[str, str], list[tuple[str, int, int]]]:
        """(camera, session) → (kind, first, last) of what the sink was given."""
        found: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
        for row in self._seen.read_text().splitlines():
            kind, camera, session, first, last = row.split()
            found[camera, session].append((kind, int(first), int(last)))
        return found


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line with a source, a node and a sink in three processes."""
    root = Path(f"/tmp/kensa-unclean-{os.getpid()}")
    monkeypatch.setenv("KENSA_RUN", str(root))
    yield Line(tmp_path)
    root.rmdir()


def until(host: Host, fits: Callable[[Snapshot], bool]) -> Snapshot:
    """The first snapshot that fits."""
    deadline = time.monotonic() + 30
    while not fits(snapshot := host.now):
        assert time.monotonic() < deadline, f"never came to be: {snapshot}"
        threading.Event().wait(0.02)
    return snapshot


def taken(snapshot: Snapshot) -> int:
    """Records that the sink has had, in all its runs."""
    return sum(node.health.taken for node in snapshot.nodes if node.health.node == "out")


def gave(snapshot: Snapshot) -> list[int]:
    """Records that the source has given, camera by camera."""
    return [node.health.given for node in snapshot.nodes if node.health.node == "camera"]


def running(restarts: int, frames: int) -> Callable[[Snapshot], bool]:
    """Whether everything runs, was restarted so often, and the sink has had so many records."""

    def fits(snapshot: Snapshot) -> bool:
        well = all(one.condition == "running" and one.restarts == restarts for one in snapshot.processes)
        return well and taken(snapshot) >= frames

    return fits


def test_everything_killed_at_once_leaves_no_hole_untold(line: Line) -> None:
    """Source, node and sink die together, twice: each session that was cut off is frames and gaps up to its end."""

    def massacre(host: Host) -> None:
        had = 0
        for time_ in (0, 1):
            state = until(host, running(time_, had + 100))
            for one in state.processes:
                os.kill(one.pid, signal.SIGKILL)
            had = taken(state)  # by now it may be far more than was waited for
        until(host, running(2, had + 100))

    line.run(massacre)
    sessions = line.sessions()
    assert len(sessions) >= 6
    for (camera, session), found in sessions.items():
        covered = {seq for _, first, last in found for seq in range(first, last + 1)}
        assert covered == {*range(max(covered) + 1)}, f"{camera} {session}: {sorted({*range(max(covered))} - covered)}"
    for camera in ("cam-1", "cam-2"):
        mine = [found for (who, _), found in sessions.items() if who == camera]
        assert [any(kind == "gap" for kind, _, _ in found) for found in mine] == [True, True, False]


def test_what_a_killed_process_held_when_the_line_had_to_end_is_told_before_it_has_ended(line: Line) -> None:
    """A node hangs and its process is killed at the deadline: each session is frames and a gap, up to its end."""
    line.write(HANGS)
    hosts: list[Host] = []

    def hang(host: Host) -> None:
        until(host, lambda snapshot: all(given > 60 for given in gave(snapshot)))
        hosts.append(host)

    line.run(hang, drain=8.0)
    sessions = line.sessions()
    assert len(sessions) == 2
    told = 0
    for (camera, session), found in sessions.items():
        covered = {seq for _, first, last in found for seq in range(first, last + 1)}
        assert covered == {*range(max(covered) + 1)}, f"{camera} {session}"
        assert len([one for one in found if one[0] == "frame"]) < 60 < len(covered)
        told += len(covered)
    assert told == sum(gave(hosts[0].now))  # the frame that would have come next, too


def test_a_clean_stop_is_no_break(line: Line) -> None:
    """The next run begins with nothing to mend: no session of either has a gap."""

    def watch(host: Host) -> None:
        until(host, running(0, 60))

    for _ in range(2):
        line.run(watch)
    sessions = line.sessions()
    assert len(sessions) == 4
    assert all(kind == "frame" for found in sessions.values() for kind, _, _ in found)
