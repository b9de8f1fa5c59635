"""Tests of `pipeline.runtime.switchboard`: what a supervisor does with what is no report and no request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from pipeline.runtime.control import Follow, Watch
from pipeline.runtime.control import encode as ask
from pipeline.runtime.health import LARGEST, Tapped
from pipeline.runtime.health import encode as report
from pipeline.runtime.switchboard import AT_ONCE, Switchboard
from tests.edges import eventually

NONSENSE = (b"", b"\xc1", b"\x81\xa4type\xa1\xff", b"\x91" * 100_000, b"\x81\xa4type\xa4none")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Switchboard]:
    """Both sockets of a supervisor."""
    board = Switchboard(tmp_path)
    yield board
    board.close()


@pytest.fixture(params=["control", "watch"])
def peer(request: pytest.FixtureRequest, tmp_path: Path, board: Switchboard) -> Iterator[zmq.Socket[bytes]]:
    """A process or a client of it."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(f"ipc://{tmp_path}/{request.param}")
        yield socket


def test_nonsense_is_passed_over_and_counted(peer: zmq.Socket[bytes], board: Switchboard) -> None:
    """The supervisor does not end because of a message, and what comes after it is heard."""
    for message in NONSENSE:
        peer.send(message)
    peer.send_multipart([b"many", b"parts"])
    peer.send(report(Tapped(node="n", record=b"")))
    peer.send(ask(Watch()))
    heard: list[object] = []

    def all_heard() -> bool:
        heard.extend(said for _, said in (*board.reports(), *board.requests()))
        return board.unread == len(NONSENSE) + 2 and len(heard) == 1

    eventually(all_heard, "one of two is understood, the rest is counted")


def test_huge_messages_are_never_read(peer: zmq.Socket[bytes], tmp_path: Path, board: Switchboard) -> None:
    """Beyond the bound ZeroMQ hangs up; others are heard as before."""
    peer.send(bytes(LARGEST + 1))
    with zmq.Context() as context, context.socket(zmq.DEALER) as other:
        other.connect(f"ipc://{tmp_path}/watch")
        other.send(ask(Follow("n")))
        heard: list[object] = []

        def another() -> bool:
            heard.extend(said for _, said in board.requests())
            return bool(heard)

        eventually(another, "another one is heard")
    assert heard == [Follow("n")]
    assert (board.unread, [*board.reports()]) == (0, [])


def test_a_flood_holds_up_nothing_else(peer: zmq.Socket[bytes], board: Switchboard) -> None:
    """Only so many are read at once, so that a supervisor comes back to its processes."""
    peer.setsockopt(zmq.SNDHWM, 0)
    for _ in range(2 * AT_ONCE):
        peer.send(b"\xc1")

    def something_came() -> bool:
        board.wait(0.01)
        return bool([*board.reports(), *board.requests()]) or board.unread > 0

    eventually(something_came, "something came")
    assert board.unread <= AT_ONCE
