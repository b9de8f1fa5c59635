"""The dispatcher: whatever its channel does, it goes on, in order, and forgets nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from nodes.delivery.channel import Listener, Receipt
from nodes.delivery.dispatcher import Dispatcher
from nodes.delivery.envelope import Entry, Message
from nodes.delivery.outbox import Outbox
from nodes.sinks.courier import RefusedError
from pipeline.notices import board
from tests.edges import eventually


class Wire:
    """A channel that takes what it is given, unless a script says what it raises."""

    most = 4

    def __init__(self, *script: Exception | None, opening: Sequence[Exception] = ()) -> None:
        self.took: list[int] = []
        self.listener: Listener | None = None
        self.outbox: Outbox | None = None
        self.opened = self.closed = 0
        self._script, self._opening = [*script], [*opening]

    def open(self, outbox: Outbox, listener: Listener) -> None:
        """Connect."""
        self.opened += 1
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
