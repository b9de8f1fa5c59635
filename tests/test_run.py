"""Tests of `kensa run`, `top` and `tap` with real processes, killed, stopped and interrupted."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.cli import INTERRUPTED, main
from pipeline.runtime.control import Client, find
from pipeline.runtime.state import ProcessState, Snapshot
from tests.keyring import one

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

Started = Callable[..., "Run"]


class Run:
    """One `kensa run`, its folder, and what it left."""

    def __init__(self, folder: Path, environment: dict[str, str], topology: str, *arguments: str) -> None:
        self.folder, self.environment = folder, environment
        name = "-".join(arguments)
        self.out, self.log, self.seen = folder / f"out{name}", folder / f"log{name}", folder / "seen.txt"
        (folder / "line.yaml").write_text("line: {plant: test, line: e2e}\n" + topology.replace("SEEN", str(self.seen)))
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "run", "line.yaml", "--log", str(self.log), *arguments],
                cwd=folder,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `kensa` command beside it."""
        run = [sys.executable, "-m", "pipeline", *arguments]
        return subprocess.run(
            run, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=20, check=False
        )

    def end(self, status: int = 0, seconds: float = 20) -> str:
        """What it printed, once it has ended with that status."""
        found = self.process.wait(seconds)
        text = self.out.read_text()
        assert found == status, f"status {found}\n{text}\n{self.log.read_text()[-4000:]}"
        return text

    def stop(self, status: int = 0) -> str:
        """Press Ctrl-C and wait."""
        self.process.send_signal(signal.SIGINT)
        return self.end(status)

    def until(self, fits: Callable[[Snapshot], bool], seconds: float = 15) -> Snapshot:
        """The state of the line as soon as it fits."""
        deadline = time.monotonic() + seconds
        self.wait(
            lambda: self.process.poll() is not None or bool(list(Path(self.environment["KENSA_RUN"]).glob("*/watch")))
        )
        with Client(find("test-e2e")) as client:
            while (snapshot := client.watch()) is not None and not fits(snapshot):
                assert time.monotonic() < deadline, f"never came to be: {snapshot}\n{self.log.read_text()[-3000:]}"
                threading.Event().wait(0.05)
        assert snapshot, self.out.read_text()
        return snapshot

    def wait(self, fits: Callable[[], bool], seconds: float = 15) -> None:
        """Wait for something to be so."""
        deadline = time.monotonic() + seconds
        while not fits():
            assert time.monotonic() < deadline, self.out.read_text() + self.log.read_text()[-3000:]
            threading.Event().wait(0.02)

    def records(self) -> list[tuple[str, str, str, int]]:
        """(kind, camera, session, number) of everything the sink has noted, in its order."""
        rows = [row.split() for row in self.seen.read_text().splitlines()] if self.seen.exists() else []
        return [(kind, camera, session, int(number)) for kind, camera, session, number in rows]

    def numbers(self, camera: str = "cam-1") -> list[int]:
        """Numbers of the frames of a camera, in the sink's order."""
        return [number for kind, who, _, number in self.records() if kind == "frame" and who == camera]

    def events(self) -> list[dict[str, object]]:
        """The log."""
        return [json.loads(row) for row in self.log.read_text().splitlines() if row.startswith("{")]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Starts a line; whatever it does, afterwards no process, no socket and no temporary file of it is left."""
    root, temporary = Path(tempfile.mkdtemp(prefix="kensa-")), tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("KENSA_RUN", str(root))
    keys = one(tmp_path / "keys", "edge-1", "edge-2")
    environment = {
        **os.environ,
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(ROOT),
        "KENSA_KEYS": str(keys),
        "KENSA_STATE": str(tmp_path / "state"),
    }
    runs: list[Run] = []

    def started(topology: str, *arguments: str) -> Run:
        runs.append(Run(tmp_path, environment, topology, *arguments))
        return runs[-1]

    yield started
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    gone(root)
    left = [*temporary.iterdir(), *root.iterdir()]
    shutil.rmtree(root)
    assert left == []


def gone(root: Path, seconds: float = 20) -> None:
    """Wait until no process of a run folder is left."""
    deadline = time.monotonic() + seconds
    while found := family(root):
        assert time.monotonic() < deadline, f"still there: {found}"
        threading.Event().wait(0.05)


def family(root: Path) -> dict[int, str]:
    """Processes that were started with a run folder, by their environment."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and f"KENSA_RUN={root}".encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def process(snapshot: Snapshot, name: str) -> ProcessState:
    """The state of the process whose name begins so."""
    return next(one for one in snapshot.processes if one.name.startswith(name))


