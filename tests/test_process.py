from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from pipeline import codec
from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.plan import Edge, Process
from pipeline.planner import plan
from pipeline.runtime import health
from pipeline.runtime.health import Finish, Launch, Report, Stop, Tap, Tapped, decode_report, encode
from tests.conftest import ROOT
from tests.edges import free_port

pytestmark = pytest.mark.slow

LINE = """
hosts: {{box: {{cameras: [cam-1, cam-2]}}}}
nodes:
  source: {{use: "tests.toys:{source}", with: {{count: {count}}}}}
  shift: {{use: "tests.toys:shift", from: source}}
  {node}: {{use: "tests.toys:{node}", from: shift}}
"""
PATIENCE_MS = 20_000


class Child:
    """A process under test, with the socket of its supervisor."""

    def __init__(
        self, socket: zmq.Socket[bytes], folder: Path, process: Process, edges: tuple[Edge, ...], **more: Any
    ) -> None:
        self._socket, self.peer = socket, b""
        control = f"ipc://{folder}/control"
        launch = Launch(process=process, edges=edges, control=control, incarnation="one", line="test", **more)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.runtime.process"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        message = encode(launch)
        assert self.process.stdin
        self.process.stdin.write(len(message).to_bytes(4, "big") + message)
        self.process.stdin.flush()

    def heard(self) -> Report | Tapped:
        """The next thing it says."""
        assert self._socket.poll(PATIENCE_MS), "it said nothing"
        self.peer, message = self._socket.recv_multipart()
        said = decode_report(message)
        assert isinstance(said, Report | Tapped)
        return said

    def until(self, *states: str) -> Report:
        """Its first report in one of these states."""
        while not (isinstance(said := self.heard(), Report) and said.state in states):
            pass
        return said

    def tell(self, command: Any) -> None:
        """Send it a command."""
        self._socket.send_multipart((self.peer, encode(command)))

    def left(self) -> int:
        """Its exit status."""
        return self.process.wait(PATIENCE_MS / 1000)

    def logged(self) -> list[dict[str, Any]]:
        """Its log lines, after it has left."""
        assert self.process.stderr
        return [json.loads(row) for row in self.process.stderr.read().splitlines()]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Any]:
    """Start the first process of a line of toys."""
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(f"ipc://{tmp_path}/control")
    children: list[Child] = []

    def start(
        source: str = "source", count: int = 3, node: str = "fragile", text: str = LINE, host: str = "box", **more: Any
    ) -> Child:
        file = tmp_path / "line.yaml"
        file.write_text(text.format(source=source, count=count, node=node))
        planned = plan(load(file, nodes=catalog()), catalog(), folder=tmp_path)
        process = next(process for process in planned.processes if process.host == host)
        lanes = {lane.name for lane in process.lanes}
        edges = tuple(edge for edge in planned.edges if {edge.source[1], edge.target[1]} & lanes)
        children.append(Child(socket, tmp_path, process, edges, **more))
        return children[-1]

    yield start
    for child in children:
        child.process.kill()
        child.process.wait()
        for pipe in (child.process.stdin, child.process.stderr):
            if pipe:
                pipe.close()
    context.destroy(linger=0)


def test_it_ends_when_its_sources_have(launch: Any) -> None:
    """It runs, delivers everything, tells so in a last report, and leaves with 0."""
    child = launch(count=3, node="tally")
    last = child.until("ended")
    assert child.left() == 0
    counts = {(node.node, node.lane): (node.taken, node.given) for node in last.nodes}
    assert counts["shift", "cam-1"] == (3, 3)
    assert counts["tally", "tally"] == (6, 6)
    assert [(e.ledger.sent, e.ledger.delivered, e.ledger.in_flight) for e in last.edges] == [(3, 3, 0)] * 2
    assert all(e.ledger.unaccounted == 0 for e in last.edges)
    assert min(last.received.values()) >= 3
    assert last.pid == child.process.pid
    assert last.rss_bytes > 1 << 20


def test_a_node_that_logs_brings_no_terminal_along(launch: Any) -> None:
    """Whoever imports structlog first decides: with rich it costs 8 MB, and a start a tenth of a second more."""
    child = launch(count=2, node="bare")
    last = child.until("ended")
    assert child.left() == 0
    assert [(node.taken, node.given) for node in last.nodes if node.node == "bare"] == [(2, 2)] * 2
    assert [row["node"] for row in child.logged()] == ["bare"] * 4


