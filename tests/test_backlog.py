"""A durable edge without wire and threads: what was acknowledged is never lost, whoever dies when."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline import codec
from pipeline.plan import Queue
from pipeline.records import Frame, Gap, Record, Verdict
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.backlog import Backlog
from pipeline.transport.came import Came
from pipeline.transport.channel import Delivery
from pipeline.transport.item import Item
from pipeline.transport.pace import IDLE_S, SLOWEST, Pace
from pipeline.transport.spool import Spool

WIDE = 1 << 30


def frame(seq: int) -> Frame:
    """A record of a kind that comes once per number."""
    return Frame(camera="cam", session="s", seq=seq, t_ns=seq, size=(1, 1))


def item(seq: int, since: float = 0.0) -> Item:
    """One as it waits."""
    message = codec.encode(frame(seq))
    return Item("cam", "s", seq, seq, message, len(message), since)


class Sent(NamedTuple):
    """What is on the wire."""

    number: int
    record: Record


class Edge(RuleBasedStateMachine):
    """A producer with a disk, a wire that breaks, a consumer that commits; each may die at any moment."""

    @initialize(messages=st.integers(2, 30), bound=st.sampled_from([3000, WIDE]))
    def begin(self, messages: int, bound: int) -> None:
        """Any bounds, of memory and of the disk."""
        self.folder = Path(tempfile.mkdtemp())
        self.limits = Queue(policy="spool", messages=messages, spool=bound)
        self.flow = Backlog("edge", self.limits, "unknown")
        self.spool: Spool | None = None
        self.now = 0.0
        self.offered = self.producers = 0
        self.arrivals = Arrivals("edge")
        self.wire: deque[Sent] = deque()
        self.taken: list[Delivery] = []
        self.seen: list[int] = []
        self.committed: set[int] = set()
        self.told: set[int] = set()
        self.written: set[int] = set()
        self.perished: set[int] = set()
        self._meet()

    @rule(count=st.integers(1, 12))
    def offer(self, count: int) -> None:
        """The lane hands records over, straight to the wire where it may."""
        for _ in range(count):
            one = item(self.offered, self.now)
            self.offered += 1
            if number := self.flow.direct(one):
                self.wire.append(Sent(number, frame(one.seq)))
            else:
                self.flow.offer(one, self.now)

    @rule(seconds=st.floats(0, 3), away=st.booleans())
    def look(self, seconds: float, away: bool) -> None:
        """Time passes; perhaps there has been no consumer for a while."""
        self.now += seconds
        self.flow.look(self.now, away=away)

    @rule(fails=st.booleans(), count=st.integers(1, 3))
    def write(self, fails: bool, count: int) -> None:
        """The writer's turn with what is staged: it works, or the disk is full."""
        spool = self._opened()
        for _ in range(count):
            if items := self.flow.outgoing():
                if fails:
                    self.flow.failed()
                    return
                self.flow.stored(spool.append(items))
                self.written |= {one.seq for one in items if not isinstance(one.payload, Gap)}
                if (gone := spool.shed(self.flow.read)).rows:
                    self.flow.lost(*gone)
        if self.flow.disk == "ill" and not fails:
            self.flow.settled()

    @rule()
    def read(self) -> None:
        """The writer's turn with what is to be read."""
        spool = self._opened()
        if hungry := self.flow.hungry:
            self.flow.loaded(spool.read(self.flow.read, hungry, WIDE))

    @rule()
    def forget(self) -> None:
        """The writer's turn with what is done."""
        spool = self._opened()
        if self.flow.released > spool.done:
            spool.release(self.flow.released)

    @rule()
    def send(self) -> None:
        """What there is credit for goes on the wire."""
        while (entry := self.flow.peek(self.now)) is not None:
            payload = entry[1].payload
            if payload is not None:
                record = codec.decode(payload) if isinstance(payload, bytes) else payload
                self.wire.append(Sent(entry[0], record))
            self.flow.sent()

    @rule(count=st.integers(1, 12))
    def take(self, count: int) -> None:
        """The consumer takes what is next; what it has seen before it recognises."""
        for _ in range(min(count, len(self.wire))):
            number, record = self.wire.popleft()
            if self.arrivals.accept(number):
                self.taken += self.arrivals.place(number, record)
                self.seen += [record.seq] if not isinstance(record, Gap) else []

    @rule(count=st.integers(1, 8))
    def commit(self, count: int) -> None:
        """It commits some, the oldest last."""
        for _ in range(min(count, len(self.taken))):
            delivery = self.taken.pop()
            record = delivery.record
            if isinstance(record, Gap):
                self.told |= {*range(record.seq, record.last + 1)}
            else:
                self.committed.add(record.seq)
            if delivery.producer == self.arrivals.producer and delivery.number:
                self.arrivals.settle(delivery.number, "")
            elif delivery.number:
                self.arrivals.late()

    @rule()
    def acknowledge(self) -> None:
        """The producer hears of it."""
        self.flow.acknowledge(self.arrivals.received, self.arrivals.done)

    @rule()
    def disconnect(self) -> None:
        """The wire breaks and loses what is on it; both sides live."""
        self._meet()

    @rule()
    def consumer_dies(self) -> None:
        """What it had not committed is gone."""
        self._consumer()
        self._meet()

    @rule(both=st.booleans())
    @precondition(lambda self: self.producers < 6)
    def producer_dies(self, both: bool) -> None:
        """What was neither on disk nor committed is gone; the next incarnation finds the rest."""
        if both:
            self._consumer()
        spool = self._opened()
        kept = {row.item.seq for row in spool.read(spool.done, 10_000, WIDE)}
        self.perished |= {*range(self.offered)} - kept - self.committed
        spool.close()
        self.spool = None
        self.flow = Backlog("edge", self.limits, "unknown")
        self.producers += 1
        self._meet()

    @invariant()
    def balances(self) -> None:
        """Nothing is unaccounted; what is spilled lies on disk; little waits in memory; order is kept."""
        if not hasattr(self, "flow"):
            return
        assert self.flow.ledger().unaccounted == 0
        assert self.flow.ahead <= self.flow.credit
        assert len(self.flow.queue) <= max(1, self.limits.messages)
        if self.spool is not None:
            rows = self.spool.read(max(self.spool.done, self.flow.released), 10_000, WIDE)
            assert self.flow.spilled == sum(row.item.weight for row in rows)

    def teardown(self) -> None:
        """In the end everything that was on disk is committed, or told to be missing because the disk was full."""
        if not hasattr(self, "flow"):
            return
        self.flow.end()
        while not self.flow.finished:
            self.write(fails=False, count=3)
            self.read()
            self.send()
            self._finish()
        ledger = self.flow.ledger()
        assert (ledger.unaccounted, ledger.in_flight, ledger.spilled) == (0, 0, 0)
        full = self.told - self.committed
        assert self.written <= self.committed | full
        assert {*range(self.offered)} <= self.committed | full | self.perished
        if self.spool:
            self.spool.close()
        shutil.rmtree(self.folder)

    def _finish(self) -> None:
        self.take(1000)
        self.commit(1000)
        if not self.wire and self.flow.next > self.arrivals.received + 1:
            self.arrivals.accept(self.arrivals.received + 1)
            self.arrivals.end(self.arrivals.received)
        self.acknowledge()
        self.forget()

    def _opened(self) -> Spool:
        if self.spool is None:
            self.spool = Spool(self.folder / "spool", "edge", bound=self.limits.spool)
            self.flow.found(self.spool.records, self.spool.weight, self.spool.done, self.spool.lost, self.spool.tails)
        return self.spool

    def _consumer(self) -> None:
        self.arrivals = Arrivals("edge")
        self.taken.clear()

    def _meet(self) -> None:
        self.wire.clear()
        self.flow.rewind()
        self.arrivals.meet(f"producer {self.producers}", self.flow.base)


