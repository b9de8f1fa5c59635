"""How an edge ends, on every transport: in order, at a deadline, when the line stops, when a side is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.runtime.lane import serve
from pipeline.transport.channel import Closed
from tests import toys
from tests.edges import Carrier, Ends, eventually, in_thread, joined, receive, record, rest, send, seqs, settled, take
from tests.toys import Bench, run

TRANSPORTS: tuple[Carrier, ...] = ("memory", "ipc", "tcp", "curve")


@pytest.fixture(params=TRANSPORTS)
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """A line of each transport; at the end every ledger balances."""
    line = Ends(request.param, tmp_path)
    yield line
    line.close()


@pytest.fixture(autouse=True)
def _empty() -> None:
    toys.hoarded.clear()


def test_nobody_comes_before_the_deadline(line: Ends) -> None:
    """Closing an edge without a consumer ends at the deadline; what waits is dropped as `shutdown`."""
    edge = line.edge(policy="block")
    outbox = line.outbox(edge)
    send(outbox, range(7))
    began = time.monotonic()
    ledger = outbox.close(0.2)
    assert 0.2 <= time.monotonic() - began < 2.0
    assert (ledger.sent, ledger.dropped, ledger.in_flight) == (7, {"shutdown": 7}, 0)


def test_close_waits_for_the_commit(line: Ends) -> None:
    """Closing an edge ends only when its consumer has finished with everything."""
    edge = line.edge(policy="block")
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    outbox.send(record("cam", 0))
    closer = in_thread(lambda: outbox.close(15.0))
    delivery = receive(inbox)
    with pytest.raises(Closed):
        receive(inbox)
    assert outbox.ledger().in_flight == 1
    assert closer.is_alive()
    inbox.done(delivery)
    joined(closer)
    assert outbox.ledger().delivered == 1


def test_blocked_producer_drains_at_shutdown(line: Ends) -> None:
    """A lane blocked in send when the line stops still delivers, as long as its consumer takes."""
    edge = line.edge(policy="block", messages=4)
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    sender = in_thread(lambda: send(outbox, range(50)))
    eventually(lambda: outbox.ledger().sent == 4, "the queue is full")
    line.stop.set()
    assert seqs(take(inbox, 50)) == [*range(50)]
    joined(sender)
    assert settled(outbox, inbox).dropped == {}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_blocked_producer_gives_up(transport: Carrier, tmp_path: Path) -> None:
    """A lane blocked in send when the line stops and nobody takes gives up after the time to drain."""
    line = Ends(transport, tmp_path, drain=0.1)
    outbox = line.outbox(line.edge(policy="block", messages=4))
    sender = in_thread(lambda: send(outbox, range(10)))
    eventually(lambda: outbox.ledger().sent == 4, "the queue is full")
    line.stop.set()
    joined(sender)
    ledger = outbox.ledger()
    assert (ledger.sent, ledger.dropped, ledger.in_flight) == (10, {"shutdown": 6}, 4)
    line.close()


def test_a_closed_edge_takes_nothing(line: Ends) -> None:
    """What is handed to a closed edge is dropped as `shutdown`, and so is what a blocked lane was handing over."""
    outbox = line.outbox(line.edge(policy="block", messages=2))
    sender = in_thread(lambda: send(outbox, range(5)))
    eventually(lambda: outbox.ledger().sent == 2, "the queue is full")
    outbox.close(0.05)
    joined(sender)
    outbox.send(record("cam", 5))
    ledger = outbox.close(1.0)
    assert (ledger.sent, ledger.dropped, ledger.in_flight) == (6, {"shutdown": 6}, 0)


def test_finish_ends_without_the_producer(line: Ends) -> None:
    """When producers are gone for good the consumer takes what has arrived, then ends."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    outbox.send(record("cam", 0))
    delivery = receive(inbox)
    outbox.send(record("cam", 1))
    inbox.done(delivery)
    inbox.finish()
    assert seqs(rest(inbox)) == [1]


def test_finish_wakes_a_waiting_consumer(line: Ends) -> None:
    """A consumer that waits for records notices at once that it should not."""
    inbox = line.inbox(line.edge())
    waiting = in_thread(lambda: rest(inbox))
    inbox.finish()
    joined(waiting)


def test_what_a_sink_refuses_of_its_very_last_batch_is_told_before_the_end(line: Ends) -> None:
    """The batch was open when the end came: the end is taken back, the gap is given to the sink, and then it ends."""
    durable = line.edge(policy="spool")
    outbox, inbox = line.outbox(durable), line.inbox(durable)
    bench = Bench(run("hoard", bad=[1, 3], node="out"), entries=[durable])
    send(outbox, range(5))
    closer = in_thread(lambda: outbox.close(15.0))
    serve(bench.lane, inbox, timeout=1)
    joined(closer)
    assert [(kind, seq) for kind, seq in toys.hoarded] == [
        *(("Stats", seq) for seq in (0, 2, 4)),
        *(("Gap", seq) for seq in (1, 3)),
    ]
    ledger = outbox.ledger()
    assert (ledger.sent, ledger.delivered, ledger.dropped, ledger.in_flight) == (5, 3, {"error": 2}, 0)


def test_a_sink_that_cannot_bear_a_gap_either_ends_all_the_same(line: Ends) -> None:
    """A gap that is refused is counted where it was lost, and told no more."""
    edge = line.edge(policy="block")
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    bench = Bench(run("hoard", bad=[1], gaps=False, node="out"), entries=[edge])
    send(outbox, range(2))
    closer = in_thread(lambda: outbox.close(15.0))
    serve(bench.lane, inbox, timeout=1)
    joined(closer)
    assert toys.hoarded == [("Stats", 0)]
    assert outbox.ledger().dropped == {"error": 1}
