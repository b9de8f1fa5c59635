"""What only the wire can do to an edge: processes that die or stand still, strangers, bytes that are no records."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from pipeline import codec
from pipeline.errors import DecodeError, KensaError
from pipeline.notices import board
from pipeline.plan import Lane, Policy, Transport
from pipeline.records import Gap, Record
from pipeline.transport import link, wire
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.came import Came
from pipeline.transport.channel import Closed, Delivery, Inbox, Outbox
from pipeline.transport.connect import open_inbox
from pipeline.transport.flow import MAX_CREDIT
from pipeline.transport.reached import Reached
from pipeline.transport.router import ZeromqInbox
from pipeline.transport.unreadable import KEPT, QUIET_S, Unreadable
from tests.edges import Ends, eventually, in_thread, joined, missing, receive, record, rest, send, seqs, settled, take

WIRES: tuple[Transport, ...] = ("ipc", "tcp")
GREETING = wire.encode(wire.Hello("token", "in→out", "one", 1))[0]
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(params=WIRES)
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """A line over each kind of socket."""
    line = Ends(request.param, tmp_path)
    yield line
    line.close()


class Consumer:
    """The consumer process and what it has committed."""

    def __init__(self, address: str, path: Path) -> None:
        self.path = path
        command = [sys.executable, "-m", "tests.consumer", address, str(path)]
        self.process = subprocess.Popen(command, cwd=ROOT)

    @property
    def committed(self) -> list[int]:
        """Numbers that it wrote down."""
        return [int(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


@pytest.mark.slow
def test_killed_consumer_costs_nothing(line: Ends, tmp_path: Path) -> None:
    """A consumer killed -9 in the middle and started again: every record is committed, only its last few twice."""
    path = tmp_path / "committed"
    outbox = line.outbox(line.edge(policy="block", messages=256))
    first = Consumer(line.address, path)
    sender = in_thread(lambda: send(outbox, range(3000)))
    eventually(lambda: len(first.committed) > 1000, "a third is committed")
    first.signal(signal.SIGKILL)
    first.process.wait()
    second = Consumer(line.address, path)
    joined(sender)
    ledger = outbox.close(20.0)
    assert second.process.wait(20.0) == 0
    committed = second.committed
    assert sorted(set(committed)) == [*range(3000)]
    assert len(committed) - 3000 <= 2 * MAX_CREDIT
    assert (ledger.sent, ledger.delivered, ledger.dropped) == (3000, 3000, {})
    assert ledger.resent > 0


@pytest.mark.slow
def test_stopped_consumer_is_waited_for(line: Ends, tmp_path: Path) -> None:
    """A consumer that stands still (SIGSTOP) while its producer waits, or is given up, and goes on: nothing is lost."""
    path = tmp_path / "committed"
    outbox = line.outbox(line.edge(policy="block", messages=64))
    consumer = Consumer(line.address, path)
    send(outbox, range(50))
    eventually(lambda: len(consumer.committed) == 50, "all is committed")
    consumer.signal(signal.SIGSTOP)
    sender = in_thread(lambda: send(outbox, range(50, 500)))
    if line.transport == "tcp":
        eventually(lambda: not outbox.linked, "the heartbeat gave the consumer up")
    else:
        eventually(lambda: outbox.ledger().in_flight >= 64, "the producer waits for room")
    consumer.signal(signal.SIGCONT)
    joined(sender)
    assert outbox.close(20.0).delivered == 500
    assert consumer.process.wait(20.0) == 0
    assert sorted(set(consumer.committed)) == [*range(500)]


def test_what_never_arrives_is_sent_again(line: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that was spoilt on its way so that nobody knows its number leaves a hole: the producer begins again."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    send(outbox, range(3))
    assert seqs(take(inbox, 3)) == [0, 1, 2]
    with monkeypatch.context() as spoilt:
        spoilt.setattr(outbox, "_put", lambda frame: True)
        send(outbox, range(3, 5))
    send(outbox, range(5, 8))
    assert seqs(take(inbox, 5)) == [3, 4, 5, 6, 7]
    ledger = settled(outbox, inbox)
    assert (ledger.delivered, ledger.dropped) == (8, {})
    assert ledger.resent > 0


def test_a_greeting_that_is_spoilt_is_asked_for_again(line: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer that believes it has greeted is not left to talk to nobody."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    real, spoilt = wire.encode, iter([b"\xc1"])
    monkeypatch.setattr(
        wire, "encode", lambda said: (isinstance(said, wire.Hello) and next(spoilt, None)) or real(said)
    )
    send(outbox, range(3))
    assert seqs(take(inbox, 3)) == [0, 1, 2]
    assert settled(outbox, inbox).delivered == 3
    assert not [*spoilt]


def test_an_answer_that_never_arrives_is_asked_for_again(line: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole makes the consumer ask; the greeting that answers it is lost, and with the next hole it asks again."""
    monkeypatch.setattr(link, "ASK_EVERY", 0.05)
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    send(outbox, range(3))
    assert seqs(take(inbox, 3)) == [0, 1, 2]
    _losing(outbox, "_put", lambda frame: frame[0] == wire.RECORD, monkeypatch)
    greeted = _losing(outbox, "_put", lambda frame: frame[0] == GREETING, monkeypatch)
    send(outbox, range(3, 6))
    assert seqs(take(inbox, 3)) == [3, 4, 5]
    assert len(greeted) == 1
    _losing(outbox, "_put", lambda frame: frame[0] == wire.RECORD, monkeypatch)
    send(outbox, range(6, 9))
    assert seqs(take(inbox, 3)) == [6, 7, 8]
    assert settled(outbox, inbox).delivered == 9


