"""The supervisor's two sockets: its processes report on one, `kensa top` and `kensa tap` ask on the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import zmq

from pipeline.runtime.control import WATCH, Answer, Request, decode_request
from pipeline.runtime.health import LARGEST, Command, FromProcess, decode_report, encode

CONTROL = "control"
WAITING = 64  # answers that a slow client may leave lying
AT_ONCE = 1024  # messages that are read before anything else is looked at


class Switchboard:
    """Both sockets, bound in the run folder: only its owner gets as far as these.

    Attributes:
        unread: Messages that were neither reports nor requests; they are passed over.
    """

    def __init__(self, folder: Path) -> None:
        self.unread = 0
        self._context = zmq.Context()
        self.address = f"ipc://{folder / CONTROL}"
        self._children = self._bind(self.address)
        self._clients = self._bind(f"ipc://{folder / WATCH}")
        self._poller = zmq.Poller()
        self._poller.register(self._children, zmq.POLLIN)
        self._poller.register(self._clients, zmq.POLLIN)

    def wait(self, seconds: float) -> None:
        """Until somebody says something, at most so long."""
        self._poller.poll(round(seconds * 1000))

    def attend(self, descriptor: int) -> None:
        """Let `wait` end as soon as a file descriptor has something to say, too."""
        self._poller.register(descriptor, zmq.POLLIN)

    def forget(self, descriptor: int) -> None:
        """No longer listen to it."""
        self._poller.unregister(descriptor)

    def reports(self) -> Iterator[tuple[bytes, FromProcess]]:
        """What the processes have said since the last call, each with the peer to answer to."""
        for peer, message in self._arrived(self._children):
            try:
                yield peer, decode_report(message)
            except msgspec.DecodeError:
                self.unread += 1

    def requests(self) -> Iterator[tuple[bytes, Request]]:
        """What clients have asked since the last call; what is not a request is passed over."""
        for peer, message in self._arrived(self._clients):
            try:
                yield peer, decode_request(message)
            except msgspec.DecodeError:
                self.unread += 1

    def tell(self, peer: bytes, command: Command) -> bool:
        """Command a process; False when it cannot be reached now."""
        return self._send(self._children, peer, encode(command))

    def answer(self, peer: bytes, answer: Answer) -> bool:
        """Answer a client; False when it is gone or too slow."""
        return self._send(self._clients, peer, encode(answer))

    def close(self) -> None:
        """Close both; what is unsent is dropped."""
        self._context.destroy(linger=0)

    def _bind(self, address: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.SNDHWM, WAITING)
        socket.setsockopt(zmq.MAXMSGSIZE, LARGEST)
        socket.bind(address)
        Path(address.removeprefix("ipc://")).chmod(0o600)
        return socket

    @staticmethod
    def _arrived(socket: zmq.Socket[bytes]) -> Iterator[tuple[bytes, bytes]]:
        for _ in range(AT_ONCE):
            try:
                peer, *message = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            yield peer, message[-1] if message else b""

    @staticmethod
    def _send(socket: zmq.Socket[bytes], peer: bytes, message: bytes) -> bool:
        try:
            socket.send_multipart((peer, message), zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True
