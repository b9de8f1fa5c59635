"""How the end of a host differs from the end of the line: whoever is on another host goes on waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.plan import Edge, Lane
from pipeline.transport.channel import Closed, Inbox, Ledger
from pipeline.transport.connect import Context, open_inbox, open_outbox
from tests.edges import edge, eventually, free_port, in_thread, joined, record


class Line:
    """Two processes and an edge from one to the other."""

    def __init__(self, over: Edge) -> None:
        self.edge = over
        self.giver, self.taker = Context(threading.Event()), Context(threading.Event())
        lane = Lane(name="out", cameras=(), runs=(), addresses=(over.address,))
        self.inbox: Inbox = open_inbox(lane, (over,), self.taker)
        self.taken: list[int] = []
        self.closed = threading.Event()
        self._thread = in_thread(self._take)

    def give(self, numbers: range, *, incarnation: str, stopped: bool) -> Ledger:
        """One run of the producer: it gives its records, and ends by itself or because its host is stopped."""
        outbox = open_outbox(self.edge, incarnation, self.giver)
        for number in numbers:
            outbox.send(record("cam", number, session=incarnation))
        if stopped:
            self.giver.stop.set()
        ledger = outbox.close(10.0)
        self.giver.stop.clear()
        return ledger

    def _take(self) -> None:
        try:
            while True:
                if delivery := self.inbox.receive(0.05):
                    self.taken.append(delivery.record.seq)
                    self.inbox.done(delivery)
        except Closed:
            self.closed.set()

    def end(self) -> None:
        """End both."""
        self.inbox.finish()
        joined(self._thread)
        self.inbox.close()
        self.giver.close()
        self.taker.close()


@pytest.fixture
def far() -> Iterator[Line]:
    """Both processes on hosts of their own."""
    line = Line(edge("tcp", f"tcp://127.0.0.1:{free_port()}", hosts=("a", "b"), policy="block"))
    yield line
    line.end()


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Line]:
    """Both processes on one host."""
    line = Line(edge("ipc", f"ipc://{tmp_path}/out.sock", policy="block"))
    yield line
    line.end()


def test_a_host_that_is_stopped_is_waited_for(far: Line) -> None:
    """All it had is taken and acknowledged, the inbox stays open, and the next run comes in without a gap."""
    assert far.give(range(5), incarnation="one", stopped=True).delivered == 5
    assert not far.closed.wait(0.3)
    assert far.give(range(5, 9), incarnation="two", stopped=False).delivered == 4
    assert far.closed.wait(10)
    assert far.taken == [*range(9)]


def test_a_stop_on_this_host_ends_the_edge_and_is_passed_on(near: Line) -> None:
    """A process between the source and the other host was not told to stop itself: it hears of it by its edges."""
    near.give(range(3), incarnation="one", stopped=True)
    eventually(near.closed.is_set, "the inbox ends")
    assert near.taker.away


def test_an_end_is_passed_on_as_an_end(near: Line) -> None:
    """A source that ended by itself ends the stream for everybody."""
    near.give(range(3), incarnation="one", stopped=False)
    eventually(near.closed.is_set, "the inbox ends")
    assert not near.taker.away