@pytest.mark.parametrize("how", ["command", "SIGTERM", "lifeline"])
def test_it_drains_when_told_to_stop(launch: Any, how: str) -> None:
    """Stop, SIGTERM and the end of standard input end the sources; everything they gave is delivered."""
    child = launch(count=1_000_000, node="tally")
    child.until("running")
    if how == "command":
        child.tell(Stop())
    elif how == "SIGTERM":
        child.process.send_signal(signal.SIGTERM)
    else:
        child.process.stdin.close()
    last = child.until("ended", "failed")
    assert (child.left(), last.state) == (0, "ended")
    assert all(e.ledger.sent == e.ledger.delivered for e in last.edges)


def test_who_has_lost_its_supervisor_does_not_wait_for_other_hosts(launch: Any) -> None:
    """Their producers go on; whoever starts the line here again would have to wait for as long as it may drain."""
    hosts = (
        f"{{{{a: {{{{address: 127.0.0.1, port: {free_port()}, cameras: [cam-1]}}}}, b: {{{{address: 127.0.0.1, port: "
    )
    apart = LINE.replace("{{box: {{cameras: [cam-1, cam-2]}}}}", f"{hosts}{free_port()}}}}}}}}}")
    apart = apart.replace("from: shift", "from: shift, at: b")
    child = launch(node="tally", text=apart, host="b", drain=600.0, insecure=True)
    child.until("running")
    child.process.stdin.close()
    assert child.left() == 0


def test_ctrl_c_is_the_supervisors_business(launch: Any) -> None:
    """SIGINT does nothing: a Ctrl-C reaches the whole terminal, and the order of draining is the supervisor's."""
    child = launch(count=1_000_000)
    child.until("running")
    os.kill(child.process.pid, signal.SIGINT)
    before = child.until("running").nodes[0].given
    while child.until("running").nodes[0].given <= before + 3:
        pass
    child.tell(Finish())
    assert child.left() == 0


def test_a_tap_shows_records_and_ends(launch: Any) -> None:
    """A tapped node's records come encoded; after the tap ends none comes."""
    child = launch(count=1_000_000)
    child.until("running")
    child.tell(Tap("shift", on=True))
    while not isinstance(said := child.heard(), Tapped):
        pass
    assert said.node == "shift"
    assert codec.decode(said.record).seq >= 100
    child.tell(Tap("shift", on=False))
    child.tell(Stop())
    child.until("ended")
    assert child.left() == 0


def test_a_failing_node_is_logged_with_its_place(launch: Any) -> None:
    """A node's exception is a JSON line with line, process, node, camera, session, seq and the traceback."""
    child = launch(source="source", count=3, node="brittle")
    last = child.until("ended")
    assert child.left() == 0
    rows = [row for row in child.logged() if row["event"] == "node failed"]
    assert {(row["node"], row["camera"], row["seq"]) for row in rows} == {
        ("brittle", "cam-1", 101),
        ("brittle", "cam-2", 101),
    }
    assert (rows[0]["line"], rows[0]["process"], rows[0]["level"]) == ("test", "box", "error")
    assert "in node 'brittle', camera 'cam-" in rows[0]["exception"]
    assert rows[0]["session"]
    assert {node.node: node.failed for node in last.nodes}["brittle"] == 1


def test_a_lane_that_fails_for_good_ends_the_process(launch: Any) -> None:
    """What is no node's failure is not survived in silence: the last report says why, and the exit status is 1."""
    child = launch(source="quitter", count=3, node="tally")
    last = child.until("failed")
    assert child.left() == 1
    assert last.error in {"lane 'cam-1': SystemExit: 0", "lane 'cam-2': SystemExit: 0"}
    assert "lane failed" in {row["event"] for row in child.logged()}


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "expected 4 more bytes on standard input, got 0: started by hand? use `kensa run`"),
        (b"\0\0\0\4oops", "expected a launch on standard input, got: "),
    ],
)
def test_bad_launch(stdin: bytes, said: str) -> None:
    """What is no launch is refused in words, with an exit status of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.runtime.process"], input=stdin, check=False, capture_output=True, cwd=ROOT
    )
    assert done.returncode == 3
    assert said in done.stderr.decode()


def test_commands_are_what_the_supervisor_sends() -> None:
    """Every command survives the wire."""
    for command in (Stop(), Finish(), Tap("a", on=True)):
        assert health.decode_command(msgspec.msgpack.encode(command)) == command
