"""The consumer's end of all ipc and tcp edges into one lane: one ROUTER that trusts nobody."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
import zmq

from pipeline import codec
from pipeline.errors import DecodeError, KensaError
from pipeline.plan import Edge
from pipeline.transport import wire
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.channel import Closed, Delivery
from pipeline.transport.context import Context
from pipeline.transport.flow import credit
from pipeline.transport.zeromq import OPTIONS

ACK_EVERY = (
    0.2  # seconds within which a producer hears of what is taken and done; a quarter of its credit is told at once
)
TICK_MS = 200  # after which a consumer that waits looks up
BIND_WITHIN = 3.0  # seconds an address may still be held by the consumer before this one
LEAVE_WITHIN = 0.5  # seconds for producers to have read the last acknowledgement
FINISH_WITHIN = 0.5  # seconds in which a finishing consumer still takes from a producer that does not stop
SEVERAL = memoryview(b"\xc1")  # stands for a message of several parts: no MessagePack begins like this
KEPT = 16  # quarantined messages


class _Link:
    """One edge, the connection it comes by, and what its producer has been told."""

    def __init__(self, edge: Edge) -> None:
        self.arrivals = Arrivals(edge.name)
        self.quarter = max(1, credit(edge.queue) // 4)
        self.route = b""
        self.told = (0, 0)

    @property
    def news(self) -> bool:
        return self.told != (self.arrivals.received, self.arrivals.done)


class ZeromqInbox:
    """The consumer's end: reads one record at a time, acknowledges in batches.

    Attributes:
        quarantine: The last messages that could not be read, and from which edge (empty: from a stranger).
        strangers: Frames from connections that have not said which edge they are.
    """

    def __init__(self, addresses: Sequence[str], edges: Sequence[Edge], context: Context) -> None:
        self.quarantine: deque[tuple[str, codec.Refused]] = deque(maxlen=KEPT)
        self.strangers = 0
        self._token = uuid.uuid4().hex
        self._links = {edge.name: _Link(edge) for edge in edges}
        self._routes: dict[bytes, _Link] = {}
        self._ready: deque[Delivery] = deque()
        self._finishing = threading.Event()
        self._finish_by = 0.0
        self._ended = not edges
        self._due = 0.0
        self._wait_ms = -1
        self._socket = _router(context, addresses)
        self._files = _Files(addresses)

    def receive(self, timeout: float) -> Delivery | None:
        """The next record, or None when none came in `timeout` seconds.

        Raises:
            Closed: When every edge has ended.
        """
        now = time.monotonic()
        until = now + timeout
        if self._due and now >= self._due:
            self._acknowledge()
        while not self._ready:
            if self._ended or (self._finishing.is_set() and time.monotonic() > self._finish_by):
                self._acknowledge()
                raise Closed
            heard = self._read(until - now)
            if self._ready:
                break
            now = time.monotonic()
            if not heard:
                self._acknowledge()
                if self._finishing.is_set():
                    raise Closed
            if now >= until:
                return None
        return self._ready.popleft()

    def done(self, delivery: Delivery, refused: str = "") -> None:
        """The consumer has finished with a record: committed it, or refused it for a reason."""
        link = self._links[delivery.edge]
        arrivals = link.arrivals
        if not delivery.number or delivery.producer != arrivals.producer:
            return
        arrivals.settle(delivery.number, refused)
        if arrivals.ended and arrivals.done == arrivals.received:
            self._tell(link)
        elif not self._due:
            self._due = time.monotonic() + ACK_EVERY

    def finish(self) -> None:
        """Do not wait for producers that have not ended; may be called by another thread."""
        if not self._finishing.is_set():
            self._finish_by = time.monotonic() + FINISH_WITHIN
            self._finishing.set()

    def received(self) -> dict[str, int]:
        """Per edge the highest number received from its current producer."""
        return {name: link.arrivals.received for name, link in self._links.items()}

    def close(self) -> None:
        """Give up the address; what is not done waits for the next consumer."""
        self._acknowledge()
        bye = wire.Bye(self._token)
        present = [link for link in self._links.values() if link.route and self._say(link.route, bye)]
        until = time.monotonic() + LEAVE_WITHIN
        while any(link.route for link in present) and time.monotonic() < until:
            self._read(until - time.monotonic())
        self._files.remove()
        self._socket.close()

    def _read(self, seconds: float) -> bool:
        """Read one frame; False where none came in time."""
        wait = TICK_MS if seconds * 1000 >= TICK_MS else max(0, int(seconds * 1000))
        if wait != self._wait_ms:
            self._socket.setsockopt(zmq.RCVTIMEO, wait)
            self._wait_ms = wait
        try:
            route = self._socket.recv()
        except zmq.Again:
            return False
        part = self._socket.recv(copy=False)  # knows whether more follows, which is dear to ask a socket
        frame = part.buffer
        if part.more:
            self._socket.recv_multipart()
            frame = SEVERAL
        link = self._routes.get(route)
        if link is not None and len(frame) > wire.HEAD and frame[0] == wire.RECORD:
            if link.arrivals.accept(wire.number_of(frame)):
                self._take(link, frame)
        elif not frame:
            self._say(route, wire.Who(self._token))
        else:
            self._hear(route, frame)
        return True

    def _hear(self, route: bytes, frame: memoryview) -> None:
        try:
            said = wire.decode_greeting(frame)
        except msgspec.DecodeError as error:
            self._refuse("", frame, DecodeError("malformed", f"expected a greeting, found: {error}"))
            return
        if isinstance(said, wire.Hello):
            self._welcome(route, said)
        elif said.token == self._token and route in self._routes:
            self._routes.pop(route).route = b""

    def _welcome(self, route: bytes, hello: wire.Hello) -> None:
        link = self._links.get(hello.edge)
        if link is None:
            error = DecodeError("stranger", f"no edge '{hello.edge}' leads here")
            self._refuse("", wire.encode(hello), error)
        elif hello.token != self._token:
            self._say(route, wire.Who(self._token))
        else:
            self._routes.pop(link.route, None)
            self._routes[route] = link
            link.route = route
            link.arrivals.meet(hello.producer, hello.base)
            link.told = (0, hello.base - 1)
            self._tell(link)

    def _take(self, link: _Link, frame: memoryview) -> None:
        arrivals, number = link.arrivals, link.arrivals.received
        if len(frame) == wire.HEAD + 1 and frame[wire.HEAD :] == wire.NIL:
            arrivals.end(number)
            self._ended = all(other.arrivals.ended for other in self._links.values())
            self._tell(link)
            return
        try:
            record = codec.decode(frame[wire.HEAD :])
        except DecodeError as error:
            self._refuse(arrivals.edge, frame[wire.HEAD :], error)
            arrivals.refuse(number, error.reason)
        else:
            self._ready.extend(arrivals.place(number, record))
        if number - link.told[0] >= link.quarter:
            self._tell(link)
        elif not self._due:
            self._due = time.monotonic() + ACK_EVERY

    def _refuse(self, edge: str, message: bytes | memoryview, error: DecodeError) -> None:
        self.strangers += not edge
        self.quarantine.append((edge, codec.refuse(message, error)))

    def _acknowledge(self) -> None:
        self._due = 0.0
        for link in self._links.values():
            if link.news:
                self._tell(link)

    def _tell(self, link: _Link) -> None:
        arrivals = link.arrivals
        if not link.route:
            return
        refused = arrivals.refused(link.told[1])
        link.told = (arrivals.received, arrivals.done)
        self._say(link.route, wire.Ack(self._token, arrivals.received, arrivals.done, refused))

    def _say(self, route: bytes, said: wire.Who | wire.Ack | wire.Bye) -> bool:
        """False where the producer is gone."""
        try:
            self._socket.send_multipart((route, wire.encode(said)), zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True


def _router(context: Context, addresses: Sequence[str]) -> zmq.Socket[bytes]:
    socket = context.zmq.socket(zmq.ROUTER)
    for option, value in OPTIONS.items():
        socket.setsockopt(option, value)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a producer that is gone is said, not passed over
    socket.setsockopt(zmq.IPV6, int(any(address.startswith("tcp://[") for address in addresses)))
    deadline = time.monotonic() + BIND_WITHIN
    try:
        for address in addresses:
            _bind(socket, address, deadline)
    except KensaError:
        socket.close(0)
        raise
    return socket


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


class _Files:
    """The socket files of ipc addresses, which ZeroMQ leaves behind; another consumer's are left alone."""

    def __init__(self, addresses: Sequence[str]) -> None:
        paths = [Path(address.removeprefix("ipc://")) for address in addresses if address.startswith("ipc://")]
        self._made = {path: path.stat().st_ino for path in paths if path.exists()}

    def remove(self) -> None:
        for path, made in self._made.items():
            if path.exists() and path.stat().st_ino == made:
                path.unlink()
