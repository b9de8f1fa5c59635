"""One suite for every transport: the same policy means the same on memory, ipc, tcp and tcp with keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import KensaError
from pipeline.plan import Lane
from pipeline.records import Gap
from pipeline.transport.connect import open_inbox
from tests.edges import (
    Carrier,
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

TRANSPORTS: tuple[Carrier, ...] = ("memory", "ipc", "tcp", "curve")


@pytest.fixture(params=TRANSPORTS)
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """A line of each transport; at the end every ledger balances."""
    line = Ends(request.param, tmp_path)
    yield line
    line.close()


@pytest.mark.parametrize("messages", [1, 2, 16])
def test_block_loses_nothing_and_holds_its_bound(line: Ends, messages: int) -> None:
    """A burst of 1,000 towards a consumer that is slower arrives whole, in order; never more waits than may."""
    edge = line.edge(policy="block", messages=messages)
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    sender = in_thread(lambda: send(outbox, range(1000)))
    eventually(lambda: outbox.ledger().sent >= messages, "the queue is full")
    for seq in range(1000):
        delivery = receive(inbox)
        assert delivery.record.seq == seq
        assert outbox.ledger().in_flight <= messages + messages // 8 + 2  # acknowledged by the quarter of the credit
        inbox.done(delivery)
    joined(sender)
    ledger = settled(outbox, inbox)
    assert (ledger.sent, ledger.delivered, ledger.dropped) == (1000, 1000, {})


def test_block_stops_at_its_bound(line: Ends) -> None:
    """A producer whose consumer takes nothing hands over exactly as many as the bound, on every transport."""
    edge = line.edge(policy="block", messages=16)
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    assert inbox.receive(0.0) is None
    sender = in_thread(lambda: send(outbox, range(20)))
    eventually(lambda: outbox.ledger().sent == 16, "the queue is full")
    assert outbox.ledger().in_flight == 16
    assert sender.is_alive()
    assert seqs(take(inbox, 20)) == [*range(20)]
    joined(sender)


def test_drop_oldest_tells_exactly_what_is_missing(line: Ends) -> None:
    """What is delivered and what the gaps cover make up everything sent; the newest arrives; order holds."""
    edge = line.edge(policy="drop_oldest", messages=10)
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    send(outbox, range(1000))
    in_thread(lambda: outbox.close(10.0))
    found = rest(inbox)
    assert sorted(seqs(found) + missing(found)) == [*range(1000)]
    assert [one.seq for one in found] == sorted(one.seq for one in found)
    assert 1 <= len(seqs(found)) <= 10
    assert seqs(found)[-1] == 999
    assert {one.reason for one in found if isinstance(one, Gap)} == {"overflow"}
    ledger = settled(outbox, inbox)
    assert (ledger.delivered, ledger.dropped) == (len(seqs(found)), {"overflow": len(missing(found))})


def test_latest_gives_the_newest_of_each_camera(line: Ends) -> None:
    """A slow dashboard sees each camera's newest record; what it did not see is counted, not told."""
    edge = line.edge(policy="latest")
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    for seq in range(100):
        for camera in ("a", "b", "c"):
            outbox.send(record(camera, seq))
    in_thread(lambda: outbox.close(10.0))
    found = rest(inbox)
    assert {one.camera: one.seq for one in found} == {"a": 99, "b": 99, "c": 99}
    assert len(found) <= 4  # three slots, and one that may have been on its way
    assert not missing(found)
    assert settled(outbox, inbox).dropped == {"superseded": 300 - len(found)}


def test_bytes_are_bounded(line: Ends) -> None:
    """A bound in bytes drops before the bound in messages is reached."""
    edge = line.edge(policy="drop_oldest", messages=1000, bytes=5000)
    outbox = line.outbox(edge)
    for seq in range(100):
        outbox.send(record("cam", seq, weight=1000))
    assert outbox.ledger().in_flight <= 10
    in_thread(lambda: outbox.close(10.0))
    found = rest(line.inbox(edge))
    assert sorted(seqs(found) + missing(found)) == [*range(100)]
    assert seqs(found)[-1] == 99


def test_what_is_too_old_expires(line: Ends) -> None:
    """Without anybody sending or taking, the pulse lets go of what waited too long, and a gap tells it."""
    edge = line.edge(policy="drop_oldest", age=0.05)
    outbox = line.outbox(edge)
    send(outbox, range(5))
    eventually(lambda: outbox.ledger().dropped == {"expired": 5}, "all have expired")
    inbox = line.inbox(edge)
    told = take(inbox, 1)
    assert missing(told) == [0, 1, 2, 3, 4]
    assert isinstance(told[0], Gap)
    assert (told[0].reason, told[0].where) == ("expired", "in→out")


