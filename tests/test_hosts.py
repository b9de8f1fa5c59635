"""Two hosts of one line in two network namespaces, joined by a cable that can be cut."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.faults.cable import Cable
from pipeline.runtime.control import Client, find
from pipeline.runtime.folder import running
from pipeline.runtime.state import PeerState, Snapshot
from tests.keyring import two

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

LINE = """
line: {plant: test, line: netns}
hosts:
  a: {address: 10.213.0.1, cameras: [cam-1]}
  b: {address: 10.213.0.2}
nodes:
  camera: {use: "tests.actors:ticking", with: {rate: 100}}
  pass: {use: "tests.actors:through", from: camera}
  out: {use: "tests.actors:noting", from: pass, at: b, with: {path: SEEN}}
"""
PATIENCE = ("--drain-within", "3s")


@pytest.fixture
def cable() -> Iterator[Cable]:
    """A cable between two namespaces; skips where none can be made."""
    made = Cable("ab")
    try:
        made.plug()
        yield made
    except FileNotFoundError:
        pytest.skip("`ip` is not installed: apt-get install iproute2")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no right to make network namespaces: {error.stderr.decode().strip()}")
    finally:
        made.unplug()


class Plant:
    """The line's two hosts, started and stopped by a test."""

    def __init__(self, cable: Cable, folder: Path, run: Path) -> None:
        self._cable, self._folder, self._run = cable, folder, run
        self.seen = folder / "seen.txt"
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self._keys = dict(zip("ab", two(folder / "keys", "a", "b"), strict=True))
        (folder / "line.yaml").write_text(LINE.replace("SEEN", str(self.seen)))

    def start(self, host: str, *more: str) -> None:
        """Switch a host on."""
        own = {"KENSA_STATE": str(self._folder / f"state-{host}"), "KENSA_KEYS": str(self._keys[host])}
        command = [sys.executable, "-m", "pipeline", "run", "line.yaml", "--host", host, "--log", f"log-{host}"]
        self.processes[host] = subprocess.Popen(
            [*self._cable.inside(host), *command, *PATIENCE, *more],
            cwd=self._folder,
            env={**os.environ, **own, "KENSA_RUN": str(self._run), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop(self, host: str) -> str:
        """Switch it off in good order; what it printed."""
        self.processes[host].send_signal(signal.SIGINT)
        return self.wait(host)

    def wait(self, host: str) -> str:
        """Wait until it has ended; what it printed."""
        process = self.processes[host]
        text, _ = process.communicate(timeout=30)
        del self.processes[host]
        assert process.returncode == 0, f"status {process.returncode}\n{text}\n{self.log(host)}"
        return text

    def end(self) -> None:
        """Switch everything off."""
        for process in self.processes.values():
            process.kill()
            process.communicate()

    def log(self, host: str) -> str:
        """The end of a host's log."""
        return (self._folder / f"log-{host}").read_text()[-3000:]

    def until(self, host: str, fits: Callable[[Snapshot], bool], seconds: float = 20) -> Snapshot:
        """The state of a host as soon as it fits."""
        deadline, found = time.monotonic() + seconds, None
        while found is None or not fits(found):
            assert time.monotonic() < deadline, f"{host} never came to be: {found}\n{self.log(host)}"
            assert self.processes[host].poll() is None, self.stop(host)
            if [*self._run.glob("*/watch")] and host in {one.about.host for one in running()}:
                with Client(find(f"test-netns@{host}")) as client:
                    found = client.watch()
            threading.Event().wait(0.05)
        return found

    def top(self, host: str) -> str:
        """What `kensa top` shows on a host."""
        return subprocess.run(
            [sys.executable, "-m", "pipeline", "top", f"test-netns@{host}", "--once"],
            env={**os.environ, "KENSA_RUN": str(self._run), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def sessions(self) -> dict[str, list[int]]:
        """For each session the numbers of the frames that the sink noted, each at its first arrival."""
        rows = [row.split() for row in self.seen.read_text().splitlines()] if self.seen.exists() else []
        assert {row[0] for row in rows} <= {"frame"}, "no gap was due"
        found: dict[str, dict[int, None]] = {}
        for _, _, session, number in rows:
            found.setdefault(session, {})[int(number)] = None
        return {session: [*numbers] for session, numbers in found.items()}


@pytest.fixture
def plant(cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """The line, not yet started."""
    run = Path(tempfile.mkdtemp(prefix="kensa-"))
    monkeypatch.setenv("KENSA_RUN", str(run))
    made = Plant(cable, tmp_path, run)
    yield made
    made.end()
    shutil.rmtree(run, ignore_errors=True)


def peer(snapshot: Snapshot) -> PeerState:
    """The other host as this one knows it."""
    assert len(snapshot.peers) == 1
    return snapshot.peers[0]


def known(reach: str) -> Callable[[Snapshot], bool]:
    """Whether the other host is in reach, or not."""
    return lambda snapshot: bool(snapshot.peers) and snapshot.peers[0].reach == reach


def delivered(at_least: int) -> Callable[[Snapshot], bool]:
    """Whether so many records have arrived."""
    return lambda snapshot: snapshot.edges[0].account.total.delivered >= at_least


@pytest.mark.parametrize(("first", "second"), ["ab", "ba"])
def test_a_cut_cable_loses_nothing_and_is_seen_on_both_sides(
    plant: Plant, cable: Cable, first: str, second: str
) -> None:
    """Whoever starts first waits; during the cut both know it; then every frame arrives once and in order."""
    plant.start(first)
    plant.until(first, known("awaited"))
    plant.start(second)
    plant.until("a", delivered(50))
    plant.until("b", lambda snapshot: known("reachable")(snapshot) and peer(snapshot).phase == "running")
    cable.cut()
    away = peer(plant.until("a", known("unreachable")))
    assert re.search(r"^b +– +– .* unreachable for 0:00:\d\d", plant.top("a"), re.MULTILINE)
    alarms = plant.until("b", known("unreachable")).alarms
    assert alarms[-1].text.startswith("host 'a' at tcp://10.213.0.1:7400 does not answer any more")
    cable.mend()
    back = plant.until("a", known("reachable"))
    assert peer(back).since_ns > away.since_ns
    plant.until("a", delivered(back.edges[0].account.total.sent + 50))
    text = plant.stop("a")
    assert re.search(r"^all [\d,]+ records are accounted for$", text, re.MULTILINE)
    plant.until("b", known("left"))
    plant.stop("b")
    sent = int(text.split("all edges")[1].split()[0].replace(",", ""))
    assert [*plant.sessions().values()] == [[*range(sent)]]


def test_hosts_stop_and_come_back_in_any_order(plant: Plant) -> None:
    """Whichever is stopped, the other stays and waits for it; every frame of both sessions arrives, and no gap."""
    for host in "ab":
        plant.start(host)
    plant.until("a", delivered(50))
    plant.stop("a")
    plant.until("b", known("left"))
    plant.start("a")
    plant.until("a", delivered(50))
    plant.stop("b")
    plant.until("a", known("left"))
    plant.start("b")
    back = plant.until("a", known("reachable"))
    plant.until("a", delivered(back.edges[0].account.total.sent + 50))
    plant.stop("b")
    text = plant.stop("a")
    assert re.search(r"^all [\d,]+ records are accounted for$", text, re.MULTILINE)
    first, second = plant.sessions().values()
    assert first == list(range(len(first)))
    assert second == list(range(int(text.split("all edges")[1].split()[1].replace(",", ""))))


def test_a_source_that_ends_by_itself_ends_the_line_on_every_host(plant: Plant) -> None:
    """Nobody was stopped: whoever waits for no other source is done."""
    plant.start("b")
    plant.start("a", "--set", "camera.count=200")
    for host in "ab":
        plant.wait(host)
    assert [*plant.sessions().values()] == [[*range(200)]]


def test_clocks_are_compared_over_the_cable(plant: Plant) -> None:
    """Both hosts are this machine: their times are found equal, within a doubt of a few milliseconds."""
    for host in "ab":
        plant.start(host)
    for host in "ab":
        found = peer(plant.until(host, lambda s: known("reachable")(s) and s.peers[0].offset_ns is not None))
        assert found.offset_ns is not None
        assert found.doubt_ns is not None
        assert abs(found.offset_ns) <= found.doubt_ns + 1_000_000
        assert found.doubt_ns < 50_000_000
        assert re.search(r"ms running$", plant.top(host), re.MULTILINE)
    for host in "ab":
        plant.stop(host)