def test_a_question_that_is_lost_while_nothing_more_comes_is_asked_again(
    line: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hole is a frame with several records, and their sender has no credit for more: both would wait for ever."""
    monkeypatch.setattr(link, "ASK_EVERY", 0.05)
    edge = line.edge(messages=64)
    outbox = line.outbox(edge)
    _losing(outbox, "_put", lambda frame: frame[0] == wire.PACK, monkeypatch)
    send(outbox, range(50))
    inbox = line.inbox(edge)
    _losing(inbox, "_say", lambda _, said: isinstance(said, wire.Who), monkeypatch, passing=1)
    assert seqs(take(inbox, 50)) == [*range(50)]
    assert settled(outbox, inbox).delivered == 50


def test_who_is_there_is_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """And at once where the last question was answered."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    asking = link.Asking()
    assert not asking.due()
    asking.begin()
    assert (asking.due(), asking.due()) == (True, False)
    now += link.ASK_EVERY
    assert (asking.due(), asking.due()) == (True, False)
    asking.answered()
    assert not asking.due()
    asking.begin()
    assert asking.due()


def test_unreadable_record_is_quarantined(line: Ends) -> None:
    """Another version and plain garbage are kept for a look, counted by reason, told as gaps; the rest arrives."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    assert isinstance(inbox, ZeromqInbox)
    outbox.send(record("cam", 0))
    for seq, message in ((1, msgspec.msgpack.encode([9, 0, {}])), (2, b"\x93\x01\x00garbage")):
        _send_raw(outbox, record("cam", seq), message)
    outbox.send(record("cam", 3))
    found = take(inbox, 4)
    assert seqs(found) == [0, 3]
    assert sorted(missing(found)) == [1, 2]
    assert {one.reason for one in found if isinstance(one, Gap)} == {"malformed", "version"}
    assert settled(outbox, inbox).dropped == {"version": 1, "malformed": 1}
    assert [(name, kept.reason) for name, kept in inbox.unreadable.kept] == [
        ("in→out", "version"),
        ("in→out", "malformed"),
    ]
    assert inbox.unreadable.kept[0][1].head == msgspec.msgpack.encode([9, 0, {}])


@pytest.mark.parametrize("policy", ["block", "spool"])
def test_what_is_refused_in_the_last_open_batch_is_told_before_the_end(line: Ends, policy: Policy) -> None:
    """The end had been sent by then: it is taken back, the gap comes first, and what is done agrees with both."""
    edge = line.edge(policy=policy)
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    outbox.send(record("cam", 0))
    _send_raw(outbox, record("cam", 1), b"\x93\x01\x00\xc1")
    outbox.send(record("cam", 2))
    closer = in_thread(lambda: outbox.close(15.0))
    batch = [*_undone(inbox)]
    found = [one.record for one in batch]
    assert (seqs(found), missing(found)) == ([0, 2], [1])
    for one in batch:
        inbox.done(one)
    inbox.close()
    joined(closer)
    ledger = outbox.ledger()
    assert (ledger.sent, ledger.delivered, ledger.dropped, ledger.in_flight) == (3, 2, {"malformed": 1}, 0)


def test_how_far_an_edge_has_come_is_known_to_the_record(line: Ends, tmp_path: Path) -> None:
    """Where something comes of what is taken: nobody need look first, so that a kill may come at any moment."""
    edge = line.edge(policy="block")
    lane = Lane(name="out", cameras=(), runs=(), addresses=(edge.address,))
    outbox, inbox = line.outbox(edge), open_inbox(lane, (edge,), line.context, exact=True)
    line.inboxes.append(inbox)
    for seq in range(5):
        outbox.send(record("cam", seq))
        inbox.done(receive(inbox))
        next_one = Reached(tmp_path / "state").recall(Arrivals(edge.name))
        assert next_one.trails() == {"cam": [Came("s", seq)]}


def test_a_gap_that_is_spoilt_on_its_way_is_told_again(line: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else knows of what it tells."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    gap = Gap(camera="cam", session="s", seq=4, last=6, t_ns=0, reason="error", where="before")
    real, spoilt = wire.frame, iter([b"\x93\x01\x00\xc1"])
    monkeypatch.setattr(wire, "frame", lambda number, message: real(number, next(spoilt, message)))
    outbox.send(gap)
    closer = in_thread(lambda: outbox.close(15.0))
    assert rest(inbox) == [gap]
    inbox.close()
    joined(closer)
    assert outbox.ledger().dropped == {"malformed": 1}


def test_who_comes_after_a_refusal_is_told_of_it_too(line: Ends) -> None:
    """A consumer dies after it took back an end; the next hears the gap, and only then of the end."""
    edge = line.edge(policy="spool")
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    outbox.send(record("cam", 0))
    _send_raw(outbox, record("cam", 1), b"\x93\x01\x00\xc1")
    closer = in_thread(lambda: outbox.close(15.0))
    assert missing([one.record for one in _undone(inbox)]) == [1]
    line.leave(inbox)
    found = rest(line.inbox(edge))
    assert (seqs(found), {*missing(found)}) == ([0], {1})
    joined(closer)
    assert outbox.ledger().delivered == 1


def test_what_could_not_be_read_is_told_until_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who spoils messages, runs another version or knocks at the wrong door is told of for a minute after the last."""
    found, now = Unreadable(["ipc:///run/out.sock"]), 100.0
    mine = {f"unreadable {what}" for what in ("a→b", "c→b", "ipc:///run/out.sock")}
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def told() -> list[str]:
        return [notice.text for notice in board.read() if notice.key in mine]

    for edge, reason in (("a→b", "malformed"), ("a→b", "malformed"), ("c→b", "version"), ("", "stranger")):
        found.add(edge, b"\xc1", DecodeError(reason, "expected a record, found: noise"))
    found.add("", b"", DecodeError("stranger", "no edge 'd→b' leads here"), tell=False)
    why = "the last: expected a record, found: noise"
    assert told() == [
        f"2 messages of edge 'a→b' could not be read; {why}; what spoils them?",
        f"1 messages of edge 'c→b' could not be read; {why}; bring both hosts to the same major version",
        f"1 messages at ipc:///run/out.sock were of no edge of this line; {why}; who sends them?",
    ]
    assert found.counts == {"a→b": 2, "c→b": 1, "": 2}
    now += QUIET_S + 1
    found.settle()
    assert told() == []


def test_what_waits_travels_together(line: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several that wait come in one frame; a frame that is spoilt on its way is sent again, and nothing is lost."""
    packs: list[int] = []
    real = wire.packed

    def spoilt(number: int, messages: list[bytes]) -> bytes:
        packs.append(len(messages))
        frame = real(number, messages)
        return frame if len(packs) > 1 else frame[: wire.HEAD] + b"\xc1" + frame[wire.HEAD + 1 :]

    monkeypatch.setattr(wire, "packed", spoilt)
    edge = line.edge()
    outbox = line.outbox(edge)
    send(outbox, range(50))
    inbox = line.inbox(edge)
    assert isinstance(inbox, ZeromqInbox)
    assert seqs(take(inbox, 50)) == [*range(50)]
    assert settled(outbox, inbox).delivered == 50
    assert max(packs) == MAX_CREDIT // 4
    assert [kept.reason for _, kept in inbox.unreadable.kept] == ["malformed"]


def test_refusals_outlive_a_reconnect(line: Ends) -> None:
    """A consumer that leaves before its refusals were heard is followed by one that refuses again: counted once."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    for seq in range(20):
        _send_raw(outbox, record("cam", seq), b"\x93\x01\x00\xc1")
    outbox.send(record("cam", 20))
    receive(inbox)
    line.leave(inbox)
    again = line.inbox(edge)
    found = take(again, 2)
    while len(missing(found)) < 20:  # refusals that were heard before it left are told apart from the others
        found += take(again, 1)
    assert seqs(found) == [20]
    assert sorted(missing(found)) == [*range(20)]
    ledger = settled(outbox, again)
    assert (ledger.delivered, ledger.dropped) == (1, {"malformed": 20})


def test_too_large_a_record_stays_at_home(line: Ends) -> None:
    """A record that no consumer would read is dropped where it is made, and told."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    outbox.send(record("cam", 0, weight=codec.MAX_BYTES))
    outbox.send(record("cam", 1))
    found = take(inbox, 2)
    assert (missing(found), seqs(found)) == ([0], [1])
    assert settled(outbox, inbox).dropped == {"oversized": 1}


@pytest.mark.parametrize(
    "frames",
    [
        [b"\xc1"],
        [b"garbage" * 1000],
        [wire.encode(wire.Hello("guess", "in→out", "evil", 1))],
        [wire.encode(wire.Hello("guess", "no such edge", "evil", 1))],
        [wire.frame(1, codec.encode(record("cam", 666)))],
        [b"", b"", b"many parts", b""],
        [b"\xdd\xff\xff\xff\xff"],
        [b"\x91" * 100_000],
    ],
    ids=["reserved", "garbage", "guess", "edge", "record", "parts", "length", "nested"],
)
def test_stranger_is_refused(line: Ends, frames: list[bytes]) -> None:
    """Whatever a stranger sends is counted, a bounded part of it kept; the line goes on."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    assert isinstance(inbox, ZeromqInbox)
    with _stranger(line) as stranger:
        for _ in range(2 * KEPT):
            stranger.send_multipart(frames)
        outbox.send(record("cam", 0))
        assert seqs(take(inbox, 1)) == [0]
        expected = 0 if b"guess" in frames[0] and b"no such" not in frames[0] else 2 * KEPT
        eventually(lambda: inbox.receive(0.01) is None and inbox.unreadable.counts[""] >= expected, "all are counted")
    assert len(inbox.unreadable.kept) <= KEPT
    assert all(len(kept.head) <= codec.KEPT_BYTES for _, kept in inbox.unreadable.kept)
    settled(outbox, inbox)


def test_huge_frame_is_never_read(line: Ends) -> None:
    """A frame of 100 MB ends the stranger's connection, not the consumer."""
    edge = line.edge()
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    assert isinstance(inbox, ZeromqInbox)
    with _stranger(line) as stranger:
        stranger.send(bytes(100 << 20), copy=False)
        outbox.send(record("cam", 0))
        assert seqs(take(inbox, 1)) == [0]
    assert inbox.receive(0.05) is None
    settled(outbox, inbox)


def test_babbling_consumer_is_not_believed(tmp_path: Path) -> None:
    """A producer whose address is held by something else keeps everything, and takes no garbage for an answer."""
    line = Ends("tcp", tmp_path)
    other = line.context.zmq.socket(zmq.ROUTER)
    other.setsockopt(zmq.LINGER, 0)
    other.setsockopt(zmq.RCVTIMEO, 20_000)
    other.bind(line.address)
    edge = line.edge()
    outbox = line.outbox(edge)
    outbox.send(record("cam", 0))
    route, _ = other.recv_multipart()
    for word in (b"", b"\xc1", wire.encode(wire.Ack("token", 9, 9)), wire.encode(wire.Who("token"))):
        other.send_multipart((route, word))
    hello = wire.decode_greeting(other.recv_multipart()[1])
    assert hello == wire.Hello("token", "in→out", "one", 1)
    other.send_multipart((route, wire.encode(wire.Ack("other", 1, 1))))
    other.send_multipart((route, wire.encode(wire.Ack("token", 0, 99))))
    assert wire.number_of(other.recv_multipart()[1]) == 1
    assert outbox.ledger().in_flight == 1
    other.close()
    inbox = line.inbox(edge)
    assert seqs(take(inbox, 1)) == [0]
    settled(outbox, inbox)
    line.close()


def test_busy_address_is_said(line: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tcp address that somebody else holds is refused with its name, after a while."""
    if line.transport == "ipc":
        pytest.skip("an ipc address passes to whoever binds it last")
    monkeypatch.setattr("pipeline.transport.listening.BIND_WITHIN", 0.05)
    line.inbox(line.edge())
    with pytest.raises(KensaError, match=f"cannot listen at '{line.address}': Address already in use"):
        line.inbox(line.edge())


def test_no_socket_file_stays(tmp_path: Path) -> None:
    """Closing an inbox removes its socket file, but never that of the consumer that came after it."""
    line = Ends("ipc", tmp_path)
    first, second = line.inbox(line.edge()), line.inbox(line.edge())
    first.close()
    assert (tmp_path / "out.sock").exists()
    second.close()
    assert not (tmp_path / "out.sock").exists()
    line.inboxes.clear()
    line.close()


def test_context_ends_whatever_is_open(tmp_path: Path) -> None:
    """Ending the context returns at once with sockets left open, peers gone and records unsent."""
    line = Ends("ipc", tmp_path)
    outbox = line.outbox(line.edge())
    outbox.send(record("cam", 0))
    line.forget(outbox)
    inbox = line.inbox(line.edge())
    line.inboxes.clear()
    began = time.monotonic()
    line.close()
    assert time.monotonic() - began < 1.0
    assert inbox.received() == {"in→out": 0}


def test_two_addresses_one_inbox(tmp_path: Path) -> None:
    """A lane that neighbours reach by ipc and other hosts by tcp takes both in one inbox."""
    here, away = Ends("ipc", tmp_path), Ends("tcp", tmp_path)
    edges = here.edge("a→out"), away.edge("b→out")
    lane = msgspec.structs.replace(_lane(), addresses=(here.address, away.address))
    inbox = open_inbox(lane, edges, here.context)
    a, b = here.outbox(edges[0]), away.outbox(edges[1])
    closers = []
    for outbox in (a, b):
        outbox.send(record("cam", 0))
        closers.append(in_thread(lambda outbox=outbox: outbox.close(15.0)))  # type: ignore[misc]
    assert seqs(rest(inbox)) == [0, 0]
    for closer in closers:
        joined(closer)
    inbox.close()
    here.close()
    away.close()


def test_records_gather_and_leave_together(line: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the consumer lingers, what is handed over soon after one another travels in fewer frames, all in order."""
    edge = line.edge(linger=0.02)
    outbox, inbox = line.outbox(edge), line.inbox(edge)
    outbox.send(record("a", 0))
    assert receive(inbox).record.seq == 0
    packs: list[memoryview] = []

    def unpacked(
        frame: memoryview, unpack: Callable[[memoryview], list[memoryview]] = wire.unpacked
    ) -> list[memoryview]:
        packs.append(frame)
        return unpack(frame)

    monkeypatch.setattr(wire, "unpacked", unpacked)
    send(outbox, range(1, 41), "a")
    assert [receive(inbox).record.seq for _ in range(40)] == [*range(1, 41)]
    assert 1 <= len(packs) < 40


def _lane() -> Lane:
    return Lane(name="out", cameras=(), runs=())


def _undone(inbox: Inbox) -> Iterator[Delivery]:
    """Everything up to the end of the stream, as a batch that is still open."""
    with suppress(Closed):
        while True:
            yield receive(inbox)


def _send_raw(outbox: Outbox, about: Record, message: bytes) -> None:
    """Send bytes as the message of a record, as a producer of another version would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "message", lambda _: message)
        outbox.send(about)


def _losing(
    end: object, way: str, harmed: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, *, passing: int = 0
) -> list[tuple[Any, ...]]:
    """Of what an end says one thing of some kind never arrives, once so many of them have; ZeroMQ loses nothing."""
    real, seen, lost = getattr(end, way), count(), list[tuple[Any, ...]]()

    def said(*what: Any) -> bool:
        if not lost and harmed(*what) and next(seen) == passing:
            lost.append(what)
            return True
        return bool(real(*what))

    monkeypatch.setattr(end, way, said)
    return lost


@contextmanager
def _stranger(line: Ends) -> Iterator[zmq.Socket[bytes]]:
    """A socket that connects to the line's address and knows nothing of its protocol."""
    socket = line.context.zmq.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(line.address)
    yield socket
    socket.close()
