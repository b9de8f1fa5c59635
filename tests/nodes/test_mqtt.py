"""mqtt: with a real broker, whatever happens to it, its consumers get everything, and know that they did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme

from nodes.delivery.broker import Access, Broker, Publication
from nodes.delivery.following import PLACE
from nodes.delivery.outbox import Outbox
from nodes.sinks.alarms import alarms
from nodes.sinks.mqtt import mqtt
from nodes.tools.hearing import Mqtt
from nodes.tools.listen import Consumer
from pipeline.errors import NodeError
from pipeline.notices import board
from tests.edges import eventually
from tests.nodes.alarming import BOOK, NOON, S, World, book
from tests.nodes.alarming import verdict as failing
from tests.nodes.brokers import Mosquitto, mosquitto
from tests.nodes.feeding import Line
from tests.nodes.test_alarms import verdict

__all__ = ["mosquitto"]
TOPIC = "kensa/test/line"
WHO = Namespace(user="", password_file="", ca="")


class Ears:
    """What a broker says on every topic."""

    def __init__(self, broker: Mosquitto) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._broker = Broker(Access(broker.url), "ears", hear={f"{TOPIC}/#": self._hear})

    def _hear(self, topic: str, payload: bytes) -> None:
        self.heard.append((topic.removeprefix(f"{TOPIC}/"), json.loads(payload)))

    def of(self, topic: str) -> list[dict[str, Any]]:
        """What was said below a topic."""
        return [said for name, said in self.heard if name.startswith(topic)]

    def close(self) -> None:
        """Listen no more."""
        self._broker.leave()


def line(broker: Mosquitto, folder: Path, **more: Any) -> Line:
    """A sink that tells that broker."""
    with_ = {"url": broker.url, "topic": TOPIC, "outbox": str(folder / "o"), "timeout": 30.0} | more
    return Line(mqtt, **with_)


def look(folder: Path, *confirm: str) -> tuple[int, int, int]:
    """The last number of its outbox, the last that is delivered, and how many wait."""
    with closing(Outbox(folder / "o", 100_000, confirm)) as box:
        return box.last, box.confirmed, box.waiting


def hearing(broker: Mosquitto, consumer: Consumer, name: str = "scada") -> Mqtt:
    """A consumer's connection."""
    return Mqtt(f"{broker.url}/{TOPIC}", name, consumer.take, consumer.ledger, WHO)


def until(ear: Mqtt, holds: Callable[[], bool]) -> None:
    """Let a consumer listen until something holds."""
    deadline = time.monotonic() + 100
    while not holds():
        assert time.monotonic() < deadline
        ear.turn(0.05)