def flowing(snapshot: Snapshot) -> bool:
    """Whether everything runs and records arrive at every sink."""
    arrived = all(edge.account.total.delivered > 5 for edge in snapshot.edges)
    return arrived and all(one.condition == "running" for one in snapshot.processes)


def column(text: str, edge: str, name: str) -> str:
    """One cell of the printed ledger."""
    rows = [re.split(r"  +", row.strip()) for row in text.splitlines() if "  " in row]
    head = next(row for row in rows if row[0] == "edge")
    return next(row for row in rows if row[0] == edge)[head.index(name)]


LINE = """
hosts: {edge-1: {cameras: [cam-1, cam-2]}}
nodes:
  camera: {use: "tests.actors:ticking", with: {rate: 100}}
  pass: {use: "tests.actors:through", from: camera}
  out: {use: "tests.actors:noting", from: pass, with: {path: SEEN}}
"""
HOSTS = LINE.replace("cam-1, cam-2]}", "cam-1]}, edge-2: {port: 7500, cameras: [cam-2]}")
HOSTS = HOSTS.replace("from: pass,", "from: pass, at: edge-2,")
WHICH = (
    "line 'test-e2e' has hosts 'edge-1' and 'edge-2': say which one this is with `--host NAME`, "
    "or run all of them on this machine with `--here`\n"
)
ISOLATED = LINE.replace("from: camera}", "from: camera, isolate: true}")


def test_a_line_runs_for_a_time_and_accounts_for_everything(start: Started) -> None:
    """Every frame arrives once and in order; the ledger is printed and the status is 0."""
    run = start(LINE, "--for", "1s")
    text = run.end()
    for camera in ("cam-1", "cam-2"):
        assert run.numbers(camera) == list(range(len(run.numbers(camera))))
        assert len(run.numbers(camera)) > 50
    assert re.search(r"^all [\d,]+ records are accounted for$", text, re.MULTILINE)
    assert column(text, "pass@cam-1→out", "unaccounted") == "0"


def test_a_sink_that_is_killed_comes_back_and_nothing_is_lost(start: Started) -> None:
    """What it had not done is sent again: every number is there, some perhaps twice, and the ledger balances."""
    run = start(LINE)
    os.kill(process(run.until(flowing), "out").pid, signal.SIGKILL)
    before = run.until(lambda s: process(s, "out").restarts == 1 and flowing(s))
    run.until(lambda s: s.edges[0].account.total.delivered > before.edges[0].account.total.delivered + 20)
    text = run.stop()
    numbers = run.numbers()
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))
    assert column(text, "pass@cam-1→out", "dropped") == "0"
    assert int(column(text, "pass@cam-1→out", "sent")) == max(numbers) + 1


def test_a_node_that_is_killed_in_the_middle_is_accounted_for(start: Started) -> None:
    """Its own unfinished sends are dropped as `crash`, its input is sent again, and the cameras never notice."""
    run = start(ISOLATED)
    os.kill(process(run.until(flowing), "pass").pid, signal.SIGKILL)
    run.until(lambda s: process(s, "pass").restarts == 1 and flowing(s))
    text = run.stop()
    numbers = run.numbers()
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))
    assert column(text, "pass→out", "unaccounted") == "0"
    assert column(text, "pass→out", "in flight") == "0"
    assert "process edge-1" not in text


