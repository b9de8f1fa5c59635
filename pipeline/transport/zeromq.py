"""The producer's end of an edge over ZeroMQ: the queue is Kensa's, ZeroMQ is a pipe with credit."""

from __future__ import annotations

import select
import threading
import time

import msgspec
import zmq

from pipeline import codec
from pipeline.plan import Edge, Queue
from pipeline.records import Gap, Record
from pipeline.transport import wire
from pipeline.transport.channel import Ledger
from pipeline.transport.context import Context
from pipeline.transport.flow import Flow
from pipeline.transport.item import WITHDRAWN, Item
from pipeline.transport.sockets import dealer

SLICE = 0.1  # seconds after which one who waits looks whether the line stops
LISTEN_EVERY = 0.2  # seconds between two looks at acknowledgements while nothing waits
KEPT = 48  # records that gather before they are sent without waiting for a pump
NOBLOCK = int(zmq.NOBLOCK)  # the hot path converts no enumeration


class ZeromqOutbox:
    """The producer's end: one DEALER, used under a lock by its lane and by the pulse.

    A new connection shows itself to the consumer by an empty frame, the consumer asks who is there, the answer
    says where the numbers begin; until then nothing is sent. What is not done is sent again on every new connection.
    """

    def __init__(self, edge: Edge, incarnation: str, context: Context) -> None:
        self.name = edge.name
        self._incarnation = incarnation
        self._context = context
        self._flow = Flow(edge.name, edge.queue)
        self._lock = threading.Lock()
        self._waiting = 0
        self._closed = False
        self._last = wire.NIL
        self._token = ""
        self._linked = False
        self._listened = 0.0
        self._linger, self._kept = edge.queue.linger, 0
        guard = context.guard if edge.transport == "tcp" else None
        self._address, self._caller = edge.address, guard.caller(edge.hosts[1], edge.address) if guard else None
        self._open()

    def _open(self) -> None:
        self._socket = dealer(self._context, self._address, self._caller)
        self._write = super(zmq.Socket, self._socket).send  # past options that only other kinds of socket have
        self._descriptor: int = self._socket.getsockopt(zmq.FD)  # type: ignore[assignment]  # a number

    def _reopen(self) -> None:
        """The peer refused us, is not who it should be, or keys have changed: another socket, another try."""
        self._socket.close(0)
        self._token, self._linked = "", False
        self._open()

    def send(self, record: Record) -> None:
        """Hand a record over; under `block` this waits while the queue is full."""
        payload = record if isinstance(record, Gap) else wire.message(record)
        size = len(payload) if isinstance(payload, bytes) else 0
        item = Item(record.camera, record.session, record.seq, record.t_ns, payload, size, time.monotonic())
        with self._lock:
            # It gathers here until a pump sends it with others where its consumer would let it wait anyway.
            if self._linger and self._linked and self._kept < KEPT and size <= codec.MAX_BYTES:
                self._kept += 1
                if self._flow.gather(item):
                    return
            number = self._flow.direct(item) if self._linked and size <= codec.MAX_BYTES else 0
            if not number:
                self._enqueue(item)
            elif not self._put(wire.frame(number, _message(item))):
                self._flow.unsent(item)

    @property
    def linked(self) -> bool:
        """Whether a consumer is connected and has been told where the numbers begin, as far as known."""
        return self._linked

    def pump(self) -> None:
        """Carry on with what waits; a lane that waits for room does so itself."""
        if self._waiting or self._content() or not self._lock.acquire(blocking=False):
            return
        try:
            if not self._closed:
                self._advance()
        finally:
            self._lock.release()

    def _content(self) -> bool:
        """Nothing waits, and acknowledgements were read not long ago: they give back credit that nobody needs."""
        return self._linked and self._flow.queue.empty and time.monotonic() < self._listened + LISTEN_EVERY

    def ledger(self) -> Ledger:
        """What became of everything so far."""
        with self._lock:
            return self._flow.ledger()

    def retune(self, limits: Queue) -> None:
        """Go by other bounds from now on."""
        with self._lock:
            self._flow.retune(limits)
            self._linger = limits.linger

    def close(self, timeout: float, *, ends: bool = True) -> Ledger:
        """End the edge: wait until all is done, at most for `timeout` seconds; drop the rest as `shutdown`."""
        deadline = time.monotonic() + timeout
        with self._lock:
            if not self._closed:
                if ends:
                    self._last = wire.AWAY if self._context.away or self._context.stop.is_set() else wire.NIL
                    self._flow.end()
                self._advance()
            while not (self._closed or self._over(ends)) and (left := deadline - time.monotonic()) > 0:
                if self._context.given_up:
                    break
                self._wait(min(left, SLICE))
            if not self._closed:
                self._leave(ends)
            return self._flow.ledger()

    def _over(self, ends: bool) -> bool:
        return self._flow.finished if ends else self._flow.drained

    def _leave(self, ends: bool) -> None:
        self._closed = True
        if self._linked:
            self._put(wire.encode(wire.Bye(self._token)))
        self._linked = False
        if not self._over(ends):
            self._flow.abandon("shutdown")
        self._socket.close()
        if self._caller is not None:
            self._caller.close()

    def _enqueue(self, item: Item) -> None:
        """Take a record into the queue, waiting if need be."""
        if item.size > codec.MAX_BYTES:
            self._flow.queue.turn_away(item, "oversized")
            return
        if not self._closed:
            self._advance()
        while not self._closed:
            if self._flow.offer(item, time.monotonic()):
                self._flush()
                return
            if self._context.given_up:
                break
            self._wait(SLICE)
        self._flow.queue.turn_away(item, "shutdown")

    def _wait(self, seconds: float) -> None:
        """Sleep without the lock until the socket has something; meanwhile the pulse leaves it alone.

        The descriptor only tells of changes, so the socket must have been listened to until it was silent.
        """
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        self._waiting += 1
        self._lock.release()
        try:
            poll.poll(seconds * 1000)
        finally:
            self._lock.acquire()
            self._waiting -= 1
        if not self._closed:
            self._advance()

    def _advance(self) -> None:
        self._listen()
        self._flush()
        while self._events() & zmq.POLLIN:
            self._listen()
            self._flush()

    def _flush(self) -> None:
        """Send what there is credit for; while nobody is there, what waits grows old all the same."""
        flow, now = self._flow, time.monotonic()
        self._kept = 0
        if not self._linked:
            flow.queue.expire(now)
            return
        while (entry := flow.peek(now)) is not None:
            number, items = entry[0], self._gather(entry[1], now)
            messages = [m if type(m := item.payload) is bytes else _message(item, self._last) for item in items]
            frame = wire.packed(number, messages) if len(messages) > 1 else wire.frame(number, messages[0])
            if not self._put(frame):
                for item in items:
                    flow.unsent(item)
                return

    def _gather(self, item: Item, now: float) -> list[Item]:
        """What goes in one frame: the next, and what waits behind it; the end of the stream goes alone."""
        flow, items, size = self._flow, [item], item.size
        most = min(wire.PACKED, flow.credit // 4)  # no more than what is acknowledged at once
        flow.sent()
        if item.payload is not None:
            items += flow.several(most - 1, wire.PACKED_BYTES - size)
            size = sum(each.size for each in items)
        while item.payload is not None and size < wire.PACKED_BYTES and len(items) < most:
            if (entry := flow.peek(now)) is None or entry[1].payload is None:
                break
            items.append(entry[1])
            size += entry[1].size
            flow.sent()
        return items

    def _events(self) -> int:
        """Whether something can be read, and whether anybody is connected: credit keeps room for what is written."""
        return self._socket.getsockopt(zmq.EVENTS)  # type: ignore[return-value]  # this option is a number

    def _put(self, frame: bytes) -> bool:
        try:
            self._write(frame, NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _listen(self) -> None:
        """Read what the consumer says."""
        self._listened = time.monotonic()
        if self._caller is not None and self._caller.stale:
            self._reopen()
        while (events := self._events()) & zmq.POLLIN:
            self._hear(self._socket.recv(zmq.NOBLOCK))
        if not events & zmq.POLLOUT:
            self._token, self._linked = "", False
        elif self._token and not self._linked:
            self._greet()

    def _hear(self, reply: bytes) -> None:
        try:
            said = wire.decode_reply(reply)
        except msgspec.DecodeError:
            return  # not a consumer of ours: what is not acknowledged will be sent again
        if isinstance(said, wire.Who):
            self._token, self._linked = said.token, False
        elif said.token == self._token and self._linked:
            if isinstance(said, wire.Ack):
                self._flow.acknowledge(said.taken, said.done, said.refused)
            else:
                self._part()

    def _greet(self) -> None:
        """Say who this is and begin again with the first that is not done."""
        hello = wire.Hello(self._token, self.name, self._incarnation, self._flow.base)
        if self._put(wire.encode(hello)):
            self._linked = True
            self._flow.rewind()

    def _part(self) -> None:
        """The consumer leaves: wait for the next one."""
        self._put(wire.encode(wire.Bye(self._token)))
        self._token, self._linked = "", False


def _message(item: Item, last: bytes = wire.NIL) -> bytes:
    payload = item.payload
    if type(payload) is bytes:
        return payload
    if isinstance(payload, Record):
        return codec.encode(payload)
    return wire.TAKEN_BACK if item is WITHDRAWN else last