@pytest.mark.parametrize("early", [True, False], ids=["before the disk is known", "after"])
@pytest.mark.parametrize(
    ("killed", "kinds", "seq", "expected"),
    [
        (True, ("frame", "gap"), 5, [(0, 0), (1, 1), (2, 4), (5, 5)]),
        (True, ("gap", "verdict"), 5, [(0, 0), (1, 1), (1, 4), (5, 5)]),
        (True, ("frame", "gap"), 2, [(0, 0), (1, 1), (2, 2)]),
        (False, ("frame", "gap"), 5, [(0, 0), (1, 1), (5, 5)]),
    ],
)
def test_what_a_killed_producer_took_along_is_told_behind_what_it_left_on_disk(
    tmp_path: Path, *, early: bool, killed: bool, kinds: tuple[str, ...], seq: int, expected: list[tuple[int, int]]
) -> None:
    """Its consumer sees one stream: only the producer knows where one incarnation ends in it and the next begins."""
    spool = Spool(tmp_path / "spool", "edge")
    spool.append([item(0), item(1)])
    spool.close()
    if killed:
        (spool.folder / "closed").unlink()
    again, flow = Spool(spool.folder, "edge"), Backlog("edge", Queue(policy="spool"), "unknown", kinds)
    if early:
        flow.offer(item(seq), 0.0)
    flow.found(again.records, again.weight, again.done, again.lost, again.tails)
    if not early:
        assert flow.direct(item(seq)) == 0
        flow.offer(item(seq), 0.0)
    flow.loaded(again.read(0, 10, WIDE))
    sent, now = [], 0.0
    while (entry := flow.peek(now := now + IDLE_S)) is not None:
        flow.sent()
        payload = entry[1].payload
        sent.append((entry[1].seq, payload.last if isinstance(payload, Gap) else entry[1].seq))
    assert sent == expected
    again.close()


