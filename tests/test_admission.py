"""Edges that change while they are open, on every transport: let in late, forgotten, bounded otherwise, handed on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.plan import Queue
from pipeline.transport.channel import Closed, Inbox
from pipeline.transport.doors import MOST, Doors
from tests.edges import Carrier, Ends, edge, eventually, in_thread, joined, receive, send

TRANSPORTS: tuple[Carrier, ...] = ("memory", "ipc", "tcp", "curve")


@pytest.fixture(params=TRANSPORTS)
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """A line of each transport; at the end every ledger balances."""
    line = Ends(request.param, tmp_path)
    yield line
    line.close()


def admitted(inbox: Inbox, name: str) -> None:
    """Wait until an inbox knows an edge; it looks while it receives."""
    eventually(lambda: inbox.receive(0.01) is None and name in inbox.received(), f"{name} is let in")


def test_a_producer_that_comes_before_its_edge_is_let_in_later(line: Ends) -> None:
    """What it had sent to an inbox that did not know it is not lost: it is asked again who it is."""
    first, late = line.edge("a"), line.edge("b")
    inbox, outbox = line.inbox(first), line.outbox(late)
    send(outbox, range(3))
    eventually(lambda: inbox.receive(0.01) is None and outbox.ledger().sent == 3, "nobody takes it")
    inbox.admit(late)
    for seq in range(3):
        delivery = receive(inbox)
        assert (delivery.edge, delivery.record.seq) == ("b", seq)
        inbox.done(delivery)
    assert inbox.received()["b"] == 3


def test_an_edge_that_was_dismissed_is_not_waited_for(line: Ends) -> None:
    """An inbox ends when all edges that it still has have ended."""
    kept, gone = line.edge("a"), line.edge("b")
    outbox, inbox = line.outbox(kept), line.inbox(kept, gone)
    assert not inbox.over("b")
    inbox.dismiss("b")
    eventually(lambda: inbox.receive(0.01) is None and "b" not in inbox.received(), "it is forgotten")
    assert inbox.over("b")
    closing = in_thread(lambda: outbox.close(5))
    eventually(lambda: _drained(inbox), "it has ended")
    assert inbox.over("a")
    joined(closing)


def test_a_producer_that_hands_its_edge_on_does_not_end_it(line: Ends) -> None:
    """It waits until all is done and leaves; the next one begins with its own numbers, and nothing is taken twice."""
    one = line.edge("a")
    before, inbox = line.outbox(one), line.inbox(one)
    send(before, range(3))
    leaving = in_thread(lambda: before.close(5, ends=False))
    for _ in range(3):
        inbox.done(receive(inbox))
    eventually(lambda: inbox.receive(0.01) is None and not leaving.is_alive(), "it has left")
    assert before.ledger().delivered == 3
    assert not inbox.over("a")
    after = line.outbox(one, "two")
    send(after, range(3, 5))
    assert [receive(inbox).record.seq for _ in range(2)] == [3, 4]


def test_bounds_may_change_while_records_wait(line: Ends) -> None:
    """A producer that waits for room goes on as soon as there is some."""
    outbox, inbox = line.outbox(line.edge("a", policy="block", messages=4)), line.inbox(line.edge("a"))
    sender = in_thread(lambda: send(outbox, range(20)))
    eventually(lambda: outbox.ledger().sent == 4, "the queue is full")
    outbox.retune(Queue(policy="block", messages=100))
    joined(sender)
    assert outbox.ledger().sent == 20
    for seq in range(20):
        delivery = receive(inbox)
        assert delivery.record.seq == seq
        inbox.done(delivery)


def test_a_finishing_inbox_does_not_take_for_ever(line: Ends) -> None:
    """A producer that never stops cannot keep a lane from ending; what it did not take waits for the next one."""
    one = line.edge("a", policy="block", messages=8)
    outbox, inbox = line.outbox(one), line.inbox(one)
    sender = in_thread(lambda: send(outbox, range(30_000)))
    inbox.done(receive(inbox))
    inbox.finish()
    eventually(lambda: _drained(inbox), "it takes no more")
    taken = inbox.received()["a"]
    line.leave(inbox)
    after = line.inbox(one)
    assert receive(after).record.seq == taken
    line.stop.set()
    after.finish()
    eventually(lambda: _drained(after), "the rest is taken")
    joined(sender)


def _drained(inbox: Inbox) -> bool:
    try:
        delivery = inbox.receive(0.5)
    except Closed:
        return True
    if delivery is not None:
        inbox.done(delivery)
    return False


def test_few_early_producers_are_remembered() -> None:
    """Whoever makes up edges takes no memory; the newest count, one connection for each edge."""
    doors = Doors()
    for number in range(MOST + 1):
        doors.knock(f"edge-{number}", b"%d" % number)
    doors.knock("edge-5", b"again")
    assert doors.let_in("edge-0") == b""
    assert doors.let_in("edge-5") == b"again"
    assert doors.knocked(b"7")
    assert not doors.knocked(b"0")


def test_what_is_asked_of_a_door_is_told_once_in_order() -> None:
    """The lane's own thread does it, between two records."""
    doors = Doors()
    one = edge("ipc", "ipc://x", "a")
    doors.ask(one)
    doors.ask("b")
    assert [*doors.asked()] == [one, "b"]
    assert not doors
