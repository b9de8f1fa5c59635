"""Tests of `pipeline.runtime.peers`: supervisors that find each other over tcp, and what they must bear."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import zmq

from pipeline.clock import line_time
from pipeline.notices import board
from pipeline.plan import Plan, Post
from pipeline.runtime import calls
from pipeline.runtime.peer import Answer, Ask, decode_answer, decode_question, encode
from pipeline.runtime.peers import Peers
from pipeline.runtime.state import PeerState, Reach
from pipeline.runtime.watch import Limits
from pipeline.transport.context import Context
from tests.lines import health, node, process, snapshot

Started = Callable[..., Peers]


def post(host: str) -> Post:
    """A place for a host on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    return Post(host=host, bound=address, address=address)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Starts the link of a host, which asks twenty times a second."""
    monkeypatch.setattr("pipeline.runtime.peers.EVERY_S", 0.05)
    with ExitStack() as stack:

        def started(host: str, *posts: Post, line: str = "nagoya-a") -> Peers:
            plan = Plan(line=line, processes=(), edges=(), posts=posts)
            busy = [node(health("camera", given=9))]
            peers = Peers(plan, host, lambda: snapshot(processes=[process()], nodes=busy), Context(), Limits())
            return stack.enter_context(peers)

        yield started
    assert not [notice for notice in board.read() if notice.key.startswith(("host ", "listen "))]


def until(peers: Peers, fits: Callable[[PeerState], bool], host: str = "b") -> PeerState:
    """What is known of a host, as soon as it fits."""
    deadline = time.monotonic() + 10
    while not (found := [one for one in peers.states if one.host == host and fits(one)]):
        assert time.monotonic() < deadline, f"never came to be: {peers.states}"
        threading.Event().wait(0.01)
    return found[0]


def known(reach: Reach) -> Callable[[PeerState], bool]:
    """Whether a host is in reach, or not."""
    return lambda state: state.reach == reach


def test_three_hosts_find_each_other_whoever_comes_first(start: Started) -> None:
    """Each knows of the others what they say, and how far their clocks are away: on one machine, not at all."""
    posts = [post(host) for host in ("a", "b", "c")]
    links = {one.host: start(one.host, *posts) for one in posts}
    for one, link in links.items():
        for other in links.keys() - {one}:
            found = until(link, known("reachable"), other)
            assert (found.phase, found.running, found.processes) == ("running", 1, 1)
            assert found.offset_ns is not None
            assert found.doubt_ns is not None
            assert abs(found.offset_ns) <= found.doubt_ns + 1000


def test_a_host_that_stops_says_goodbye_and_may_come_back(start: Started) -> None:
    """Nobody is alarmed, and nobody need be told of the return."""
    posts = (post("a"), post("b"))
    link = start("a", *posts)
    plan = Plan(line="nagoya-a", processes=(), edges=(), posts=posts)
    for _ in range(2):
        with Peers(plan, "b", snapshot, Context(), Limits()) as other:
            until(link, known("reachable"))
            until(other, known("reachable"), "a")
        until(link, known("left"))


def test_a_host_that_is_silent_is_unreachable(start: Started) -> None:
    """It answered once and then no more: an alarm says so, until it answers again."""
    posts = (post("a"), post("b"))
    link = start("a", *posts)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as other:
        other.bind(posts[1].bound)

        def answer() -> None:
            sender, message = other.recv_multipart()
            ask = decode_question(message)
            assert isinstance(ask, Ask)
            told = line_time.now_ns()
            words = {"line": "nagoya-a", "host": "b", "run": "r", "seams": "", "nonce": ask.nonce}
            times = {"received_ns": told, "answered_ns": told, "summary": {"phase": "running"}}
            other.send_multipart((sender, encode({"type": "answer", **words, **times})))

        answer()
        until(link, known("reachable"))
        until(link, known("unreachable"))
        assert "host b away" in {notice.key for notice in board.read()}
        while not [one for one in link.states if one.reach == "reachable"]:
            answer()
        until(link, known("reachable"))


def test_nonsense_harms_nobody(start: Started) -> None:
    """Wrong bytes, empty and huge messages, another line's questions, and a flood: the peers still hear each other."""
    posts = (post("a"), post("b"))
    link, _ = start("a", *posts), start("b", *posts)
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.LINGER, 0)
        stranger.setsockopt(zmq.RCVTIMEO, 5000)
        stranger.connect(posts[0].address)
        for message in (b"", b"\xc1", b"x" * 5000, encode(Ask(line="other", host="b", nonce=1))):
            stranger.send(message)
        for nonce in range(2000):
            stranger.send(encode(Ask(line="nagoya-a", host="b", nonce=nonce)))
        assert isinstance(decode_answer(stranger.recv()), Answer)
        stranger.send(b"x" * 100_000)  # more than a message may hold: the connection is cut
        until(link, known("reachable"))
    assert until(link, known("reachable")).phase == "running"


def test_a_port_that_is_taken_is_told_and_tried_again(start: Started) -> None:
    """The line runs all the same, this host still asks, and others find it as soon as the port is free."""
    posts = (post("a"), post("b"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(posts[0].bound.rpartition(":")[2])))
        other.listen()
        link, peer = start("a", *posts), start("b", *posts)
        until(link, known("reachable"))
        told = [notice.text for notice in board.read() if notice.key == calls.LISTEN]
        rest = "the line runs, but they do not see this host: give it another `port`, or end what holds this one"
        where = f"cannot listen at '{posts[0].bound}' for the line's other hosts"
        assert told == [f"{where}: Address already in use; {rest}"]
    until(peer, known("reachable"), "a")


def test_a_new_plan_is_followed(start: Started) -> None:
    """A host more is looked for, one less is forgotten, without a restart."""
    posts = (post("a"), post("b"), post("c"))
    link = start("a", *posts[:2])
    start("c", *posts)
    until(link, known("awaited"))
    link.follow(Plan(line="nagoya-a", processes=(), edges=(), posts=(posts[0], posts[2])))
    until(link, known("reachable"), "c")
    assert [one.host for one in link.states] == ["c"]


def test_a_line_on_one_host_opens_nothing() -> None:
    """No thread, no port."""
    threads = threading.active_count()
    with Peers(Plan(line="l", processes=(), edges=()), "a", snapshot, Context(), Limits()) as peers:
        assert (peers.states, threading.active_count()) == ((), threads)
