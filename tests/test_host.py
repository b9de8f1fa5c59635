"""Tests of `pipeline.runtime.host` with processes that speak its protocol and do nothing else."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import KensaError
from pipeline.plan import Edge, Lane, NodeRun, Plan, Process, Queue
from pipeline.runtime.control import Client, find
from pipeline.runtime.folder import RunFolder
from pipeline.runtime.health import Tapped
from pipeline.runtime.host import Host
from pipeline.runtime.journal import Journal
from pipeline.runtime.state import ProcessState, Snapshot
from pipeline.runtime.watch import Limits
from pipeline.transport.channel import Ledger
from tests.hosting import Hosted

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, str(ROOT / "tests" / "puppet.py"))
LIMITS = Limits(tick=0.01, silence=5.0, stuck=20.0, start=30.0, drain=15.0)  # a busy machine keeps them

Started = Callable[..., "Hosted"]


def plan(source: str, sink: str = "consume") -> Plan:
    """A source's process and a sink's, joined by one edge, each told how to behave."""
    address = "ipc://nowhere"
    return Plan(
        line="test",
        processes=(
            Process(
                name="source", host="h", lanes=(Lane(name="cam-1", cameras=("cam-1",), runs=(_run("camera", source),)),)
            ),
            Process(
                name="sink",
                host="h",
                lanes=(Lane(name="out", cameras=("cam-1",), runs=(_run("out", sink),), addresses=(address,)),),
            ),
        ),
        edges=(
            Edge(
                name="camera→out",
                source=("camera", "cam-1"),
                target=("out", "out"),
                kinds=("gap",),
                transport="ipc",
                address=address,
                queue=Queue(),
                why="test",
            ),
        ),
    )


def _run(node: str, act: str) -> NodeRun:
    return NodeRun(node=node, use="puppet", params={"act": act})


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Starts a host; what still runs after the test is ended."""
    root = Path(f"/tmp/kensa-host-{os.getpid()}")
    monkeypatch.setenv("KENSA_RUN", str(root))
    folder, journal = RunFolder.take("test", "h"), Journal(tmp_path / "log", "test", "h")
    lines: list[Hosted] = []

    def started(source: str, sink: str = "consume", *, early: bool = False, **limits: float) -> Hosted:
        values = {name: getattr(LIMITS, name) for name in LIMITS.__struct_fields__} | limits
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        host = Host(
            plan(source, sink), "h", folder, tmp_path, journal, limits=Limits(**values), command=COMMAND, env=env
        )
        if early:
            host.stop()
        lines.append(Hosted(host))
        return lines[-1]

    yield started
    for line in lines:
        line.host.stop()
        line.host.stop()
        line.end()
    folder.release()
    journal.close()
    root.rmdir()


def process(snapshot: Snapshot, name: str) -> ProcessState:
    """The state of one process."""
    return next(one for one in snapshot.processes if one.name == name)


def running(snapshot: Snapshot) -> bool:
    """Whether everything runs."""
    return all(one.condition == "running" for one in snapshot.processes)


def test_a_stop_drains_from_the_source_to_the_sink(start: Started) -> None:
    """The source is told to stop; the sink, restarted meanwhile, is told that nobody will end its edge."""
    line = start("run", "run")
    state = line.until(running)
    os.kill(process(state, "sink").pid, signal.SIGKILL)
    line.until(lambda s: process(s, "sink").restarts == 1 and running(s))
    line.host.stop()
    outcome = line.end()
    assert outcome.status == 0
    assert outcome.accounts[0].total == Ledger(sent=10, delivered=10)


def test_a_line_that_is_stopped_before_it_has_begun_ends_in_good_order(start: Started) -> None:
    """Its sink runs already, its source never will: nobody ends the edge between them, which the sink is told."""
    outcome = start("run", "run", early=True).end()
    assert (outcome.status, outcome.failures) == (0, ())