def test_a_stopped_process_is_stalled_then_replaced(start: Started) -> None:
    """SIGSTOP: shown within seconds, replaced after the patience given, and nothing is lost."""
    run = start(LINE, "--stuck-after", "2.5s")
    os.kill(process(run.until(flowing), "out").pid, signal.SIGSTOP)
    run.until(lambda s: process(s, "out").condition == "stalled")
    run.until(lambda s: process(s, "out").restarts == 1 and flowing(s))
    run.stop()
    numbers = run.numbers()
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))


def test_a_node_that_throws_costs_one_record_and_is_named(start: Started) -> None:
    """The log says node, camera and number; a gap takes the record's place; the other camera has none."""
    topology = (
        LINE.replace("tests.actors:through", "tests.actors:throwing") + "cameras: {cam-2: {pass: {bad: 1000000}}}\n"
    )
    run = start(topology)
    run.until(lambda s: flowing(s) and s.edges[0].account.total.delivered > 20)
    run.stop()
    assert next(row for row in run.records() if row[0] == "gap")[1::2] == ("cam-1", 5)
    assert Counter(row[1] for row in run.records() if row[0] == "gap")["cam-2"] == 0
    failed = next(event for event in run.events() if event["event"] == "node failed")
    assert (failed["node"], failed["camera"], failed["seq"]) == ("pass", "cam-1", 5)
    assert "cannot bear 5" in str(failed["error"])


def test_a_node_that_hangs_is_found_out_and_replaced(start: Started, tmp_path: Path) -> None:
    """The alarm says which node, where and for how long; an idle one is left alone."""
    hanging = (
        f'{{use: "tests.actors:hanging", from: camera, isolate: true, with: {{once: {tmp_path / "hung"}}}, QUEUE}}'
    )
    hanging = hanging.replace("QUEUE", "queue: {messages: 10000}")  # what comes meanwhile, on a busy machine too
    topology = LINE.replace('{use: "tests.actors:through", from: camera}', hanging)
    run = start(topology, "--stuck-after", "1s")
    state = run.until(lambda s: process(s, "pass").restarts == 1 and flowing(s))
    assert re.match(
        r"process 'pass@edge-1' node 'pass' \(pass\) is busy on one record for \d+ s;", state.alarms[0].text
    )
    assert process(state, "out").restarts == 0
    run.stop()
    assert sorted(set(run.numbers())) == list(range(max(run.numbers()) + 1))


def test_a_slow_sink_loses_nothing_of_a_burst_under_block(start: Started) -> None:
    """A thousand at once into a sink that takes one a millisecond: the source waits, and the line ends by itself."""
    topology = LINE.replace("ticking", "burst").replace("{rate: 100}", "{count: 1000}")
    run = start(topology.replace("path: SEEN", "path: SEEN, pause: 0.001"))
    text = run.end()
    assert run.numbers("cam-1") == run.numbers("cam-2") == list(range(1000))
    assert column(text, "all edges", "delivered") == "2,000"
    assert column(text, "all edges", "dropped") == "0"


def test_an_open_batch_is_handed_over_when_the_line_ends(start: Started) -> None:
    """A sink that commits once a minute neither holds up the end nor loses what it has gathered, over all its edges."""
    run = start(LINE.replace('noting", from: pass', 'batching", from: [camera, pass]'))
    run.until(lambda s: all(edge.account.total.sent > 20 for edge in s.edges))
    began = time.monotonic()
    text = run.stop()
    assert time.monotonic() - began < 5
    assert column(text, "all edges", "dropped") == "0"
    assert Counter(run.numbers()) == dict.fromkeys(range(max(run.numbers()) + 1), 2)


def test_ctrl_c_under_load_leaves_nothing_behind(start: Started) -> None:
    """The fixture looks for processes, sockets and temporary files; the ledger says what was on its way."""
    run = start(LINE.replace("rate: 100", "rate: 1000").replace("path: SEEN", "path: SEEN, pause: 0.002"))
    run.until(flowing)
    text = run.stop()
    assert column(text, "all edges", "unaccounted") == "0"
    assert column(text, "all edges", "in flight") == "0"


