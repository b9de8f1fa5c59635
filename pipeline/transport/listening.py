"""Where a consumer listens: one ROUTER on all of a lane's addresses, each as open as its transport allows."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from pipeline.errors import KensaError
from pipeline.transport.context import Context
from pipeline.transport.sockets import HEARTBEAT, OPTIONS

if TYPE_CHECKING:
    from pipeline.transport.guard import Guard

SEVERAL = memoryview(b"\xc1")  # stands for a message of several parts: no MessagePack begins like this
BIND_WITHIN = 3.0  # seconds an address may still be held by the consumer before this one


def owner(part: zmq.Frame) -> str:
    """The host whose key a frame came by; empty by a local socket."""
    try:
        return str(part.get("User-Id"))
    except zmq.ZMQError:
        return ""


def is_tcp(address: str) -> bool:
    """Whether an address can be reached from other hosts."""
    return address.startswith("tcp://")


def bound(context: Context, addresses: Sequence[str], guard: Guard | None) -> zmq.Socket[bytes]:
    """A socket that listens: by ipc to whoever may open its file, by tcp to peers alone where there is a guard.

    Raises:
        KensaError: If an address is taken.
    """
    socket = context.zmq.socket(zmq.ROUTER)
    for option, value in OPTIONS.items():
        socket.setsockopt(option, value)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a producer that is gone is said, not passed over
    socket.setsockopt(zmq.IPV6, int(any(address.startswith("tcp://[") for address in addresses)))
    deadline = time.monotonic() + BIND_WITHIN
    try:
        for address in sorted(addresses, key=is_tcp):  # what a socket requires holds for what it binds afterwards
            if is_tcp(address):
                for option, value in HEARTBEAT.items():
                    socket.setsockopt(option, value)
            if guard is None or not is_tcp(address) or guard.serve(socket):
                _bind(socket, address, deadline)
    except KensaError:
        socket.close(0)
        raise
    return socket


def heard(socket: zmq.Socket[bytes]) -> tuple[bytes, memoryview, zmq.Frame]:
    """The next message: by which connection, its one part, and the frame of that, which knows its owner.

    Raises:
        zmq.Again: If none comes in time.
    """
    route = socket.recv()
    part = socket.recv(copy=False)  # knows whether more follows, which is dear to ask a socket
    if not part.more:
        return route, part.buffer, part
    socket.recv_multipart()
    return route, SEVERAL, part


def _bind(socket: zmq.Socket[bytes], address: str, deadline: float) -> None:
    pause = threading.Event()
    while True:
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE or time.monotonic() >= deadline:
                raise KensaError(f"cannot listen at '{address}': {error}") from error
            pause.wait(0.01)
        else:
            return


class SocketFiles:
    """The socket files of ipc addresses, their owner's alone; ZeroMQ leaves them behind. Another consumer's stay."""

    def __init__(self, addresses: Sequence[str]) -> None:
        paths = [Path(address.removeprefix("ipc://")) for address in addresses if address.startswith("ipc://")]
        self._made = {path: path.stat().st_ino for path in paths if path.exists()}
        for path in self._made:
            path.chmod(0o600)

    def remove(self) -> None:
        """Remove them."""
        for path, made in self._made.items():
            if path.exists() and path.stat().st_ino == made:
                path.unlink()