def test_a_process_that_dies_is_started_again_and_its_records_are_accounted_for(start: Started) -> None:
    """What it had sent and nobody vouches for is dropped by the crash; the alarm says how it died."""
    line = start("run", "run")
    before = line.until(lambda s: running(s) and s.edges[0].account.total.sent == 10)
    os.kill(process(before, "source").pid, signal.SIGKILL)
    after = line.until(lambda s: process(s, "source").restarts == 1 and running(s))
    assert process(after, "source").incarnation != process(before, "source").incarnation
    assert after.edges[0].account.past == Ledger(sent=10, delivered=4, dropped={"crash": 6})
    assert [alarm.text for alarm in after.alarms] == [
        "process 'source' was killed by SIGKILL; starting it again in 0.2 s"
    ]


def test_a_process_that_fails_again_and_again_rests_longer_and_is_degraded(start: Started) -> None:
    """0.2 s, then twice as long each time; after five failures it counts as degraded, and the rest runs on."""
    line = start("crash", "run")
    state = line.until(lambda s: process(s, "source").condition == "degraded")
    rests = [alarm.text.rpartition("again in ")[2] for alarm in state.alarms]
    assert rests == ["0.2 s", "0.4 s", "0.8 s", "1.6 s", "3.2 s; degraded: 5 failures in a row"]
    assert state.alarms[0].text.startswith("process 'source' left with status 7;")
    assert process(state, "sink").condition == "running"
    assert state.faults == ("process source is degraded",)
    line.host.stop()
    outcome = line.end()
    assert outcome.status == 4
    assert outcome.failures == ("process 'source' left with status 7",)


def test_a_stopped_process_is_shown_as_stalled_and_then_replaced(start: Started) -> None:
    """SIGSTOP is what a host under memory pressure looks like."""
    line = start("run", "run", silence=1.0, stuck=4.0)
    state = line.until(running)
    os.kill(process(state, "sink").pid, signal.SIGSTOP)
    line.until(lambda s: process(s, "sink").condition == "stalled")
    state = line.until(lambda s: process(s, "sink").restarts >= 1)
    told = [
        re.fullmatch(r"process 'sink' has said nothing for (\d+) s; .* again in 0.2 s", a.text) for a in state.alarms
    ]
    assert any(found and int(found[1]) >= 4 for found in told)
    line.until(running)


def test_a_stuck_node_costs_its_process(start: Started) -> None:
    """The pulse of a process goes on while its node hangs; what it says of the node is what counts."""
    line = start("run", "stuck")
    state = line.until(lambda s: bool(s.alarms))
    assert "process 'sink' node 'out' (out) is busy on one record for 60 s; starting it again" in state.alarms[0].text


def test_a_process_that_never_reports_is_started_again(start: Started) -> None:
    """Starting up has its own limit."""
    line = start("mute", "run", start=4.0)
    state = line.until(lambda s: any("'source'" in alarm.text for alarm in s.alarms))
    assert state.alarms[-1].text.startswith("process 'source' did not start within 4 s; starting it again")


def test_what_does_not_drain_in_time_is_killed_and_accounted_for(start: Started) -> None:
    """A deaf process cannot hold up the end; its records are dropped by the shutdown, and the status says so."""
    line = start("deaf", "run", drain=1.5)
    line.until(lambda s: running(s) and s.edges[0].account.total.sent == 10)
    line.host.stop()
    outcome = line.end()
    assert outcome.accounts[0].total == Ledger(sent=11, delivered=5, dropped={"shutdown": 6})  # one tells of the others
    assert outcome.status == 4
    assert "process 'source' did not drain within 1.5 s" in outcome.failures