def test_sigterm_drains_as_well(start: Started) -> None:
    """What a service manager sends."""
    run = start(LINE)
    run.until(flowing)
    run.process.terminate()
    assert "records are accounted for" in run.end()


def test_a_second_ctrl_c_ends_at_once(start: Started) -> None:
    """A sink that takes seconds for each record holds nobody up."""
    run = start(LINE.replace("path: SEEN", "path: SEEN, pause: 30"), "--drain-within", "60s")
    run.until(lambda s: s.edges[0].account.total.sent > 20)
    run.process.send_signal(signal.SIGINT)
    run.until(lambda s: s.phase == "draining")
    run.process.send_signal(signal.SIGINT)
    text = run.end(status=4, seconds=3)
    assert "was told to end at once" in text
    assert "shutdown" in column(text, "pass@cam-1→out", "dropped")


def test_children_leave_when_their_supervisor_is_killed(start: Started) -> None:
    """Their standard input ends; the next run finds a free lock and clears what is left."""
    run = start(LINE)
    run.until(flowing)
    run.process.kill()
    run.process.wait()
    gone(Path(run.environment["KENSA_RUN"]))
    assert "records are accounted for" in start(LINE, "--for", "0.3s").end()


def test_even_a_stuck_child_leaves_when_its_supervisor_is_killed(start: Started, tmp_path: Path) -> None:
    """A node that never comes back must not keep a line's lock for ever."""
    hanging = f'{{use: "tests.actors:hanging", from: camera, with: {{once: {tmp_path / "hung"}}}}}'
    run = start(LINE.replace('{use: "tests.actors:through", from: camera}', hanging), "--drain-within", "1s")
    run.wait((tmp_path / "hung").exists)
    run.process.kill()
    run.process.wait()
    gone(Path(run.environment["KENSA_RUN"]), seconds=8)
    shutil.rmtree(next(Path(run.environment["KENSA_RUN"]).iterdir()))  # what the next run would clear away


def test_a_process_that_dies_again_and_again_rests_longer_and_the_others_run_on(start: Started) -> None:
    """Back-off, an alarm for each death, and status 4 where it was not well at the end: a person must look."""
    crashing = 'nodes:\n  bad: {use: "tests.actors:crashing", from: camera, isolate: true, with: {bad: 0}}'
    topology = (
        LINE.replace("nodes:", crashing) + '  end: {use: "tests.actors:noting", from: bad, with: {path: SEEN2}}\n'
    )
    run = start(topology, "--drain-within", "0.5s")  # less than it rests by then: it is not there at the end
    state = run.until(lambda s: len(s.alarms) == 3)
    died = "process 'bad@edge-1' was killed by SIGKILL; starting it again in"
    assert [alarm.text for alarm in state.alarms] == [f"{died} {rest} s" for rest in ("0.2", "0.4", "0.8")]
    assert process(state, "out").condition == process(state, "edge-1").condition == "running"
    text = run.stop(status=4)
    assert "process 'bad@edge-1' was killed by SIGKILL" in text
    assert sorted(set(run.numbers())) == list(range(max(run.numbers()) + 1))


def test_hosts_can_all_run_here(start: Started) -> None:
    """A laptop plays the plant."""
    run = start(HOSTS, "--here", "--for", "0.5s")
    run.end()
    assert len(run.numbers("cam-1")) > 20
    assert len(run.numbers("cam-2")) > 20


def test_a_host_that_stops_does_not_wait_for_the_cameras_of_another(start: Started) -> None:
    """What it has not taken stays with its producer, who accounts for it when it stops itself."""
    cameras, sinks = start(HOSTS, "--host", "edge-1", "--drain-within", "3s"), start(HOSTS, "--host", "edge-2")
    sinks.wait(lambda: {"cam-1", "cam-2"} <= {row[1] for row in sinks.records()})
    sinks.stop()
    assert cameras.process.poll() is None
    text = cameras.stop()
    assert int(column(text, "pass@cam-1→out", "delivered").replace(",", "")) == len(sinks.numbers("cam-1"))
    assert column(text, "pass@cam-1→out", "dropped").startswith("shutdown ")


