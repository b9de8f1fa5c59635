"""Tests of `pipeline.runtime.live`: what people see, in 80 columns and in a real terminal."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.notices import Notice
from pipeline.runtime.histogram import bucket
from pipeline.runtime.live import picture
from pipeline.runtime.rows import Rates
from pipeline.runtime.state import Alarm, NodeState, PeerState, Snapshot
from pipeline.runtime.views import PlainLines, Showing, summary
from pipeline.transport.channel import Ledger
from tests.lines import edge, health, node, process, snapshot

SECOND = 1_000_000_000
NODES = ("camera", "clean", "measure", "track", "rules")


def line(cameras: int, seconds: int) -> Snapshot:
    """A busy line of so many cameras, after so many seconds at 30 frames a second."""
    frames, t_ns = 30 * seconds, seconds * SECOND
    latency = {bucket(85_000): frames - 2, bucket(2_400_000): 2}
    lanes: list[NodeState] = [
        node(health(name, f"cam-{i}", taken=frames, given=frames, latency=latency), t_ns=t_ns)
        for name in NODES
        for i in range(cameras)
    ]
    age = {bucket(3_100_000): frames * cameras}
    sinks = [
        node(health(name, taken=frames * cameras, latency=latency, age=age), process=name, t_ns=t_ns)
        for name in ("archive", "preview")
    ]
    sent = frames * cameras
    return snapshot(
        nodes=[*lanes, *sinks],
        edges=[
            edge("rules", "archive", Ledger(sent=sent, delivered=sent - 12_345, in_flight=12_345)),
            edge("rules", "preview", Ledger(sent=sent)),
        ],
        processes=[
            process("preview@edge-1"),
            process("archive@edge-1", restarts=2),
            process("edge-1", rss_bytes=87 << 20),
        ],
        alarms=[Alarm(5 * SECOND, "process 'archive@edge-1' was killed by SIGKILL; starting it again in 0.2 s")],
        t_ns=seconds * SECOND,
    )


def drawn(cameras: int, *, per_camera: bool = False, width: int = 80) -> list[str]:
    """The picture of such a line as lines of text."""
    rates = Rates(per_lane=per_camera)
    rates.rows(line(cameras, 10))
    after = line(cameras, 12)
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(picture(after, rates.rows(after), ["log out/nagoya-a/log.jsonl"]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("cameras", [4, 8])
def test_the_table_fits_80_columns_and_24_lines(cameras: int) -> None:
    """The terminal of every rescue shell; nothing in the numbers is cut."""
    found = drawn(cameras)
    assert max(map(len, found)) <= 80
    assert len(found) <= 24
    assert "…" not in "\n".join(found[1:])


def test_the_table_says_what_a_person_wants_to_know() -> None:
    """Rates add up over cameras; work times, queue, restarts, ages and alarms are there."""
    assert drawn(4) == [
        "nagoya-a on edge-1 running 0:00:12 · 3 processes · 167 MB",
        "node            rec/s    p50    p99  queue  drops errors restarts state  ",
        "camera ×4       120.0  86 µs  86 µs      0      0      0        0 running",
        "clean ×4        120.0  86 µs  86 µs      0      0      0        0 running",
        "measure ×4      120.0  86 µs  86 µs      0      0      0        0 running",
        "track ×4        120.0  86 µs  86 µs      0      0      0        0 running",
        "rules ×4        120.0  86 µs  86 µs      0      0      0        0 running",
        "archive         120.0  86 µs  86 µs  12.3k      0      0        0 running",
        "preview         120.0  86 µs  86 µs      0      0      0        0 running",
        "process           pid memory restarts state  ",
        "edge-1           4321  87 MB        0 running",
        "archive@edge-1   4321  40 MB        2 running",
        "preview@edge-1   4321  40 MB        0 running",
        "exposure to sink  archive 3.0 ms / 3.0 ms · preview 3.0 ms / 3.0 ms",
        "00:00:05Z alarm: process 'archive@edge-1' was killed by SIGKILL; starting it ",
        "again in 0.2 s",
        "log out/nagoya-a/log.jsonl",
    ]


MINUTES = 60 * SECOND
OTHERS = (
    PeerState(
        host="edge-2",
        address="tcp://10.0.7.12:7400",
        reach="reachable",
        since_ns=0,
        phase="running",
        faults=("process archive@edge-2 is stuck",),
        running=3,
        processes=4,
        rate=120.0,
        offset_ns=-3_600_000_000_000,
        doubt_ns=130_000,
    ),
    PeerState(host="edge-3", address="", reach="unreachable", since_ns=0, offset_ns=300_000, doubt_ns=90_000),
    PeerState(host="edge-4", address="", reach="awaited", since_ns=0),
    PeerState(host="edge-5", address="", reach="left", since_ns=0),
)


def test_the_other_hosts_have_rows_of_their_own() -> None:
    """What they do and what fails there, how long one has been away, and how far its time is off in milliseconds."""
    state = snapshot(peers=OTHERS, t_ns=2 * MINUTES)
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    console.print(picture(state, Rates().rows(state)))
    assert isinstance(console.file, io.StringIO)
    assert [said.rstrip() for said in console.file.getvalue().splitlines()[-5:]] == [
        "host            rec/s running                 time state",
        "edge-2          120.0     3/4 -3,600,000.0 ±0.1 ms running, 1 fault",
        "edge-3              –       –         +0.3 ±0.1 ms unreachable for 0:02:00",
        "edge-4              –       –                    – awaited",
        "edge-5              –       –                    – left",
    ]
    assert summary(state, [Rates().rows(line(1, 1))[0]]).endswith(
        "restarts 0; edge-2 running (process archive@edge-2 is stuck); edge-3 unreachable; edge-4 awaited; edge-5 left"
    )


def shown(count: int) -> list[str]:
    """What stands below the table of a line with one alarm of the past and so many notices."""
    notices = [Notice(str(number), f"disk {number} is full", number * MINUTES) for number in range(1, count + 1)]
    alarms = [Alarm(5 * SECOND, "process 'a' was killed"), *(Alarm(one.since_ns, one.text) for one in notices)]
    state = snapshot(notices=notices, alarms=alarms)
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    console.print(picture(state, []))
    assert isinstance(console.file, io.StringIO)
    return [said.rstrip() for said in console.file.getvalue().splitlines()[3:]]


def test_what_is_still_so_stands_below_the_table() -> None:
    """Newer alarms do not push it out, it is not told twice, and where there is too much of it that is said."""
    assert shown(1) == ["00:00:05Z alarm: process 'a' was killed", "since 00:01:00Z: disk 1 is full"]
    assert shown(5) == [
        "3 older notices: /healthz and the log have them",
        "since 00:04:00Z: disk 4 is full",
        "since 00:05:00Z: disk 5 is full",
    ]


def test_a_row_per_camera_where_asked_for() -> None:
    """The aggregate hides one slow camera; `--per-camera` does not."""
    names = [found.split()[0] for found in drawn(4, per_camera=True)[2:6]]
    assert names == ["camera@cam-0", "camera@cam-1", "camera@cam-2", "camera@cam-3"]


def test_the_summary_is_one_line() -> None:
    """Journals and CI logs are read line by line."""
    rates = Rates()
    rates.rows(line(4, 10))
    after = line(4, 12)
    assert summary(after, rates.rows(after)) == (
        "00:00:12Z nagoya-a running: camera 120.0/s, clean 120.0/s, measure 120.0/s, track 120.0/s, rules 120.0/s, "
        "archive 120.0/s, preview 120.0/s; queue 12,345, dropped 0, errors 0, restarts 2"
    )


def test_plain_lines_tell_each_alarm_once() -> None:
    """It is told when it happens and not every five seconds again."""
    out = io.StringIO()
    view = PlainLines(out)
    view.show(line(1, 10))
    view.show(line(1, 12))
    assert [said[:16] for said in out.getvalue().splitlines()] == [
        "00:00:05Z alarm:",
        "00:00:10Z nagoya",
        "00:00:12Z nagoya",
    ]


def test_a_terminal_that_stands_still_holds_up_nobody() -> None:
    """Leaving the view waits for a moment only, even where its writer never comes back."""
    entered, never = threading.Event(), threading.Event()

    class Frozen:
        """A terminal after Ctrl-S."""

        def show(self, snapshot: Snapshot) -> None:
            """Never return."""
            entered.set()
            never.wait()

        def close(self) -> None:
            """Nothing to do."""

    began = time.monotonic()
    with Showing(Frozen(), lambda: line(1, 1), 0.01):
        assert entered.wait(5)
    assert time.monotonic() - began < 4
    never.set()


TOPOLOGY = """
line: {plant: test, line: tmux}
hosts: {edge-1: {cameras: [cam-1, cam-2]}}
nodes:
  camera: {use: "tests.actors:ticking", with: {rate: 50}}
  pass: {use: "tests.actors:through", from: camera}
  out: {use: "tests.actors:noting", from: pass, with: {path: PATH}}
