"""Sinks with an outbox, killed by SIGKILL at each of their writes: the consumer has everything, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from nodes.delivery.broker import Access, Broker
from nodes.delivery.outbox import Outbox
from nodes.delivery.sparkplug_b import commands
from nodes.tools.hearing import Posts
from nodes.tools.listen import Consumer
from tests.conftest import ROOT
from tests.edges import eventually, free_port
from tests.nodes.brokers import Mosquitto, mosquitto
from tests.nodes.dying import CONSUMER, LINE, PARTS

__all__ = ["mosquitto"]
ALL = [part for batch in PARTS for part in batch]


class Kept:
    """What a consumer got: the frames of each stream, in order, and a ledger of the numbers."""

    def __init__(self) -> None:
        self.consumer = Consumer(None, None)
        self.bodies: dict[str, list[dict[str, object]]] = {}

    def take(self, envelope: bytes) -> object:
        """Keep a message."""
        what = self.consumer.take(envelope)
        if what and what[0] == "new":
            self.bodies.setdefault(what[1].stream, []).append(json.loads(envelope)["data"])
        return what

    def hear(self, _: str, payload: bytes) -> None:
        """Keep what a broker says: the envelope by itself, or as a metric of Sparkplug."""
        event = payload.decode() if payload.startswith(b"{") else commands(payload).get("Outbox/Event")
        if event:
            self.take(str(event).encode())


@contextmanager
def listening(use: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Kept, str]]:
    """A consumer, and where a sink finds it; a file is read when all is over."""
    kept = Kept()
    if use in ("mqtt", "sparkplug"):
        broker: Mosquitto = request.getfixturevalue("mosquitto")
        topic = {"mqtt": "kensa/dying/events/#", "sparkplug": "spBv1.0/plant/DDATA/line/+"}[use]
        ears = Broker(Access(broker.url), "ears", hear={topic: kept.hear})
        yield kept, broker.url
        ears.leave()
    elif use == "webhook":
        with Posts("http://127.0.0.1:0", kept.take, "") as posts:
            yield kept, f"http://127.0.0.1:{posts.port}/"
    elif use == "opcua":
        pytest.importorskip("asyncua", reason="needs asyncua: pip install 'kensa[opcua]'")
        from tests.nodes.fetching import Fetcher

        url = f"opc.tcp://127.0.0.1:{free_port()}/kensa"
        with Fetcher(url, LINE, kept.take, kept.consumer.ledger):
            yield kept, url
    else:
        yield kept, "file"
        for path in sorted(folder.glob("*/told.jsonl")):
            for line in path.read_bytes().splitlines():
                kept.take(line)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("use", "first", "step"),
    [("jsonl", 1, 1), ("webhook", 1, 3), ("mqtt", 2, 3), ("sparkplug", 3, 3), ("opcua", 2, 3)],
)
def test_a_kill_at_any_write_loses_nothing_and_makes_nothing_up(
    tmp_path: Path, use: str, first: int, step: int, request: pytest.FixtureRequest
) -> None:
    """Every record once under its number, from the first; a file has no line twice, whenever it was killed.

    Those that wait for a network share their writes: each of them is that of one.
    """
    with listening(use, tmp_path, request) as (kept, where):
        streams = _killed(tmp_path, use, where, first, step)
        if use != "jsonl":
            eventually(lambda: kept.bodies.keys() >= streams, "each stream is heard")
            eventually(lambda: kept.consumer.came == len(streams) * len(ALL), "all has come")
    assert kept.bodies.keys() == streams
    assert {tuple(body["seq"] for body in bodies) for bodies in kept.bodies.values()} == {tuple(ALL)}
    ledger = kept.consumer.ledger
    assert ledger.whole
    assert {stream.begin for stream in ledger.streams.values()} == {1}
    assert use != "jsonl" or ledger.exact


@pytest.mark.slow
def test_a_kill_at_any_write_of_a_list_that_is_acknowledged(tmp_path: Path) -> None:
    """The PLC, which remembers what it took, has each entry once; nothing that it said it has comes again."""
    _killed(tmp_path, "modbus", "plc", 1, 1)
    for place in tmp_path.iterdir():
        assert [*map(int, (place / "took").read_text().split())] == [*range(1, len(ALL) + 1)], place.name
        with closing(Outbox(place / "o", 100)) as box:
            assert [json.loads(one.entry.body)["seq"] for one in box.read(0, 100)] == ALL


def _killed(folder: Path, use: str, where: str, first: int, step: int) -> set[str]:
    """Kill it at each of so many writes; the streams of the outboxes that came of it."""
    command = [sys.executable, "-m", "tests.nodes.dying", str(folder), use, where, str(first), str(step)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    places = [*folder.glob("[0-9]*")]
    assert len(places) * step > 25
    return {_stream(place / "o", (CONSUMER,) if use == "opcua" else ()) for place in places}


def _stream(path: Path, confirm: tuple[str, ...]) -> str:
    """The name of an outbox that holds everything, and nothing of it waits."""
    with closing(Outbox(path, 100, confirm)) as box:
        assert (box.last, box.waiting, box.dropped) == (len(ALL), 0, 0), path
        return box.stream