def test_gaps_keep_their_place(line: Ends) -> None:
    """A gap that a lane sends arrives between the records it was sent between, and counts as one."""
    edge = line.edge(policy="block")
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    gap = Gap(camera="cam", session="s", seq=1, last=3, t_ns=1, reason="sensor", where="in")
    for one in (record("cam", 0), gap, record("cam", 4)):
        outbox.send(one)
    assert take(inbox, 3) == [record("cam", 0), gap, record("cam", 4)]
    assert settled(outbox, inbox).delivered == 3


def test_consumer_comes_back(line: Ends) -> None:
    """A consumer that leaves and comes back gets everything that it had not finished with, once, in order."""
    edge = line.edge(policy="block", messages=400)
    outbox, first = line.outbox(edge), line.inbox(edge)
    send(outbox, range(200))
    before = seqs(take(first, 70))
    unfinished = [receive(first).record.seq for _ in range(10)]
    assert unfinished == [*range(70, 80)]
    line.leave(first)
    second = line.inbox(edge)
    send(outbox, range(200, 300))
    assert before + seqs(take(second, 230)) == [*range(300)]
    ledger = settled(outbox, second)
    assert (ledger.sent, ledger.delivered, ledger.dropped) == (300, 300, {})
    assert ledger.resent >= 10


def test_consumer_comes_later(line: Ends) -> None:
    """A producer may start first: nothing is lost while nobody listens."""
    edge = line.edge(policy="block", messages=100)
    outbox = line.outbox(edge)
    send(outbox, range(100))
    inbox = line.inbox(edge)
    assert seqs(take(inbox, 100)) == [*range(100)]
    settled(outbox, inbox)


def test_producer_restart_is_told(line: Ends) -> None:
    """What a crashed producer took with it becomes a gap; its numbers are forgotten; a new session ends the old."""
    edge = line.edge(policy="block")
    inbox, first = line.inbox(edge), line.outbox(edge)
    for camera in ("a", "b"):
        for seq in range(5):
            first.send(record(camera, seq))
    assert len(take(inbox, 10)) == 10
    assert inbox.received() == {"in→out": 10}
    settled(first, inbox)
    line.forget(first)
    second = line.outbox(edge, "two")
    second.send(record("a", 9))
    second.send(record("b", 0, session="t"))
    found = [receive(inbox) for _ in range(4)]
    assert [type(one.record).__name__ for one in found] == ["Gap", "Stats", "Gap", "Stats"]
    gap, end = found[0].record, found[2].record
    assert isinstance(gap, Gap)
    assert (gap.camera, gap.seq, gap.last, gap.reason, gap.where) == ("a", 5, 8, "restart", "in→out")
    assert isinstance(end, Gap)
    assert (end.camera, end.session, end.seq, end.last) == ("b", "s", 5, 5)
    assert [one.producer for one in found] == ["two"] * 4
    assert [one.number for one in found] == [0, 1, 0, 2]
    for one in found:
        inbox.done(one)
    assert inbox.received() == {"in→out": 2}
    settled(second, inbox)
    first.close(0.0)


def test_done_of_a_batch_in_any_order(line: Ends) -> None:
    """What is taken stays in flight until it is done; a batch may be finished in any order."""
    edge = line.edge(policy="block")
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    send(outbox, range(20))
    batch = [receive(inbox) for _ in range(20)]
    assert outbox.ledger().in_flight == 20
    for delivery in reversed(batch):
        inbox.done(delivery)
    inbox.receive(0.1)
    assert settled(outbox, inbox).delivered == 20


def test_two_producers_into_one_inbox(line: Ends) -> None:
    """Two edges into one lane each keep their order; the stream ends only after both."""
    edges = line.edge("a→out"), line.edge("b→out")
    inbox = line.inbox(*edges)
    a, b = (line.outbox(edge) for edge in edges)
    for seq in range(100):
        a.send(record("a", seq))
        b.send(record("b", seq))
    closers = [in_thread(lambda: a.close(15.0))]
    found = take(inbox, 200)
    assert inbox.receive(0.1) is None
    closers.append(in_thread(lambda: b.close(15.0)))
    assert rest(inbox) == []
    for closer in closers:
        joined(closer)
    for camera in ("a", "b"):
        assert [one.seq for one in found if one.camera == camera] == [*range(100)]
    assert inbox.received() == {"a→out": 101, "b→out": 101}


