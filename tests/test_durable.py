"""Durable edges with what only processes, disks and wires can do to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.notices import board
from pipeline.plan import Transport
from pipeline.transport.connect import Context, open_outbox
from pipeline.transport.keeper import digest
from tests.edges import (
    Ends,
    eventually,
    in_thread,
    joined,
    missing,
    receive,
    record,
    rest,
    send,
    seqs,
    settled,
    take,
)
from tests.test_zeromq import ROOT, Consumer

WIRES: tuple[Transport, ...] = ("ipc", "tcp")
COUNT = 2000
MORE = (100_000, 100_500)  # numbers of the second incarnation's own records


@pytest.fixture(params=WIRES)
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """A line over each kind of socket, with a folder for spools."""
    line = Ends(request.param, tmp_path)
    yield line
    line.close()


class Producer:
    """The producer process, and how many records it knows to be safe."""

    def __init__(self, line: Ends, folder: Path, incarnation: str, first: int, last: int) -> None:
        self.path = folder / f"safe-{incarnation}"
        words = [line.transport, line.address, folder / "state", incarnation, f"{first}-{last}", self.path]
        self.process = subprocess.Popen([sys.executable, "-m", "tests.producer", *map(str, words)], cwd=ROOT)

    @property
    def safe(self) -> int:
        """Records that were delivered or on disk when it last looked; they are the first ones it handed over."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return int(lines[-1]) if lines else 0

    def kill(self) -> None:
        """End it without a word."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def kill(consumer: Consumer) -> None:
    """End it without a word."""
    consumer.signal(signal.SIGKILL)
    consumer.process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("victims", [("producer",), ("consumer",), ("producer", "consumer")])
def test_what_was_acknowledged_outlives_kill_9(line: Ends, tmp_path: Path, victims: tuple[str, ...]) -> None:
    """Whoever is killed in the middle: everything that was safe, and all that came later, is committed."""
    committed = tmp_path / "committed"
    consumer, producer = Consumer(line.address, committed), Producer(line, tmp_path, "one", 0, COUNT)
    eventually(lambda: len(consumer.committed) > COUNT // 4, "a quarter is committed")
    if "consumer" in victims:
        kill(consumer)
        eventually(lambda: producer.safe > len(set(consumer.committed)), "the producer goes on, to disk")
    if "producer" in victims:
        producer.kill()
    safe = producer.safe
    if "producer" in victims:
        producer = Producer(line, tmp_path, "two", *MORE)
    if "consumer" in victims:
        consumer = Consumer(line.address, committed)
    assert producer.process.wait(60.0) == 0
    assert consumer.process.wait(20.0) == 0
    found = {*consumer.committed}
    assert {*range(safe)} <= found
    assert ({*range(*MORE)} if "producer" in victims else {*range(COUNT)}) <= found


@pytest.mark.slow
def test_without_a_consumer_everything_is_on_disk(line: Ends, tmp_path: Path) -> None:
    """A producer that was alone and is killed -9 leaves all it had on disk; the next sends it first, in order."""
    producer = Producer(line, tmp_path, "one", 0, 500)
    eventually(lambda: producer.safe == 500, "all is on disk")
    producer.kill()
    edge = line.edge(policy="spool")
    outbox = line.outbox(edge, "two")
    send(outbox, range(500, 600))
    closer = in_thread(lambda: outbox.close(15.0))
    assert seqs(rest(line.inbox(edge))) == [*range(600)]
    joined(closer)
    ledger = outbox.ledger()
    assert (ledger.sent, ledger.recovered, ledger.delivered, ledger.spilled) == (600, 500, 600, 0)
    assert not (tmp_path / "state" / "spool" / digest(edge.name)).exists()


def test_closing_alone_spills(line: Ends) -> None:
    """At the end of a line whose consumer is away nothing is dropped; the next start sends it, once."""
    edge = line.edge(policy="spool")
    first = line.outbox(edge)
    send(first, range(50))
    ledger = first.close(0.0)
    assert (ledger.sent, ledger.spilled, ledger.dropped, ledger.in_flight) == (50, 50, {}, 0)
    second = line.outbox(edge, "two")
    second.send(record("cam", 50))
    inbox = line.inbox(edge)
    assert seqs(take(inbox, 51)) == [*range(51)]
    assert settled(second, inbox).delivered == 51


def test_what_the_consumer_held_uncommitted_is_spilled_too(line: Ends) -> None:
    """A batch that was taken and not committed when both ends leave is sent again by the next incarnation."""
    edge = line.edge(policy="spool")
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    send(outbox, range(20))
    for _ in range(20):
        receive(inbox)
    line.leave(inbox)
    assert outbox.close(0.0).spilled == 20
    again, fresh = line.outbox(edge, "two"), line.inbox(edge)
    assert seqs(take(fresh, 20)) == [*range(20)]
    assert settled(again, fresh).delivered == 20


def test_beyond_its_bound_on_disk_the_oldest_go(line: Ends) -> None:
    """A full spool drops its oldest, counted, and gaps tell of exactly those; people are told."""
    edge = line.edge(policy="spool", messages=50, spool=1 << 16)
    outbox = line.outbox(edge)
    for first in range(0, 2000, 100):
        for seq in range(first, first + 100):
            outbox.send(record("cam", seq, weight=200))
        eventually(lambda: outbox.ledger().in_flight <= 50, "the rest is on disk")
    assert any("its spool is full" in notice.text for notice in board.read())
    closer = in_thread(lambda: outbox.close(15.0))
    found = rest(line.inbox(edge))
    joined(closer)
    assert sorted(seqs(found) + missing(found)) == [*range(2000)]
    ledger = outbox.ledger()
    assert ledger.dropped == {"spool_full": len(missing(found))}
    assert ledger.delivered == len(seqs(found)) > 100


def test_a_disk_that_cannot_be_written_stops_nothing(line: Ends) -> None:
    """The line drops its oldest and says so while it cannot spool, and spools again as soon as it can."""
    edge = line.edge(policy="spool", messages=20)
    state = line.context.state
    assert state
    state.mkdir()
    (state / "spool").write_text("in the way")
    outbox = line.outbox(edge)
    send(outbox, range(200))
    eventually(lambda: outbox.ledger().dropped.get("overflow", 0) >= 150, "the oldest are dropped")
    eventually(lambda: any(notice.key == f"spool:{edge.name}" for notice in board.read()), "people are told")
    (state / "spool").unlink()
    eventually(lambda: not any(notice.key == f"spool:{edge.name}" for notice in board.read()), "it works again")
    send(outbox, range(200, 300))
    eventually(lambda: outbox.ledger().spilled > 50, "it spools again")
    inbox = line.inbox(edge)
    found = take(inbox, 1)
    while seqs(found)[-1:] != [299]:
        found += take(inbox, 1)
    assert sorted(seqs(found) + missing(found)) == [*range(300)]
    settled(outbox, inbox)


def test_a_damaged_spool_is_kept_and_passed_over(line: Ends) -> None:
    """Garbage in the place of a spool: the line starts, sends what is left, keeps the file, and says so."""
    edge = line.edge(policy="spool")
    first = line.outbox(edge)
    send(first, range(50))
    first.close(0.0)
    state = line.context.state
    assert state
    (segment,) = (state / "spool" / digest(edge.name)).glob("*.seg")
    os.truncate(segment, segment.stat().st_size // 2 - 7)
    second = line.outbox(edge, "two")
    second.send(record("cam", 50))
    inbox = line.inbox(edge)
    found = take(inbox, 1)
    while seqs(found)[-1:] != [50]:
        found += take(inbox, 1)
    assert seqs(found)[:-1] == [*range(len(found) - 1)]
    assert len(found) > 20
    assert len([*(state / "quarantine").iterdir()]) == 1
    assert any("its spool was damaged" in notice.text for notice in board.read())
    settled(second, inbox)


def test_without_a_folder_it_drops_and_says_so(line: Ends) -> None:
    """A process that was given no place for a spool goes on, drops its oldest, and tells people."""
    context = Context()
    outbox = open_outbox(line.edge(name="a→b", policy="spool", messages=10), "one", context)
    send(outbox, range(50))
    ledger = outbox.close(0.0)
    assert ledger.dropped == {"overflow": 40, "shutdown": 10}
    assert any("has no folder to spool to" in notice.text for notice in board.read())
    context.close()
