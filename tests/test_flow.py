"""Both sides of an edge without a wire: numbers, credit, what is sent again, and what is recognised when it comes."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipeline.plan import Policy, Queue
from pipeline.records import Frame, Gap, Record, Stats
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.flow import MAX_CREDIT, Flow, credit
from pipeline.transport.item import Item
from tests.edges import record


def item(seq: int) -> Item:
    """A record as it waits."""
    return Item("cam", "s", seq, seq, record("cam", seq), 10, 0.0)


class Wire(RuleBasedStateMachine):
    """A producer and a consumer over a wire that breaks, losing what is on it; consumers are replaced."""

    @initialize(policy=st.sampled_from(["block", "drop_oldest", "latest"]), messages=st.integers(1, 40))
    def begin(self, policy: Policy, messages: int) -> None:
        """Any policy, any bound."""
        self.flow = Flow("edge", Queue(policy=policy, messages=messages))
        self.wire: deque[tuple[int, Item]] = deque()
        self.offered = 0
        self.refused = 0
        self.finished: dict[int, Item] = {}
        self.arrivals = Arrivals("edge")
        self.arrivals.meet("one", self.flow.base)
        self.taken: deque[tuple[int, Item]] = deque()

    @rule(count=st.integers(1, 8))
    def offer(self, count: int) -> None:
        """The lane hands records over, straight to the wire where it may."""
        for _ in range(count):
            one = item(self.offered)
            if number := self.flow.direct(one):
                self.wire.append((number, one))
            elif not self.flow.offer(one, 0.0):
                return
            self.offered += 1

    @rule()
    def send(self) -> None:
        """What there is credit for goes on the wire."""
        while (entry := self.flow.peek(0.0)) is not None:
            self.wire.append(entry)
            self.flow.sent()

    @rule(count=st.integers(1, 8))
    def take(self, count: int) -> None:
        """The consumer takes from the wire what is next, and nothing twice."""
        for _ in range(min(count, len(self.wire))):
            number, one = self.wire.popleft()
            if self.arrivals.accept(number):
                self.taken.append((number, one))

    @rule(count=st.integers(1, 4), refuse=st.booleans())
    def finish(self, count: int, refuse: bool) -> None:
        """It finishes with some, the last ones first, or refuses them."""
        for _ in range(min(count, len(self.taken))):
            number, one = self.taken.pop()
            if refuse:
                self.arrivals.refuse(number, "malformed")
            else:
                self.arrivals.finish(number)
                self.finished[number] = one

    @rule()
    def acknowledge(self) -> None:
        """The producer hears of it."""
        arrivals = self.arrivals
        self.flow.acknowledge(arrivals.received, arrivals.done, arrivals.refused(self.flow.base - 1))

    @rule(same=st.booleans())
    def lose(self, same: bool) -> None:
        """The wire breaks; on the next one the same consumer listens, or a new one that knows nothing."""
        self.wire.clear()
        self.flow.rewind()
        if not same:
            self.arrivals = Arrivals("edge")
            self.taken.clear()
        self.arrivals.meet("one", self.flow.base)

    @invariant()
    def balances(self) -> None:
        """Nothing is unaccounted, and never more on its way than there is credit."""
        assert self.flow.ledger().unaccounted == 0
        assert self.flow.ledger().sent == self.offered
        assert self.flow.ahead <= self.flow.credit

    def teardown(self) -> None:
        """In the end everything is done, dropped with a reason, or told as a gap, and each is one of them."""
        if not hasattr(self, "flow"):
            return
        self.flow.end()
        while not self.flow.finished:
            self.send()
            self.take(99)
            self.finish(99, refuse=False)
            self.acknowledge()
        ledger = self.flow.ledger()
        assert ledger.delivered + sum(ledger.dropped.values()) == self.offered
        seen = [one.seq for one in self.finished.values() if isinstance(one.payload, Stats)]
        assert len(seen) == len(set(seen))
        assert len(seen) >= ledger.delivered


Wire.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestWire = pytest.mark.slow(Wire.TestCase)


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (Queue(), MAX_CREDIT),
        (Queue(messages=1), 1),
        (Queue(messages=10), 5),
        (Queue(age=1.0), 8),
        (Queue(policy="latest"), 1),
    ],
)
def test_credit_is_part_of_the_bound(queue: Queue, expected: int) -> None:
    """What may be on its way is at most half of what may wait, and little where it must not grow old."""
    assert credit(queue) == expected


def test_half_the_bytes_may_be_on_their_way() -> None:
    """Large records wait in the queue, where they can still be dropped, and not on the wire."""
    flow = Flow("edge", Queue(bytes=100))
    sent = 0
    for seq in range(10):
        flow.offer(Item("cam", "s", seq, seq, record("cam", seq), 30, 0.0), 0.0)
    while flow.peek(0.0) is not None:
        flow.sent()
        sent += 1
    assert sent == 2


def test_what_could_not_be_sent_is_given_again() -> None:
    """A record that went past the queue to a socket that did not take it is the next to be sent."""
    flow = Flow("edge", Queue())
    one = item(0)
    assert flow.direct(one) == 1
    flow.unsent(one)
    assert flow.direct(item(1)) == 0
    assert flow.peek(0.0) == (1, one)


def test_an_end_that_was_given_up_can_still_be_told() -> None:
    """After the producer gave up, a consumer that comes is told that the stream has ended, and nothing else."""
    flow = Flow("edge", Queue())
    flow.offer(item(0), 0.0)
    flow.end()
    flow.abandon("shutdown")
    entry = flow.peek(0.0)
    assert entry is not None
    assert entry[1].payload is None
    assert flow.ledger().dropped == {"shutdown": 1}


def frame(seq: int, session: str = "s") -> Frame:
    """A record of a kind that comes once per number."""
    return Frame(camera="cam", session=session, seq=seq, t_ns=seq, size=(1, 1))


def gap(first: int, last: int) -> Gap:
    """A gap told by the producer."""
    return Gap(camera="cam", session="s", seq=first, last=last, t_ns=0, reason="error", where="in")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([frame(0), frame(1)], frame(2), [(2, 2)]),
        ([frame(0), frame(1)], frame(5), [(2, 4), (5, 5)]),
        ([frame(0), frame(1)], frame(1), []),
        ([frame(0), frame(1)], frame(0, session="t"), [(2, 2), (0, 0)]),
        ([record("cam", 0), record("cam", 1)], record("cam", 1), [(1, 1)]),
        ([frame(0), gap(1, 3)], frame(4), [(4, 4)]),
        ([frame(3), gap(1, 2)], frame(4), [(4, 4)]),
        ([], frame(7), [(0, 6), (7, 7)]),
    ],
    ids=["goes on", "hole", "again", "new session", "several per number", "after a gap", "late gap", "new camera"],
)
def test_what_a_new_incarnation_sends_first(
    before: list[Record], after: Record, expected: list[tuple[int, int]]
) -> None:
    """A hole is told, a frame that had come is recognised, everything else passes."""
    arrivals = Arrivals("edge")
    arrivals.meet("one", 1)
    for number, one in enumerate([record("other", 0), *before], 1):
        assert arrivals.accept(number)
        arrivals.place(number, one)
        arrivals.finish(number)
    arrivals.meet("two", 1)
    assert arrivals.accept(1)
    told = [delivery.record for delivery in arrivals.place(1, after)]
    assert [(one.seq, one.last if isinstance(one, Gap) else one.seq) for one in told] == expected
    assert arrivals.done == int(not expected)
