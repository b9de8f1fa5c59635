"""Both ends of the link between supervisors: the door of this host, and its call to each other one."""

from __future__ import annotations

import secrets
from contextlib import suppress

import msgspec
import zmq

from pipeline.clock import line_time
from pipeline.notices import board
from pipeline.plan import Post
from pipeline.runtime.peer import Answer, Ask, Bye, Peer, decode_answer, decode_question, encode
from pipeline.runtime.watch import Limits
from pipeline.transport.context import Context
from pipeline.transport.sockets import HEARTBEAT

AT_ONCE = 64  # messages that are read before anything else is looked at
LARGEST = 1 << 14  # bytes of a message
LINGER_MS = 300  # for a goodbye
LISTEN = "listen to peers"  # the notice that nobody can find us
OPTIONS = HEARTBEAT | {
    zmq.LINGER: 0,
    zmq.HANDSHAKE_IVL: 2000,
    zmq.RECONNECT_IVL: 50,
    zmq.RECONNECT_IVL_MAX: 500,
    zmq.MAXMSGSIZE: LARGEST,
    zmq.SNDHWM: 4,
    zmq.RCVHWM: AT_ONCE,
}

Socket = zmq.Socket[bytes]


class Door:
    """Where this host answers the others; opened again where that failed or a peer was shut out."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._post: Post | None = None
        self._cuts = 0
        self.socket: Socket | None = None

    def open(self, post: Post | None) -> None:
        """Be open at a post, as far as that is possible now."""
        guard = self._context.guard
        cuts = guard.cuts if guard else 0
        if post != self._post or cuts != self._cuts:
            self.close()
        self._post, self._cuts = post, cuts
        if post is None or self.socket is not None:
            return
        socket = _socket(self._context, zmq.ROUTER, post.bound)
        try:
            if guard is None or guard.serve(socket):
                socket.bind(post.bound)
                self.socket = socket
                board.settle(LISTEN)
                return
        except zmq.ZMQError as error:
            board.raise_(LISTEN, _deaf(post.bound, error.errno))
        socket.close(0)

    def heard(self, line: str) -> list[tuple[bytes, Ask | Bye, int]]:
        """Who asks or says what, and when that came: of this line, and under the name that its key has."""
        found: list[tuple[bytes, Ask | Bye, int]] = []
        for _ in range(AT_ONCE if self.socket is not None else 0):
            assert self.socket is not None
            try:
                sender, *rest = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            received = line_time.now_ns()
            with suppress(msgspec.DecodeError, IndexError):
                question = decode_question(rest[0].buffer)
                if question.line == line and self._is(rest[0], question.host):
                    found.append((sender.bytes, question, received))
        return found

    def _is(self, frame: zmq.Frame, host: str) -> bool:
        return self._context.guard is None or frame.get("User-Id") == host

    def say(self, sender: bytes, answer: Answer) -> None:
        """Answer, unless the peer does not read what it asked for."""
        assert self.socket is not None
        with suppress(zmq.ZMQError):
            self.socket.send_multipart((sender, encode(answer)), zmq.NOBLOCK)

    def close(self) -> None:
        """Answer nobody any more."""
        board.settle(LISTEN)
        if self.socket is not None:
            self.socket.close(0)
            self.socket = None


class Call:
    """Our question to one peer, and its answers."""

    def __init__(self, line: str, post: Post, context: Context) -> None:
        self.peer = Peer(line, post, line_time.now_ns())
        self.socket: Socket | None = None
        self._post, self._context = post, context
        guard = context.guard
        self._caller = guard.caller(post.host, post.address) if guard else None

    def ask(self, line: str, host: str) -> None:
        """Ask; to whom nobody answers nothing is sent."""
        if self._caller and self._caller.stale:
            self._close(0)
        if self.socket is None:
            self._open()
        nonce = secrets.randbits(62)
        self.peer.ask(nonce, line_time.now_ns())
        self._send(encode(Ask(line=line, host=host, nonce=nonce)))

    def listen(self) -> None:
        """Take what it answers; what is none is passed over."""
        for _ in range(AT_ONCE if self.socket is not None else 0):
            assert self.socket is not None
            try:
                message = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            heard = line_time.now_ns()
            with suppress(msgspec.DecodeError):
                self.peer.hear(decode_answer(message), heard)

    def leave(self, bye: bytes) -> None:
        """Say goodbye, if there is anything to say, and ask no more."""
        if bye:
            self._send(bye)
        self._close(LINGER_MS if bye else 0)
        if self._caller:
            self._caller.close()
        for key, _ in self.peer.notices(line_time.now_ns(), "", Limits()):
            board.settle(key)

    def _open(self) -> None:
        socket = _socket(self._context, zmq.DEALER, self._post.address)
        socket.setsockopt(zmq.IMMEDIATE, 1)  # a question that waits for its peer would tell a wrong time
        if self._caller is None or self._caller.secure(socket):
            with suppress(zmq.ZMQError):  # a name that cannot be looked up now; it is tried again
                socket.connect(self._post.address)
                self.socket = socket
                return
        socket.close(0)

    def _send(self, message: bytes) -> None:
        if self.socket is not None:
            with suppress(zmq.ZMQError):
                self.socket.send(message, zmq.NOBLOCK)

    def _close(self, linger: int) -> None:
        if self.socket is not None:
            self.socket.close(linger)
            self.socket = None


def _deaf(bound: str, number: int | None) -> str:
    return (
        f"cannot listen at '{bound}' for the line's other hosts: {zmq.strerror(number or 0)}; the line runs, but they "
        "do not see this host: give it another `port`, or end what holds this one"
    )


def _socket(context: Context, kind: int, address: str) -> Socket:
    socket = context.zmq.socket(kind)
    for option, value in OPTIONS.items():
        socket.setsockopt(option, value)
    socket.setsockopt(zmq.IPV6, int(address.startswith("tcp://[")))
    return socket
