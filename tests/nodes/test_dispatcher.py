"""The dispatcher: whatever its channel does, it goes on, in order, and forgets nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nodes.delivery.answers import RefusedError
from nodes.delivery.channel import Listener, Receipt
from nodes.delivery.dispatcher import Dispatcher
from nodes.delivery.envelope import Entry, Message
from nodes.delivery.outbox import Outbox
from nodes.delivery.posting import Webhook
from nodes.delivery.receiving import Ledger
from nodes.sinks.journal import Journal
from pipeline.notices import board
from tests.edges import eventually


class Wire:
    """A channel that takes what it is given, unless a script says what it raises."""

    most = 4

    def __init__(self, *script: Exception | None, opening: Sequence[Exception] = ()) -> None:
        self.took: list[int] = []
        self.histories: list[int] = []
        self.listener: Listener | None = None
        self.outbox: Outbox | None = None
        self.opened = self.closed = 0
        self._script, self._opening = [*script], [*opening]

    def open(self, outbox: Outbox, listener: Listener, history: int) -> None:
        """Connect."""
        self.opened += 1
        self.histories.append(history)
        if self._opening:
            raise self._opening.pop(0)
        self.outbox, self.listener = outbox, listener

    def deliver(self, messages: Sequence[Message], history: int) -> None:
        """Take them."""
        error = self._script.pop(0) if self._script else None
        if error:
            raise error
        self.took += [message.sequence for message in messages]

    def tend(self) -> None:
        """Nothing comes in."""

    def close(self, *, ended: bool) -> None:
        """Leave."""
        self.closed += ended


def box(folder: Path, *confirm: str) -> Outbox:
    """A connection to the outbox."""
    return Outbox(folder / "o", 1000, confirm)


def filled(folder: Path, count: int) -> None:
    """Put messages into it."""
    with closing(box(folder)) as outbox:
        first = outbox.last
        outbox.append([Entry(f"{first + n}", "verdict", "cam", "2026-11-22T16:00:00Z", b"{}") for n in range(count)])


def through(folder: Path, wire: Wire, *confirm: str, meanwhile: Callable[[Dispatcher], None] | None = None) -> None:
    """Let a dispatcher run until all is delivered."""
    pauses = (0.001, 0.004)
    with Dispatcher(
        box(folder, *confirm), wire, name="sink", confirm=confirm, patience=20, pauses=pauses, resend=0.05
    ) as one:
        if meanwhile:
            meanwhile(one)


@pytest.mark.slow
def test_an_outage_of_ten_minutes_loses_nothing(tmp_path: Path) -> None:
    """Six hundred attempts that fail, of whatever kind; people are told once, and that it is over."""
    filled(tmp_path, 9)
    wire = Wire(opening=[OSError("away"), ValueError("odd"), *(ConnectionError("away") for _ in range(598))])
    told = set[str]()

    def back() -> bool:
        told.update(each.text for each in board.read())
        return bool(wire.took)

    def watch(_: Dispatcher) -> None:
        eventually(back, "it is back")

    through(tmp_path, wire, meanwhile=watch)
    assert wire.took == [*range(1, 10)]
    assert (wire.opened, wire.closed) == (601, 1)
    assert {text.partition("; ")[2] for text in told} == {
        f"9 messages of {tmp_path / 'o'} wait and are sent when that ends"
    }
    assert board.read() == ()


class Sky:
    """A clock that goes as fast as somebody sleeps; while they do, the line goes on."""

    def __init__(self, each: Callable[[float], None]) -> None:
        self.now, self._each = 0.0, each

    def monotonic(self) -> float:
        """The time, s."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Let it go by."""
        self.now += seconds
        self._each(self.now)