"""


class Terminal:
    """A tmux session of 80 × 24 that runs one command."""

    def __init__(self, socket: str, command: str, folder: Path) -> None:
        self._tmux = ["tmux", "-L", socket, "-f", "/dev/null"]
        run = [
            *self._tmux,
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "-c",
            str(folder),
            f"{command}; echo status=$?; exec cat",
        ]
        subprocess.run(run, check=True, env={**os.environ, "TERM": "xterm-256color"})

    def screen(self) -> str:
        """What a person sees now."""
        return subprocess.run([*self._tmux, "capture-pane", "-p"], check=True, capture_output=True, text=True).stdout

    def keys(self, *keys: str) -> None:
        """Press keys."""
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def wait(self, *words: str, seconds: float = 20) -> str:
        """The screen as soon as all words are on it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            screen = self.screen()
            if all(word in screen for word in words):
                return screen
            threading.Event().wait(0.05)
        raise AssertionError(f"expected {words} on the screen, got:\n{self.screen()}")

    def close(self) -> None:
        """End it."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in which `kensa run` shows a line."""
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed: apt-get install tmux")
    root = Path(__file__).resolve().parent.parent
    (tmp_path / "line.yaml").write_text(TOPOLOGY.replace("PATH", str(tmp_path / "seen.txt")))
    folders = tempfile.mkdtemp(prefix="kensa-")
    environment = f"env KENSA_RUN={folders} PYTHONPATH={root}"
    found = Terminal(f"kensa-{os.getpid()}", f"{environment} {sys.executable} -m pipeline run line.yaml", tmp_path)
    yield found
    found.close()
    shutil.rmtree(folders)


@pytest.mark.slow
def test_a_running_line_is_seen_in_a_terminal(terminal: Terminal) -> None:
    """The table stands still and moves, says where the log is, and Ctrl-C leaves the ledger below it."""
    screen = terminal.wait("camera ×2", "100.", "running", "metrics http://127.0.0.1:", "log out/test-tmux/log-")
    assert screen.count("camera ×2") == 1
    terminal.keys("C-c")
    screen = terminal.wait("all edges", "records are accounted for", "status=0")
    assert screen.count("camera ×2") == 1
    assert "ended" in screen
