"""sparkplug: an edge node as Sparkplug B 3.0 has it, read by a library that others wrote, at a real broker."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nodes.delivery.broker import Access, Broker, Publication
from nodes.delivery.outbox import Outbox
from nodes.delivery.receiving import Ledger
from nodes.delivery.sparkplug_b import Metric, payload
from nodes.sinks.alarms import alarms
from nodes.sinks.sparkplug import sparkplug
from tests.conftest import ROOT
from tests.edges import eventually
from tests.nodes.alarming import BOOK
from tests.nodes.alarming import verdict as failing
from tests.nodes.brokers import Mosquitto, mosquitto
from tests.nodes.feeding import Line
from tests.nodes.test_alarms import verdict

__all__ = ["mosquitto"]
JUDGE = ROOT / ".venv-judges" / "bin" / "python"
BIRTHS = ("NBIRTH", "DBIRTH")


@pytest.fixture(autouse=True)
def _judge() -> None:
    if not JUDGE.exists():
        pytest.skip("no judge of Sparkplug here: make .venv-judges/.ready")


class Host:
    """A host application that keeps all that edge nodes say."""

    def __init__(self, broker: Mosquitto, name: str = "scada") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.changed = threading.Condition()
        self._state = f"spBv1.0/STATE/{name}"
        self._broker = Broker(Access(broker.url), name, hear={"spBv1.0/plant/#": self._hear})

    def _hear(self, topic: str, data: bytes) -> None:
        with self.changed:
            self.heard.append((topic, data))

    def kinds(self) -> list[str]:
        """What kinds of messages came, in order."""
        return [topic.split("/")[2] for topic, _ in self.heard if "CMD" not in topic]

    def count(self, kind: str) -> int:
        """How many of a kind."""
        return self.kinds().count(kind)

    def say(self, *, online: bool) -> None:
        """Tell edge nodes whether it is there."""
        said = json.dumps({"online": online, "timestamp": 0}).encode()
        self._broker.publish([Publication(self._state, said, retain=True)])

    def command(self, name: str, value: bool | int) -> None:
        """Write a metric of the edge node."""
        kind = "Boolean" if isinstance(value, bool) else "UInt64"
        said = payload([Metric(name, kind, value, 0)], 0, None)  # type: ignore[arg-type]
        self._broker.publish([Publication("spBv1.0/plant/NCMD/line", said)])

    def read(self) -> list[dict[str, Any]]:
        """All of it, as pysparkplug reads it."""
        told = [(topic, base64.b64encode(data).decode()) for topic, data in self.heard if "CMD" not in topic]
        run = subprocess.run(
            [JUDGE, ROOT / "tests" / "nodes" / "judge.py", "sparkplug"], input=json.dumps({"messages": told}),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found: list[dict[str, Any]] = json.loads(run.stdout)
        for one in found:
            one["kind"] = one["topic"].split("/")[2]
        return found

    def leave(self) -> None:
        """Go."""
        self._broker.leave()


def line(broker: Mosquitto, folder: Path, **more: Any) -> Line:
    """An edge node."""
    with_ = {"url": broker.url, "group": "plant", "node": "line", "outbox": str(folder / "o"), "timeout": 30.0} | more
    return Line(sparkplug, **with_)


def values(message: dict[str, Any]) -> dict[str, Any]:
    """Metrics by name."""
    return {name: value for name, (_, value, *_) in message["metrics"].items()}


def conforms(told: list[dict[str, Any]]) -> None:
    """What every run of an edge node must keep, message by message."""
    seq, named, bd_seq = -1, dict[str, set[str]](), -1
    for one in told:
        place = one["topic"].split("/", 3)[3]
        match one["kind"]:
            case "NBIRTH":
                assert one["seq"] == 0
                assert values(one)["bdSeq"] == (bd_seq if seq >= 0 else (bd_seq + 1) % 256)
                assert values(one)["Node Control/Rebirth"] is False
                seq, bd_seq, named = 0, values(one)["bdSeq"], {place: {*one["metrics"]}}
            case "NDEATH":
                assert values(one) == {"bdSeq": bd_seq}
                seq = -1
            case _:
                assert one["seq"] == (seq + 1) % 256
                seq = one["seq"]
                if one["kind"] == "DBIRTH":
                    named[place] = {*one["metrics"]}
                assert {*one["metrics"]} <= named[place], "a birth has named every metric"


def numbers(told: list[dict[str, Any]]) -> Ledger:
    """What came as data, by the numbers of the outbox."""
    ledger = Ledger()
    for one in told:
        if one["kind"] in ("NDATA", "DDATA"):
            ledger.hear(values(one)["Outbox/Event"].encode())
    return ledger


def test_it_is_born_tells_and_dies_as_the_standard_says(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """NBIRTH, a DBIRTH for each camera, data, NDEATH; `seq` goes round after 255; every value as it was."""
    host = Host(mosquitto)
    with line(mosquitto, tmp_path) as edge:
        eventually(lambda: host.count("NBIRTH") == 1, "it is born")
        edge.give(*[verdict(seq) for seq in range(1, 301)])
    eventually(lambda: host.count("NDEATH") == 1, "it has died")
    host.leave()
    told = host.read()
    conforms(told)
    assert [one["kind"] for one in told if one["kind"] != "DDATA"] == ["NBIRTH", "NBIRTH", "DBIRTH", "NDEATH"]
    assert numbers(told).exact
    data = [one for one in told if one["kind"] == "DDATA"]
    assert len(data) == 300
    assert 255 in [one["seq"] for one in data]
    metrics = data[-1]["metrics"]
    when = 1_795_363_200_000 + 300 * 33
    assert data[-1]["topic"] == "spBv1.0/plant/DDATA/line/cam-1"
    assert metrics["Verdict/Outcome"] == ["STRING", "FAIL", False, False, when]
    assert metrics["Verdict/Part"] == ["INT64", 300, False, False, when]
    assert metrics["Verdict/Reasons"] == ["STRING", "HOLE", False, False, when]
    assert metrics["Outbox/Sequence"] == ["UINT64", 300, False, False, when]


def test_an_alarm_is_told_with_what_to_do(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """As metrics of its camera, in a new birth first, for no birth has named them yet."""
    host, events = Host(mosquitto), tmp_path / "events.jsonl"
    (tmp_path / "book.yaml").write_text(BOOK)
    with line(mosquitto, tmp_path, alarms=str(events)) as edge:
        edge.give(verdict(1, "PASS"))
        eventually(lambda: host.count("DDATA") == 1, "a verdict is told")
        alarms(iter([[failing(seq) for seq in (1, 2, 3)]]), path=str(events), book=str(tmp_path / "book.yaml"))
        eventually(lambda: host.count("DDATA") >= 2, "the alarm is told")
    eventually(lambda: host.count("NDEATH") == 1, "it has died")
    host.leave()
    told = host.read()
    conforms(told)
    alarm = next(one for one in told if one["kind"] == "DDATA" and "Alarms/bad/State" in one["metrics"])
    said = values(alarm)
    assert [said[f"Alarms/bad/{word}"] for word in ("State", "Active", "Cause", "Consequence", "Action", "Link")] == [
        "unacknowledged", True, "The gripper is worn.", "Bad parts reach the customer.",
        "Stop the feeder and look at the gripper.", "http://line/cam-1/s/3?part=3",
    ]  # fmt: skip


def test_after_an_outage_it_is_born_with_the_present_and_tells_the_past_as_such(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """`bdSeq` counts the connections, also across restarts; nothing is missing; what waited is historical."""
    host = Host(mosquitto)
    with line(mosquitto, tmp_path) as edge:
        edge.give(verdict(1))
        eventually(lambda: host.count("DDATA") == 1, "it is told")
    with line(mosquitto, tmp_path) as edge:
        eventually(lambda: host.count("NBIRTH") >= 2, "it is born again")
        mosquitto.kill()
        edge.give(*[verdict(seq) for seq in range(2, 101)])
        mosquitto.start()
        after = Host(mosquitto, "after")
        eventually(lambda: after.count("DDATA") == 99, "it has told all")
        edge.give(verdict(101))
    eventually(lambda: after.count("NDEATH") == 1, "it has died")
    after.leave()
    host.leave()
    told = [one for one in after.read() if one["kind"] != "NDEATH"]
    births = [one for one in told if one["kind"] in BIRTHS]
    assert values(births[0])["bdSeq"] == 2
    assert values(births[1])["Verdict/Part"] == 100
    data = [one for one in told if one["kind"] == "DDATA"]
    assert [(values(one)["Verdict/Part"], one["metrics"]["Verdict/Part"][2]) for one in data] == [
        *((seq, True) for seq in range(2, 101)), (101, False),
    ]  # fmt: skip


def test_a_host_that_asks_gets_a_birth(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """`Node Control/Rebirth`: NBIRTH and every DBIRTH anew, `seq` from 0, the same `bdSeq`."""
    host = Host(mosquitto)
    with line(mosquitto, tmp_path) as edge:
        edge.give(verdict(1))
        eventually(lambda: host.count("DDATA") == 1, "it is told")
        before = host.count("NBIRTH")
        host.command("Node Control/Rebirth", True)
        eventually(lambda: host.count("NBIRTH") == before + 1, "it is born again")
        edge.give(verdict(2))
    eventually(lambda: host.count("NDEATH") == 1, "it has died")
    host.leave()
    told = host.read()
    conforms(told)
    assert [one["kind"] for one in told][-4:] == ["NBIRTH", "DBIRTH", "DDATA", "NDEATH"]


def test_it_says_nothing_while_its_primary_host_is_away(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """It waits for `online`, dies at its end, and what was told meanwhile is told later, as historical."""
    host = Host(mosquitto)
    with line(mosquitto, tmp_path, host="scada", timeout=1.0) as edge:
        edge.give(verdict(1))
        eventually(lambda: _last(tmp_path) == 1, "it has one to tell")
        assert host.heard == []
        host.say(online=True)
        eventually(lambda: host.count("DDATA") == 1, "it tells it")
        host.say(online=False)
        eventually(lambda: host.count("NDEATH") >= 1, "it dies")
        edge.give(verdict(2))
        eventually(lambda: _last(tmp_path) == 2, "it has another one")
        assert host.count("DDATA") == 1
        host.say(online=True)
        eventually(lambda: host.count("DDATA") == 2, "it tells it")
    host.leave()
    told = [one for one in host.read() if one["kind"] == "DDATA"]
    assert [one["metrics"]["Verdict/Part"][1:3] for one in told] == [[1, True], [2, True]]


def _last(folder: Path) -> int:
    with closing(Outbox(folder / "o", 100)) as box:
        return box.last


def test_what_a_consumer_does_not_confirm_comes_again(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """By a command to `Receipts/NAME`, which the birth names with how far that consumer came."""
    host = Host(mosquitto)
    with line(mosquitto, tmp_path, confirm=("scada",), patience=0.1) as edge:
        edge.give(verdict(1), verdict(2))
        eventually(lambda: host.count("DDATA") == 2, "both are told")
        host.command("Receipts/scada", 1)
        eventually(lambda: _confirmed(tmp_path) == 1, "one is confirmed")
    with line(mosquitto, tmp_path, confirm=("scada",), patience=20) as edge:
        eventually(lambda: host.count("DDATA") == 3, "the other one comes again")
        host.command("Receipts/scada", 2)
    host.leave()
    told = host.read()
    assert [values(one)["Verdict/Part"] for one in told if one["kind"] == "DDATA"] == [1, 2, 2]
    assert values([one for one in told if one["kind"] == "NBIRTH"][-1])["Receipts/scada"] == 1


def _confirmed(folder: Path) -> int:
    with closing(Outbox(folder / "o", 100, ("scada",))) as box:
        return box.confirmed


@pytest.mark.slow
def test_a_killed_edge_node_is_told_dead_and_goes_on(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The broker tells of its death; the next start is born under the next `bdSeq`; nothing is missing."""
    host = Host(mosquitto)
    for share in (500, None):
        command = [sys.executable, "-m", "tests.nodes.flood", "sparkplug", mosquitto.url, str(tmp_path / "o"), "1000"]
        edge = subprocess.Popen(command)
        if share:
            eventually(lambda: host.count("DDATA") >= 500, "half of it is told")
            os.kill(edge.pid, signal.SIGKILL)
        assert edge.wait() == (-signal.SIGKILL if share else 0)
        eventually(lambda: host.kinds()[-1] == "NDEATH", "its death is told")
    host.leave()
    told = host.read()
    conforms(told)
    (stream,) = numbers(told).streams.values()
    assert (stream.came, stream.missing, stream.dropped) == (1000, [], [])
    connections = {values(one)["bdSeq"] for one in told if one["kind"] == "NBIRTH"}
    assert connections == {*range(len(connections))} > {0}