@pytest.mark.parametrize(("backlog", "dropped"), [(100_000, 0), (10_000, 8_000)])
def test_ten_minutes_at_line_rate(tmp_path: Path, backlog: int, dropped: int) -> None:
    """30 parts a second for 600 s of a simulated clock, and nobody there: they fit, or what does not is counted.

    It is asked ever more rarely, every ten seconds at last; then it hears the present first, and the past in its order.
    """
    away, rate, asked, done = 600.0, 30, list[float](), threading.Event()
    sent: list[dict[str, Any]] = []
    line = Outbox(tmp_path / "o", backlog, durable=False)

    def goes_on(now: float) -> None:
        first, last = line.last + 1, int(min(now, away)) * rate
        if last - first > 500 or now >= away:
            line.append([_verdict(number) for number in range(first, last + 1)])

    def send(body: bytes, _: dict[str, str]) -> None:
        asked.append(clock.now)
        if clock.now < away:
            raise ConnectionError("away")
        sent.append(json.loads(body))
        if int(sent[-1]["sequence"]) == total and "historical" in sent[-1]:
            done.set()

    clock, total, hook = Sky(goes_on), 18_000, Webhook(send, "line")
    hook.most = 256
    line.append([_verdict(1), _verdict(2)])
    box = Outbox(tmp_path / "o", backlog, durable=False)
    with Dispatcher(box, hook, name="sink", patience=60, clock=clock):
        assert done.wait(100)
    line.close()
    pauses = [later - sooner for sooner, later in pairwise(each for each in asked if each <= away)]
    assert pauses[:6] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4])
    assert pauses[6:] == pytest.approx([10.0] * len(pauses[6:]))
    assert 60 < len(pauses) < 70
    states, told = sent[:4], sent[4:]
    assert [(one["type"], int(one["sequence"])) for one in states] == [
        ("kensa.state.verdict", number) for number in range(total - 3, total + 1)
    ]
    ledger = Ledger()
    for one in told:
        ledger.hear(json.dumps(one).encode())
    (stream,) = ledger.streams.values()
    assert (stream.begin, stream.through, stream.missing, stream.twice, stream.late) == (1, total, [], 0, 0)
    assert (stream.dropped, stream.came) == ([(1, dropped)] if dropped else [], total - dropped)
    assert all(one["historical"] for one in told)


def _verdict(number: int) -> Entry:
    return Entry(f"id-{number}", "verdict", f"cam-{number % 4}", "2026-11-22T16:00:00Z", b"{}")


def test_a_batch_that_fails_comes_again_from_where_it_was(tmp_path: Path) -> None:
    """In order, with the next connection."""
    filled(tmp_path, 9)
    wire = Wire(None, OSError("cut"), OSError("cut"))
    through(tmp_path, wire)
    assert wire.took == [*range(1, 10)]
    assert wire.opened == 3


def test_of_a_batch_that_is_refused_only_what_is_refused_is_set_aside(tmp_path: Path) -> None:
    """Each is asked for by itself then."""
    filled(tmp_path, 4)
    wire = Wire(RefusedError("no"), None, RefusedError("no 2"), None, None)
    through(tmp_path, wire)
    assert wire.took == [1, 3, 4]
    assert len((tmp_path / "o.undelivered.jsonl").read_text().splitlines()) == 1