@pytest.mark.parametrize(("mark", "expected"), [(None, (9, 12)), (4, (4, 12))])
def test_verdicts_that_a_killed_producer_took_along_begin_at_its_watermark(
    tmp_path: Path, mark: int | None, expected: tuple[int, int]
) -> None:
    """The one on disk was not the last to be judged of those seen before it; nor is the next the first of its frame."""

    def judged(seq: int) -> Item:
        verdict = Verdict(
            camera="cam",
            session="s",
            seq=seq,
            t_ns=0,
            first_seq=1,
            outcome="PASS",
            subject="part",
            part=seq,
            watermark=mark,
        )
        message = codec.encode(verdict)
        return Item("cam", "s", seq, 0, message, len(message), 0.0)

    spool = Spool(tmp_path / "spool", "edge")
    spool.append([judged(9)])
    spool.close()
    (spool.folder / "closed").unlink()
    again, flow = Spool(spool.folder, "edge"), Backlog("edge", Queue(policy="spool"), "unknown", ("gap", "verdict"))
    flow.found(again.records, again.weight, again.done, again.lost, again.tails)
    flow.offer(judged(12), 0.0)
    told = flow.queue.gaps["cam"][0].payload
    assert isinstance(told, Gap)
    assert (told.seq, told.last) == expected
    again.close()


def test_gaps_of_other_sessions_may_come_before_the_one_that_was_broken_off(tmp_path: Path) -> None:
    """A source tells of its last sessions again, oldest first."""
    flow = Backlog("edge", Queue(policy="spool"), kinds=("frame", "gap"))
    flow.found(0, 0, 0, 0, {"cam": Came("s", 3)})
    for session, seq in (("before", 9), ("s", 6), ("after", 0)):
        gap = Gap(camera="cam", session=session, seq=seq, last=seq, t_ns=0, reason="restart", where="source")
        flow.offer(Item("cam", session, seq, 0, gap, 0, 0.0), 0.0)
    found = []
    while (entry := flow.peek(0.0)) is not None:
        flow.sent()
        assert isinstance(entry[1].payload, Gap)
        found.append((entry[1].session, entry[1].seq, entry[1].payload.last))
    assert found == [("s", 4, 5), ("before", 9, 9), ("s", 6, 6), ("after", 0, 0)]


def test_what_a_rule_says_of_such_a_gap_may_come_before_it_too() -> None:
    """Behind rules a gap of another session is a verdict; the hole of the last session is told all the same."""
    flow = Backlog("edge", Queue(policy="spool"), kinds=("gap", "verdict"))
    flow.found(0, 0, 0, 0, {"cam": Came("s", 9, 7)})
    for session, seq in (("before", 30), ("s", 20)):
        flow.offer(_unseen(session, seq), 0.0)
    told = flow.queue.gaps["cam"][0].payload
    assert isinstance(told, Gap)
    assert (told.session, told.seq, told.last) == ("s", 7, 19)