@pytest.mark.parametrize(
    ("act", "total", "passes"),
    [
        pytest.param("lossy", Ledger(sent=11, delivered=9, dropped={"shutdown": 2}), 1, id="once more"),
        pytest.param("losing", Ledger(sent=12, delivered=9, dropped={"shutdown": 3}), 2, id="given up then, too"),
    ],
)
def test_who_gave_up_at_the_end_begins_again_to_tell_it(start: Started, act: str, total: Ledger, passes: int) -> None:
    """The source first tells where its session ended, as often as that is given up, and nothing is started once more
    than that; who ended well is well.
    """
    line = start(act, "run")
    state = line.until(running)
    os.kill(process(state, "sink").pid, signal.SIGKILL)  # one that began anew is told when nothing more comes
    line.until(lambda s: process(s, "sink").restarts == 1 and running(s))
    line.host.stop()
    outcome = line.end()
    assert outcome.accounts[0].total == total
    assert outcome.status == 0
    assert [(one.name, one.restarts) for one in line.host.now.processes] == [("sink", 1 + passes), ("source", passes)]


def test_a_second_stop_ends_everything_at_once(start: Started) -> None:
    """Who presses Ctrl-C twice does not want to wait."""
    line = start("deaf", "deaf", drain=60)
    line.until(running)
    line.host.stop()
    line.host.stop()
    assert "process 'sink' was told to end at once" in line.end(seconds=30).failures
    assert all(one.restarts == 0 for one in line.host.now.processes)


def test_records_that_are_not_accounted_for_make_the_status_1(start: Started) -> None:
    """A ledger that does not balance is a fault, and never passes silently."""
    line = start("leak", "run", drain=4.0)
    line.until(running)
    line.host.stop()
    outcome = line.end()
    assert outcome.status == 1
    assert "camera→out: 2 records unaccounted for, 4 still in flight" in str(outcome)


def test_a_process_whose_producers_have_all_ended_is_told_to_finish(start: Started) -> None:
    """A producer that was killed cannot end its edges; its consumer must not wait for that."""
    line = start("deaf", "consume", drain=60)
    state = line.until(running)
    line.host.stop()
    line.until(lambda s: s.phase == "draining")
    os.kill(process(state, "source").pid, signal.SIGKILL)
    outcome = line.end(seconds=30)
    assert outcome.failures == ("process 'source' was killed by SIGKILL",)


def test_everything_a_process_says_goes_to_the_journal(start: Started, tmp_path: Path) -> None:
    """Standard output too: a node that prints must not write across the table."""
    line = start("noisy", "run", drain=4.0)
    line.until(running)
    line.host.stop()
    line.end()
    said = (tmp_path / "log").read_text()
    assert "said\n" in said
    assert "cried\n" in said
    assert '"event": "process runs"' in said


def test_a_client_watches_and_taps(start: Started) -> None:
    """`top` gets the state, `tap` gets what the node gives with the count of what it missed."""
    line = start("tap", "run")
    line.until(running)
    with Client(find("test")) as client:
        snapshot = client.watch()
        assert snapshot is not None
        assert [one.name for one in snapshot.processes] == ["sink", "source"]
        tapped = next(found for found in client.follow("camera") if isinstance(found, Tapped))
        assert (tapped.node, tapped.missed) == ("camera", 3)
        with pytest.raises(
            KensaError, match=r"no node called 'camra'; did you mean 'camera'\?; nodes here: 'camera' and 'out'"
        ):
            next(client.follow("camra"))


def test_a_tap_ends_by_itself_when_its_client_is_gone(start: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed terminal must not leave a node encoding for nobody."""
    monkeypatch.setattr("pipeline.runtime.clients.LEASE", 0.2)
    line = start("tap", "run")
    line.until(running)
    with Client(find("test")) as client:
        next(found for found in client.follow("camera") if isinstance(found, Tapped))
    line.until(lambda s: any(one.health.taken == 99 for one in s.nodes))


def test_a_line_that_does_not_run_cannot_be_watched(start: Started) -> None:
    """The errors name what runs and what is near."""
    with pytest.raises(KensaError, match=r"no line called 'tset' runs here; did you mean 'test'\?; running: test@h"):
        find("tset")


def test_a_large_plan_is_handed_over_without_waiting_for_its_reader(start: Started) -> None:
    """A launch larger than a pipe does not hang the supervisor where its process is stopped before it reads."""
    line = start("run", "run" + " " * 300_000)
    line.until(lambda s: process(s, "source").condition == "running")