def test_a_dead_letter_that_the_disk_refuses_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for again until it can be set aside; what comes after it waits."""
    filled(tmp_path, 2)
    real, refused = Journal.append, [OSError(28, "No space left on device")]

    def append(self: Journal, lines: Sequence[bytes]) -> None:
        if refused:
            raise refused.pop()
        real(self, lines)

    monkeypatch.setattr(Journal, "append", append)
    wire = Wire(RefusedError("no"), RefusedError("no"), None)
    wire.most = 1
    through(tmp_path, wire)
    assert wire.took == [2]
    assert len((tmp_path / "o.undelivered.jsonl").read_text().splitlines()) == 1


def test_what_was_on_its_way_when_a_sink_was_given_up_comes_again(tmp_path: Path) -> None:
    """Nobody waits for its answer, so nobody knows whether it arrived: the next one sends it under the same id."""
    filled(tmp_path, 1)
    sending, go = threading.Event(), threading.Event()

    class Slow(Wire):
        def deliver(self, messages: Sequence[Message], history: int) -> None:
            sending.set()
            assert go.wait(20)
            super().deliver(messages, history)

    slow, wire = Slow(), Wire()
    given_up = Dispatcher(box(tmp_path), slow, name="sink", patience=60)
    with given_up:
        assert sending.wait(20)
        threading.Timer(0.01, go.set).start()
        given_up.__exit__(OSError, OSError("full"), None)
    given_up._thread.join(20)  # noqa: SLF001
    with closing(box(tmp_path)) as outbox:
        outbox.note([("place ", 0)])  # as if it had been killed before it could note that
    through(tmp_path, wire)
    assert slow.took == wire.took == [1]


def test_what_waited_is_history_and_what_comes_now_is_not(tmp_path: Path) -> None:
    """What whoever ran before has left, and after an outage what had come until then."""
    filled(tmp_path, 3)
    wire = Wire(opening=[OSError("away")])

    def more(_: Dispatcher) -> None:
        filled(tmp_path, 2)

    through(tmp_path, wire, meanwhile=more)
    assert wire.histories[0] == 3
    assert wire.histories[1] >= 3
    with closing(box(tmp_path)) as outbox:
        assert outbox.unheard(5) == []


def test_without_a_receipt_it_is_sent_again_ever_more_rarely(tmp_path: Path) -> None:
    """And what is confirmed is not; a consumer that misses something gets it at once."""
    filled(tmp_path, 3)
    wire = Wire()

    def consumer(_: Dispatcher) -> None:
        eventually(lambda: wire.took.count(3) >= 3, "it is sent three times")
        assert wire.listener
        assert wire.outbox
        stream = wire.outbox.stream
        wire.listener.receive(Receipt("mes", stream, 2))
        before = len(wire.took)
        wire.listener.receive(Receipt("mes", stream, 2, again=True))
        eventually(lambda: wire.took[before:] and set(wire.took[before:][-1:]) == {3}, "the rest comes again")
        wire.listener.receive(Receipt("mes", stream, 3))

    through(tmp_path, wire, "mes", meanwhile=consumer)
    assert wire.took[:3] == [1, 2, 3]
    with closing(box(tmp_path, "mes")) as outbox:
        assert outbox.confirmed == 3


def test_where_its_place_cannot_be_written_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs repetitions after a crash, nothing else, and people are told."""
    filled(tmp_path, 2)
    full, real = threading.Event(), Outbox.confirm
    full.set()

    def confirm(self: Outbox, through: int, consumer: str = "") -> None:
        if full.is_set():
            raise OSError(28, "No space left on device")
        real(self, through, consumer)

    monkeypatch.setattr(Outbox, "confirm", confirm)
    wire = Wire(None, OSError("cut"))

    def later(one: Dispatcher) -> None:
        eventually(lambda: [each for each in board.read() if each.key.endswith("cannot write")], "people are told")
        (text,) = [each.text for each in board.read()]
        assert text == (
            f"sink cannot write {tmp_path / 'o'}: No space left on device; after a crash messages are sent twice"
        )
        full.clear()
        filled(tmp_path, 1)
        one.wake()

    through(tmp_path, wire, meanwhile=later)
    assert wire.took == [1, 2, 3]
    assert board.read() == ()


def test_what_is_left_at_the_end_is_there_at_the_next_start(tmp_path: Path) -> None:
    """Nobody waits for a receiver that stays away."""
    filled(tmp_path, 2)
    with Dispatcher(box(tmp_path), Wire(opening=[OSError("away")] * 99), name="sink", patience=0.01):
        pass
    wire = Wire()
    through(tmp_path, wire)
    assert wire.took == [1, 2]
