"""The consumer's end of all ipc and tcp edges into one lane: one ROUTER that trusts nobody."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence

import msgspec
import zmq

from pipeline import codec
from pipeline.clock import line_time
from pipeline.errors import DecodeError
from pipeline.plan import Edge
from pipeline.transport import wire
from pipeline.transport.channel import Closed, Delivery
from pipeline.transport.context import Context
from pipeline.transport.doors import Doors
from pipeline.transport.gathering import Gathering
from pipeline.transport.link import Asking, Link, quarter
from pipeline.transport.listening import SocketFiles, bound, heard, is_tcp, owner
from pipeline.transport.reached import Reached
from pipeline.transport.unreadable import Unreadable

ACK_EVERY = 0.2  # seconds until a producer hears what is taken and done; a quarter of its credit is told at once
TICK_MS = 200  # after which a consumer that waits looks up
LEAVE_WITHIN = 0.5  # seconds for producers to have read the last acknowledgement
FINISH_WITHIN = 0.5  # seconds in which a finishing consumer still takes from a producer that does not stop


class ZeromqInbox:
    """The consumer's end: reads one record at a time, acknowledges in batches.

    Attributes:
        unreadable: Messages that could not be read.
    """

    def __init__(
        self, addresses: Sequence[str], edges: Sequence[Edge], context: Context, *, exact: bool = False
    ) -> None:
        self.unreadable, self._token = Unreadable(addresses), uuid.uuid4().hex
        self._reached, self._exact = Reached(context.state), exact
        self._links = {edge.name: Link(edge, self._reached) for edge in edges}
        self._routes: dict[bytes, Link] = {}
        self._doors, self._asking = Doors(), Asking()
        self._ready: deque[Delivery] = deque()
        self._finishing, self._finish_by, self._ended = threading.Event(), 0.0, not edges
        self.gathering = Gathering()
        self.gathering.follow(link.linger for link in self._links.values())
        self._due, self._wait_ms = 0.0, -1
        self._context, self._addresses = context, addresses
        self._guard = context.guard if any(map(is_tcp, addresses)) else None
        self._open()

    def receive(self, timeout: float) -> Delivery | None:
        """The next record, or None when none came in `timeout` seconds.

        Raises:
            Closed: When every edge has ended.
        """
        until = (now := time.monotonic()) + timeout
        if self._due and now >= self._due:
            self._acknowledge()
        while not self._ready:
            if self._ended or (self._finishing.is_set() and time.monotonic() > self._finish_by):
                self._acknowledge()
                raise Closed
            if self.gathering.due and not self._read(0.0):
                self.gathering.pause()
            self.gathering.burst = 0
            heard = bool(self._ready) or self._read(until - now)
            if self._ready:
                break
            now = time.monotonic()
            if not heard:
                self._acknowledge()
                if self._finishing.is_set():
                    raise Closed
            if now >= until:
                return None
        self.gathering.burst += 1
        return self._ready.popleft()

    def done(self, delivery: Delivery, refused: str = "") -> None:
        """The consumer has finished with a record: committed it, or refused it for a reason."""
        if (link := self._links.get(delivery.edge)) is None or not delivery.number:
            return
        arrivals = link.arrivals
        if delivery.producer == arrivals.producer:
            if refused:
                arrivals.refuse(delivery.number, refused)
                self._ended = self._ended and link.over
            else:
                arrivals.finish(delivery.number)
                if self._exact and arrivals.done >= delivery.number:
                    self._reached.done(arrivals.edge, delivery.record)
        else:
            arrivals.late()
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

    def admit(self, edge: Edge) -> None:
        """Take from this edge, too, or go by its new bounds; may be called by another thread."""
        self._doors.ask(edge)

    def dismiss(self, edge: str) -> None:
        """Forget an edge by which nothing more will come; may be called by another thread."""
        self._doors.ask(edge)

    def over(self, edge: str) -> bool:
        """Whether an edge's producer has said that no more will come."""
        return not (link := self._links.get(edge)) or link.arrivals.ended

    def close(self) -> None:
        """Give up the address; what is not done waits for the next consumer."""
        self._acknowledge()
        present = [link for link in self._links.values() if link.route and self._say(link.route, wire.Bye(self._token))]
        until = time.monotonic() + LEAVE_WITHIN
        while any(link.route for link in present) and time.monotonic() < until:
            self._read(until - time.monotonic())
        self._files.remove()
        self._socket.close()
        self._reached.close()

    def _open(self) -> None:
        self._cuts = self._guard.cuts if self._guard else 0
        self._socket = bound(self._context, self._addresses, self._guard)
        self._files = SocketFiles(self._addresses)
        self._wait_ms = -1

    def _reopen(self) -> None:
        """Cut everybody off, for ZeroMQ cannot cut off one; who may still come in does, and nothing is lost."""
        self._socket.close(0)
        self._routes.clear()
        for link in self._links.values():
            link.route = b""
        self._open()

    def _read(self, seconds: float) -> bool:
        """Read one frame; False where none came in time."""
        wait = TICK_MS if seconds * 1000 >= TICK_MS else max(0, int(seconds * 1000))
        if wait != self._wait_ms:
            self._socket.setsockopt(zmq.RCVTIMEO, wait)
            self._wait_ms = wait
        try:
            route, frame, part = heard(self._socket)
        except zmq.Again:
            return False
        link = self._routes.get(route)
        if link is not None and len(frame) > wire.HEAD and frame[0] == wire.RECORD:
            if link.arrivals.accept(number := wire.number_of(frame)):
                self._take(link, frame[wire.HEAD :])
            elif number > link.arrivals.received:  # one before it was spoilt on its way
                self._ask(route, link.asking)
        elif not frame:
            self._say(route, wire.Who(self._token))
        elif link is not None and len(frame) > wire.HEAD and frame[0] == wire.PACK:
            self._unpack(link, route, frame)
        else:
            self._hear(route, frame, part)
        return True

    def _hear(self, route: bytes, frame: memoryview, part: zmq.Frame) -> None:
        try:
            said = wire.decode_greeting(frame)
        except msgspec.DecodeError as error:
            if not self._doors.knocked(route):
                self.unreadable.add("", frame, DecodeError("malformed", f"expected a greeting, found: {error}"))
                self._ask(route, self._asking)  # it may have greeted
            return
        if isinstance(said, wire.Hello):
            self._welcome(route, said, part)
        elif said.token == self._token and route in self._routes:
            self._routes.pop(route).route = b""

    def _welcome(self, route: bytes, hello: wire.Hello, part: zmq.Frame) -> None:
        link = self._links.get(hello.edge)
        if link is None:
            self._doors.knock(hello.edge, route)
            error = DecodeError("stranger", f"no edge '{hello.edge}' leads here")
            self.unreadable.add("", wire.encode(hello), error, tell=False)  # it may be admitted soon
        elif self._guard and (host := owner(part)) != link.host:
            error = DecodeError("stranger", f"host '{host}' says that it is edge '{hello.edge}' of '{link.host}'")
            self.unreadable.add("", wire.encode(hello), error)
        elif hello.token != self._token:
            self._say(route, wire.Who(self._token))
        else:
            self._routes.pop(link.route, None)
            self._routes[route] = link
            self._reached.meet(link.arrivals, hello.producer, hello.base)
            link.greeted(route, hello.base)
            self._tell(link)

    def _unpack(self, link: Link, route: bytes, frame: memoryview) -> None:
        """Take several records; where they were spoilt, have them sent again."""
        try:
            first = wire.number_of(frame)
            if first > link.arrivals.received + 1:
                self._ask(route, link.asking)
            for number, message in enumerate(wire.unpacked(frame), first):
                if link.arrivals.accept(number):
                    self._take(link, message)
        except DecodeError as error:
            self.unreadable.add(link.arrivals.edge, frame, error)
            self._ask(route, link.asking)

    def _take(self, link: Link, message: memoryview) -> None:
        arrivals, number = link.arrivals, link.arrivals.received
        if len(message) == 1 and message in wire.WORDS:
            self._end(link, number, message)
            return
        try:
            record = codec.decode(message)
        except DecodeError as error:
            self.unreadable.add(arrivals.edge, message, error)
            arrivals.refuse(number, error.reason)
        else:
            self._ready.extend(arrivals.place(number, record))
        if number - link.told[0] >= link.quarter:
            self._tell(link)
        elif not self._due:
            self._due = time.monotonic() + ACK_EVERY

    def _end(self, link: Link, number: int, word: memoryview) -> None:
        if word == wire.TAKEN_BACK:
            link.arrivals.finish(number)
        else:
            self._ready.extend(link.arrivals.end(number, line_time.now_ns()))
        link.away = away = word == wire.AWAY
        self._context.away |= away and not link.remote
        self._ended = all(other.over for other in self._links.values())
        self._tell(link)

    def _acknowledge(self) -> None:
        self._due = 0.0
        self.unreadable.settle()
        if self._doors:
            self._change()
        if self._guard and self._guard.cuts != self._cuts:
            self._reopen()
        for link in self._links.values():
            if link.news:
                self._tell(link)
            if link.asking.due():
                self._say(link.route, wire.Who(self._token))
            self._reached.keep(link.arrivals)

    def _change(self) -> None:
        """Let edges in and out; the table of links is made anew, for other threads read it."""
        for asked in self._doors.asked():
            name = asked.name if isinstance(asked, Edge) else asked
            before, links = self._links.get(name), {n: link for n, link in self._links.items() if n != name}
            if not isinstance(asked, Edge):
                self._routes.pop(before.route if before else b"", None)
                self._reached.forget(name)
            elif before:
                before.quarter, before.linger = quarter(asked), asked.queue.linger
                continue
            else:
                links[name] = Link(asked, self._reached)
                if route := self._doors.let_in(name):
                    self._say(route, wire.Who(self._token))
            self._links = links
        self.gathering.follow(link.linger for link in self._links.values())
        self._ended = all(link.over for link in self._links.values())

    def _tell(self, link: Link) -> None:
        if not link.route:
            return
        refused = link.arrivals.refused(link.told[1])
        link.told = (link.arrivals.received, link.arrivals.done)
        self._say(link.route, wire.Ack(self._token, *link.told, refused))

    def _ask(self, route: bytes, asking: Asking) -> None:
        asking.begin()
        if asking.due():
            self._say(route, wire.Who(self._token))

    def _say(self, route: bytes, said: wire.Who | wire.Ack | wire.Bye) -> bool:
        """False where the producer is gone."""
        try:
            self._socket.send_multipart((route, wire.encode(said)), zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True