def test_top_and_tap_look_at_a_running_line(start: Started) -> None:
    """The table with rates, records as lines and as JSON, and errors that name what there is."""
    run = start(LINE)
    run.until(flowing)
    table = run.command("top", "test-e2e", "--once")
    assert re.search(r"^pass ×2 +\d\d+\.\d", table.stdout, re.MULTILINE), table
    lines = run.command("tap", "pass", "--count", "3").stdout.splitlines()
    assert [bool(re.match(r"[\d:.]{12} cam-[12] #\d+ frame size=\[1 1\]", row)) for row in lines] == [True] * 3
    found = run.command("tap", "camera", "--count", "1", "--json")
    assert json.loads(found.stdout)["kind"] == "frame"
    wrong = run.command("tap", "pas")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "no node called 'pas'; did you mean 'pass'?; nodes here: 'camera', 'pass' and 'out'\n",
    )
    wrong = run.command("top", "test-e2")
    assert wrong.stderr == "no line called 'test-e2' runs here; did you mean 'test-e2e'?; running: test-e2e@edge-1\n"
    again = run.command("run", "line.yaml")
    assert again.returncode == 2
    assert again.stderr.startswith(
        f"line 'test-e2e' already runs on host 'edge-1' (process {run.process.pid}); watch it with"
    )
    run.stop()
    assert run.command("top").stderr == "no line runs on this host under this user; start one with `kensa run FILE`\n"


def test_ctrl_c_while_a_line_begins_ends_it_in_good_order(start: Started) -> None:
    """Who has typed the wrong name presses it at once: there is no traceback, whatever has begun by then."""
    run = start(LINE)
    run.wait(lambda: bool([*Path(run.environment["KENSA_RUN"]).glob("*/lock")]) or run.process.poll() is not None)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(20) in (0, INTERRUPTED)
    assert "Traceback" not in run.out.read_text()


def test_metrics_are_where_the_run_says(start: Started) -> None:
    """The address is printed; any free port is taken by default."""
    run = start(LINE)
    run.until(flowing)
    url = re.search(r"http://127.0.0.1:\d+/metrics", run.out.read_text())
    assert url
    with urllib.request.urlopen(url[0], timeout=5) as answer:
        assert 'kensa_edge_sent_total{edge="pass@cam-1→out",host="edge-1",line="test-e2e"}' in answer.read().decode()
    with urllib.request.urlopen(url[0].replace("metrics", "healthz"), timeout=5) as answer:
        assert json.loads(answer.read())["healthy"] is True
    run.stop()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), WHICH),
        (("--host", "edge-9"), "--host edge-9: no such host; did you mean 'edge-2'?; hosts: 'edge-1' and 'edge-2'\n"),
        (("--set", "camera.rat=3"), None),
    ],
    ids=["none", "unknown", "set"],
)
def test_what_cannot_run_is_refused(
    arguments: tuple[str, ...], text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which host this is must be clear, and a topology is checked before anything starts."""
    (tmp_path / "line.yaml").write_text("line: {plant: test, line: e2e}\n" + HOSTS)
    assert main(["run", str(tmp_path / "line.yaml"), *arguments]) == 2
    said = capsys.readouterr().err
    assert said == text if text else "did you mean 'rate'?" in said


@pytest.mark.parametrize("text", ["soon", "-3s", "0s", "3 weeks", ""])
def test_a_duration_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message shows how durations are written."""
    with pytest.raises(SystemExit) as left:
        main(["run", "line.yaml", f"--for={text}"])
    assert left.value.code == 2
    assert f"expected a duration such as 30s, 500ms, 5min or 1h, got '{text}'" in capsys.readouterr().err