def _unseen(session: str, seq: int) -> Item:
    """Nobody could inspect a frame, which a rule says."""
    verdict = Verdict(
        camera="cam", session=session, seq=seq, first_seq=seq, t_ns=0, outcome="NO_READ", subject="gap"
    )  # fmt: skip
    message = codec.encode(verdict)
    return Item("cam", session, seq, 0, message, len(message), 0.0)


Edge.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestEdge = pytest.mark.slow(Edge.TestCase)


def stored(flow: Backlog, first: int) -> None:
    """The writer has put everything that is staged into rows from here on."""
    count = len(flow.outgoing())
    flow.stored(range(first, first + count))


def test_what_waits_too_long_goes_to_disk() -> None:
    """An age lets nothing go on a durable edge: it is moved."""
    flow = Backlog("edge", Queue(policy="spool", age=2.0))
    flow.offer(item(0, since=0.0), 0.0)
    flow.look(1.0, away=False)
    assert not flow.staged
    flow.look(2.5, away=False)
    assert len(flow.staged) == 1
    assert flow.ledger().in_flight == 1
    stored(flow, 1)
    assert (flow.ledger().spilled, flow.ledger().in_flight) == (1, 0)


def test_new_records_stand_behind_those_on_disk() -> None:
    """While something is on disk nothing goes past it; with the last of it the way is free again."""
    flow = Backlog("edge", Queue(policy="spool", messages=4))
    for seq in range(6):
        flow.offer(item(seq), 0.0)
    stored(flow, 1)
    flow.offer(item(6), 0.0)
    assert flow.direct(item(7)) == 0
    assert flow.peek(0.0) is None
    from pipeline.transport.segment import Row

    flow.loaded([Row(number, item(number - 1)) for number in range(1, 6)])
    flow.end()
    found = []
    while (entry := flow.peek(0.0)) is not None:
        found.append(entry[1].seq)
        flow.sent()
        flow.acknowledge(entry[0], entry[0])
    assert found[:7] == [*range(7)]


def test_a_disk_that_takes_nothing_costs_only_the_oldest() -> None:
    """What was to be written waits again, within the bound of memory; a gap tells of the rest; then it goes on."""
    flow = Backlog("edge", Queue(policy="spool", messages=4))
    for seq in range(5):
        flow.offer(item(seq), 0.0)
    flow.outgoing()
    flow.failed()
    for seq in range(5, 10):
        flow.offer(item(seq), 0.0)
    ledger = flow.ledger()
    assert (ledger.dropped, ledger.in_flight, ledger.unaccounted) == ({"overflow": 6}, 4, 0)
    flow.settled()
    flow.offer(item(10), 0.0)
    assert [one.seq for one in flow.outgoing() if not isinstance(one.payload, Gap)] == [6, 7, 8, 9, 10]
    assert [one.payload.last for one in flow.outgoing() if isinstance(one.payload, Gap)] == [5]


def test_a_slow_disk_does_not_fill_the_memory() -> None:
    """What waits to be written is bounded too: beyond it the oldest go."""
    flow = Backlog("edge", Queue(policy="spool", messages=10, bytes=2000))
    for seq in range(500):
        flow.offer(item(seq), 0.0)
    ledger = flow.ledger()
    assert ledger.in_flight * item(0).size < 6000
    assert ledger.dropped["overflow"] == 500 - ledger.in_flight


def test_what_is_on_disk_leaves_gently() -> None:
    """Twice the live rate; slowly where little comes; at once where nothing does."""
    pace = Pace()
    now, left = 100.0, 0
    for tick in range(400):
        now += 0.025
        pace.look(10 * tick, now)
        while tick >= 200 and pace.may(now):
            left += 1
    assert pace.rate == pytest.approx(400, rel=0.1)
    assert left == pytest.approx(2 * 400 * 5, rel=0.1)
    pace.look(10 * 400, now + IDLE_S)
    assert all(pace.may(now + 2.1 * IDLE_S) for _ in range(10_000))
    assert Pace().allowed == SLOWEST