def test_fan_out_is_two_edges(line: Ends, tmp_path: Path) -> None:
    """Each edge has a policy of its own: the slow one drops, the other loses nothing, both ledgers balance."""
    other = {"memory": "memory://2", "ipc": f"ipc://{tmp_path}/two.sock"}.get(line.transport) or Ends("tcp", tmp_path)
    address = other if isinstance(other, str) else other.address
    edges = line.edge("in→all"), line.edge("in→some", address=address, policy="drop_oldest", messages=4)
    all_box, some_box = (line.outbox(edge) for edge in edges)
    everything, something = (line.inbox(edge) for edge in edges)
    for seq in range(100):
        all_box.send(record("cam", seq))
        some_box.send(record("cam", seq))
    for outbox in (all_box, some_box):
        in_thread(lambda outbox=outbox: outbox.close(15.0))  # type: ignore[misc]
    assert seqs(rest(everything)) == [*range(100)]
    found = rest(something)
    assert sorted(seqs(found) + missing(found)) == [*range(100)]
    if isinstance(other, Ends):
        other.close()


@pytest.mark.slow
def test_ledger_balances_at_every_moment(line: Ends) -> None:
    """Two lanes, a pulse and a reader of ledgers at full speed for a second: nothing is ever unaccounted or stuck."""
    edges = [line.edge("a→out", messages=32), line.edge("b→out", policy="drop_oldest", messages=8)]
    outboxes, inbox = [line.outbox(edge) for edge in edges], line.inbox(*edges)
    over = threading.Event()
    odd: list[int] = []

    def produce(name: str, index: int) -> None:
        seq = 0
        while not over.is_set():
            outboxes[index].send(record(name, seq))
            seq += 1
        outboxes[index].close(15.0)

    def audit() -> None:
        while not over.is_set():
            odd.extend(left for outbox in outboxes if (left := outbox.ledger().unaccounted))

    threads = [in_thread(lambda: produce("a", 0)), in_thread(lambda: produce("b", 1)), in_thread(audit)]
    threading.Timer(1.0, over.set).start()
    found = rest(inbox)
    for thread in threads:
        joined(thread)
    assert not odd
    for index, camera in enumerate(("a", "b")):
        mine = [one for one in found if one.camera == camera]
        assert sorted(seqs(mine) + missing(mine)) == [*range(outboxes[index].ledger().sent)]
        assert settled(outboxes[index], inbox).delivered == len(seqs(mine))


def test_spool_loses_nothing_and_waits_for_nobody(line: Ends) -> None:
    """A burst of 1,000 towards a consumer that comes late arrives whole and in order; without a wire it is a block."""
    edge = line.edge(policy="spool", messages=40)
    outbox = line.outbox(edge)
    sender = in_thread(lambda: send(outbox, range(1000)))
    if line.transport != "memory":
        joined(sender)
        eventually(lambda: outbox.ledger().spilled > 900, "the rest is on disk")

    def end() -> None:
        joined(sender)
        outbox.close(15.0)

    closer = in_thread(end)
    found = rest(line.inbox(edge))
    joined(closer)
    assert seqs(found) == [*range(1000)]
    ledger = outbox.ledger()
    assert (ledger.sent, ledger.delivered, ledger.dropped, ledger.spilled) == (1000, 1000, {}, 0)


def test_a_consumer_that_comes_back_gets_what_was_spooled(line: Ends) -> None:
    """What it had not finished with and what came while it was away arrive once, in order."""
    edge = line.edge(policy="spool", messages=400)
    outbox, first = line.outbox(edge), line.inbox(edge)
    send(outbox, range(200))
    before = seqs(take(first, 70))
    line.leave(first)
    send(outbox, range(200, 300))
    second = line.inbox(edge)
    assert before + seqs(take(second, 230)) == [*range(300)]
    assert settled(outbox, second).dropped == {}


def test_memory_and_network_do_not_meet(line: Ends) -> None:
    """One lane cannot be fed by reference and by wire at once; the plan never asks for it."""
    other = "memory://x" if line.transport != "memory" else "ipc:///tmp/x"
    lane = Lane(name="out", cameras=(), runs=(), addresses=(other,))
    with pytest.raises(KensaError, match="lane 'out': expected edges by memory alone, or by ipc and tcp; found both"):
        open_inbox(lane, (line.edge(),), line.context)