def test_events_are_published_in_order_with_their_numbers(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """In the envelope of CloudEvents, field by field; the state of each camera stays for those who come later."""
    ears = Ears(mosquitto)
    with line(mosquitto, tmp_path) as one:
        eventually(lambda: ears.of("status"), "the line is there")
        one.give(verdict(1, "PASS"), verdict(2))
    eventually(lambda: len(ears.of("status")) == 2, "the line has ended")
    ears.close()
    told = ears.of("events/verdict/cam-1")
    assert [(one["sequence"], one["data"]["outcome"]) for one in told] == [
        ("0000000000000001", "PASS"), ("0000000000000002", "FAIL"),
    ]  # fmt: skip
    data = told[1].pop("data")
    assert data["text"] == "FAIL cam-1 part 2: HOLE (hole_area 31 px², at most 0 px²)"
    assert told[1].pop("stream") == ears.of("status")[0]["stream"]
    assert told[1] == {
        "specversion": "1.0", "id": data["id"], "source": "/kensa/test/line/cam-1", "type": "kensa.verdict",
        "subject": "cam-1", "time": data["time"], "datacontenttype": "application/json",
        "sequence": "0000000000000002",
    }  # fmt: skip
    assert ears.of("events/verdict/cam-1")[0]["data"]["text"] == "PASS cam-1 part 1"
    assert [one["online"] for one in ears.of("status")] == [True, False]
    late = Ears(mosquitto)
    eventually(lambda: late.of("state/verdict/cam-1"), "the state was kept")
    assert late.of("state/verdict/cam-1")[0]["data"]["seq"] == 2
    late.close()


def test_an_alarm_carries_what_somebody_needs_to_act(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Cause, consequence, action and the link to the drawn verdict, as an event and as a state."""
    book, events, ears = tmp_path / "book.yaml", tmp_path / "events.jsonl", Ears(mosquitto)
    book.write_text(BOOK)
    with line(mosquitto, tmp_path, alarms=str(events), least="FAIL"):
        alarms(iter([[failing(seq) for seq in (1, 2, 3)]]), path=str(events), book=str(book))
        eventually(lambda: ears.of("events/alarm/bad@cam-1"), "the alarm is told")
    eventually(lambda: ears.of("status")[-1:] and not ears.of("status")[-1]["online"], "it has ended")
    ears.close()
    late = Ears(mosquitto)
    eventually(lambda: late.of("state/alarm/bad@cam-1"), "how it is was kept")
    late.close()
    assert len(ears.of("events/alarm/bad@cam-1")) == 1
    for said in (ears.of("events/alarm/bad@cam-1")[0], late.of("state/alarm/bad@cam-1")[0]):
        data = said["data"]
        assert said["type"] == "kensa.alarm"
        assert [data[word] for word in ("cause", "consequence", "action", "link", "state")] == [
            "The gripper is worn.", "Bad parts reach the customer.", "Stop the feeder and look at the gripper.",
            "http://line/cam-1/s/3?part=3", "unacknowledged",
        ]  # fmt: skip


def test_a_broker_that_was_away_is_told_the_present_first_then_the_past(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Nothing waits for it, and nothing is lost: what waited is marked."""
    with line(mosquitto, tmp_path) as one:
        one.give(verdict(1))
        eventually(lambda: look(tmp_path)[1] == 1, "the first is delivered")
        mosquitto.kill()
        for seq in range(2, 200):
            one.give(verdict(seq))
        eventually(lambda: look(tmp_path)[0] == 199, "all are in the outbox")
        mosquitto.start()
        ears = Ears(mosquitto)
        eventually(lambda: len(ears.of("events")) >= 198, "all have come")
        one.give(verdict(200))
    eventually(lambda: ears.of("status")[-1:] and not ears.of("status")[-1]["online"], "it has ended")
    ears.close()
    first = next(i for i, (topic, _) in enumerate(ears.heard) if topic.startswith("events"))
    before = [(topic, said.get("data", {}).get("seq")) for topic, said in ears.heard[:first]]
    assert before == [("status", None), ("state/verdict/cam-1", 199)]
    told = [(int(one["sequence"]), one.get("historical", False)) for one in ears.of("events")]
    assert told == [(n, True) for n in range(2, 200)] + [(200, False)]


def test_what_a_killed_broker_had_acknowledged_is_sent_again(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """A PUBACK is not delivery: 500 messages in a broker that loses its memory reach the consumer nevertheless."""
    consumer = Consumer(tmp_path / "got.jsonl", tmp_path / "got.state")
    with hearing(mosquitto, consumer):
        pass  # known to the broker, which queues for it from now on
    with line(mosquitto, tmp_path, confirm=("scada",)) as one:
        ears = Ears(mosquitto)
        one.give(*[verdict(seq) for seq in range(1, 501)])
        eventually(lambda: len(ears.of("events")) == 500, "the broker has them all")
        assert look(tmp_path, "scada") == (500, 0, 500)
        ears.close()
        mosquitto.kill()
        mosquitto.start()
        with hearing(mosquitto, consumer) as ear:
            until(ear, lambda: consumer.came == 500)
            until(ear, lambda: look(tmp_path, "scada")[1] == 500)
    assert consumer.ledger.whole
    kept = [json.loads(one)["data"]["seq"] for one in (tmp_path / "got.jsonl").read_text().splitlines()]
    assert sorted(kept) == [*range(1, 501)]


def test_an_outbox_that_runs_over_is_told_and_counted(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The oldest make room; one message stands for them, people see a notice, and the consumer knows which."""
    mosquitto.kill()
    consumer = Consumer(None, None)
    with line(mosquitto, tmp_path, backlog=10) as one:
        for first in range(1, 31, 5):
            one.give(*[verdict(seq) for seq in range(first, first + 5)])
        eventually(lambda: look(tmp_path)[0] == 30, "all were taken")
        mosquitto.start()
        with hearing(mosquitto, consumer) as ear:
            until(ear, lambda: consumer.came == 10)
    (stream,) = consumer.ledger.streams.values()
    assert (stream.dropped, stream.missing, stream.came) == ([(1, 20)], [], 10)
    assert not consumer.ledger.whole
    said = f"mqtt: 20 messages of {tmp_path / 'o'} were dropped before they were delivered: consumers are told which"
    assert [each.text for each in board.read() if each.key.endswith(" dropped")] == [f"{said}; raise `backlog`"]


@pytest.mark.slow
def test_a_sink_that_is_killed_goes_on_where_it_was(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """SIGKILL amid a flood, three times; records that were not yet taken come again, as the line hands them again."""
    consumer = Consumer(None, None)
    with hearing(mosquitto, consumer) as ear:
        for kill in (0.3, 0.5, 0.7, None):
            command = [sys.executable, "-m", "tests.nodes.flood", "mqtt", mosquitto.url, str(tmp_path / "o"), "3000"]
            sink = subprocess.Popen(command)
            if kill is not None:
                until(ear, lambda share=kill: consumer.came >= 3000 * share)  # type: ignore[misc]
                os.kill(sink.pid, signal.SIGKILL)
            assert sink.wait() == (-signal.SIGKILL if kill is not None else 0)
        until(ear, lambda: consumer.came >= 3000)
    (stream,) = consumer.ledger.streams.values()
    assert (stream.came, stream.missing, stream.dropped, stream.through) == (3000, [], [], 3000)


def test_a_flood_of_alarms_holds_up_nobody(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """10,000 events: the sink has them long before a broker that stands still, and then its consumer, each once."""
    consumer = Consumer(None, None)
    with hearing(mosquitto, consumer) as ear, line(mosquitto, tmp_path) as one:
        eventually(lambda: look(tmp_path)[0] == 0, "the line is there")
        mosquitto.pause()
        for first in range(1, 10_001, 250):
            one.give(*[verdict(seq) for seq in range(first, first + 250)])
        eventually(lambda: look(tmp_path)[0] == 10_000, "the outbox has all of them")
        mosquitto.go_on()
        until(ear, lambda: consumer.came == 10_000)
    (stream,) = consumer.ledger.streams.values()
    assert (stream.begin, stream.missing, stream.dropped) == (1, [], [])


GRAVE = BOOK[: BOOK.index("  many:")].replace("{row: 3}", "{row: 1}").replace("high", "critical")


@pytest.mark.slow
def test_ten_thousand_alarms_in_ten_seconds_while_nobody_hears(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Of a simulated clock, all of which people must be told: the newest fit, the rest is counted, nothing is made up.

    Each is in the journal; the outbox never holds more than it may; the consumer gets what it holds, each once, in its
    order, and is told which numbers it will never get.
    """
    world, most, consumer = World(tmp_path, book(tmp_path, GRAVE)), 4000, Consumer(None, None)
    kept: list[dict[str, Any]] = []

    def keep(envelope: bytes) -> None:
        kept.append(json.loads(envelope))
        consumer.take(envelope)

    mosquitto.kill()
    with line(mosquitto, tmp_path, alarms=str(tmp_path / "events.jsonl"), backlog=most) as one:
        with closing(Outbox(tmp_path / "o", most)) as box:
            eventually(lambda: box.fact(PLACE, ""), "it follows the alarms")
            for tick in range(50):
                world.now = NOON + tick * S // 5
                world.keeper.hear([failing(1, camera=f"c{number}") for number in range(tick * 200, tick * 200 + 200)])
                world.keeper.beat()
                if tick % 10 == 9:
                    assert len([each for each in box.read(0, 10_001) if each.entry.kind != "dropped"]) <= most
            eventually(lambda: box.last == 10_001, "all are in the outbox, and that it is a flood")
            assert (box.dropped, box.waiting) == (6001, most)
        one.give()
        mosquitto.start()
        with Mqtt(f"{mosquitto.url}/{TOPIC}", "scada", keep, consumer.ledger, WHO) as ear:
            until(ear, lambda: consumer.came == most)
    (stream,) = consumer.ledger.streams.values()
    assert (stream.dropped, stream.missing, stream.twice, stream.late) == ([(1, 6001)], [], 0, 0)
    raised = [step.id for step in world.steps()]
    assert len({*raised}) == 10_001
    assert [each["id"] for each in kept if each["type"] == "kensa.alarm"] == raised[6001:]
    assert NOON <= min(each["data"]["t_ns"] for each in kept[1:]) <= max(each["data"]["t_ns"] for each in kept[1:])
    assert max(each["data"]["t_ns"] for each in kept[1:]) < NOON + 10 * S


def test_a_broker_that_refuses_is_told_in_words(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """With what it said; nothing is lost by it."""
    with Mosquitto(tmp_path, "allow_anonymous false") as strict, line(strict, tmp_path, patience=0.1) as one:
        one.give(verdict(1))
        eventually(waits, "people are told")
        (notice,) = waits()
    assert notice == (
        f"mqtt: {strict.url} refused: Not authorized; 1 messages of {tmp_path / 'o'} wait and are sent when that ends"
    )
    assert look(tmp_path) == (1, 0, 1)


def waits() -> list[str]:
    """What people are told of messages that wait."""
    return [one.text for one in board.read() if one.key.endswith(" waits")]


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")  # paho's, where a certificate is wrong
def test_a_broker_is_spoken_to_with_tls_and_a_password(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Whose certificate is trusted gets everything; another one gets nothing, and people are told why."""
    authority, stranger = trustme.CA(), trustme.CA()
    mine = authority.issue_cert("127.0.0.1")
    mine.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    for name, signer in (("ca.pem", authority), ("other.pem", stranger)):
        signer.cert_pem.write_to_path(tmp_path / name)
    (tmp_path / "word").write_text("s3same\n")
    subprocess.run(["mosquitto_passwd", "-c", "-b", tmp_path / "users", "line", "s3same"], check=True)
    files = [f"{what} {tmp_path / 'server.pem'}" for what in ("certfile", "keyfile")]
    with Mosquitto(tmp_path, f"password_file {tmp_path / 'users'}", *files) as broker:
        more = {"url": broker.url.replace("mqtt:", "mqtts:"), "user": "line", "password_file": str(tmp_path / "word")}
        with line(broker, tmp_path, **more, ca=str(tmp_path / "other.pem"), patience=0.1) as one:
            one.give(verdict(1))
            eventually(waits, "people are told")
            assert "certificate verify failed" in waits()[0]
        with line(broker, tmp_path, **more, ca=str(tmp_path / "ca.pem")):
            pass
    assert look(tmp_path) == (1, 1, 0)


def test_a_password_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its file; before anything is sent."""
    access = Access("mqtt://127.0.0.1:1", "line", str(tmp_path / "no"))
    with pytest.raises(NodeError, match=r"^mqtt://127.0.0.1:1: cannot read .*/no: No such file or directory$"):
        Broker(access, "x")


def test_a_receipt_that_is_none_is_passed_over(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Whatever strangers publish there, or consumers of another stream."""
    stranger = Broker(Access(mosquitto.url), "stranger")
    with line(mosquitto, tmp_path, confirm=("scada",), patience=0.1) as one:
        one.give(verdict(1))
        eventually(lambda: look(tmp_path)[0] == 1, "it is in the outbox")
        with closing(Outbox(tmp_path / "o", 100)) as box:
            stream = box.stream.encode()
        for said in (
            b"\xff", b"{}", b'{"consumer":"scada","stream":"other","through":1}',
            b'{"consumer":"mallory","stream":"%s","through":1}' % stream,
            b'{"consumer":"scada","stream":"%s","through":99}' % stream,
        ):  # fmt: skip
            stranger.publish([Publication(f"{TOPIC}/receipts/x", said)])
        stranger.leave()
    assert look(tmp_path, "scada") == (1, 0, 1)


def test_a_sink_loads_no_client_before_it_runs() -> None:
    """Whoever checks or plans a line needs neither an MQTT client nor SQLite."""
    code = "import sys, nodes.sinks.mqtt; print({'paho', 'ssl', 'http.client', 'sqlite3'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
