"""A bad network between two hosts: a TCP proxy that knows where ZeroMQ's frames begin and end.

It cuts, holds one direction or both, slows, resets in the middle of a message, and hands frames to whoever wants to
change them. Of an encrypted connection it sees frames too, but cannot read them.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

GREETING = 64  # bytes with which each side of a ZMTP 3 connection begins
LONG, COMMAND = 2, 4  # flags: eight bytes of size follow instead of one; the frame is ZeroMQ's own
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset

Change = Callable[[bytes], Iterable[bytes]]


class Wire(NamedTuple):
    """One frame on its way: its flags and what it carries."""

    flags: int
    body: bytes


class Way:
    """One direction of all connections.

    Attributes:
        open: Cleared, nothing gets through; it waits.
        rate: Bytes per second; 0 is as many as there are.
        change: Makes, for each connection anew, what becomes of the body of a message; None leaves all alone.
        torn: Connections that are to be reset in the middle of their next long message.
    """

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.rate = 0.0
        self.change: Callable[[], Change] | None = None
        self.torn = 0


class Course:
    """One direction of one connection: what comes of its messages, as long as its way changes them."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._made: Callable[[], Change] | None = None
        self._change: Change | None = None

    def carried(self, frame: Wire) -> list[bytes]:
        """The bytes that a frame becomes."""
        if self._way.change is not self._made:
            self._made = self._way.change
            self._change = self._made() if self._made else None
        if self._change is None or frame.flags & COMMAND:
            return [framed(frame)]
        return [framed(frame._replace(body=body)) for body in self._change(frame.body)]


class Proxy:
    """Forwards local ports to others; `there` is the way of those who connect, `back` that of the answers."""

    def __init__(self, routes: Mapping[int, int]) -> None:
        self.there, self.back = Way(), Way()
        self._refusing = False
        self._ended = False
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listeners = [_listener(port) for port in routes]
        for listener, port in zip(self._listeners, routes.values(), strict=True):
            threading.Thread(target=self._serve, args=(listener, port), daemon=True).start()

    def close(self) -> None:
        """End: every connection is reset."""
        self._ended = True
        for way in (self.there, self.back):
            way.open.set()
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset()

    def cut(self) -> None:
        """Nothing gets through, and nobody hears of it: a pulled cable."""
        self.there.open.clear()
        self.back.open.clear()

    def heal(self) -> None:
        """Everything gets through as it is."""
        self._refusing = False
        for way in (self.there, self.back):
            way.rate, way.change, way.torn = 0.0, None, 0
            way.open.set()

    def refuse(self) -> None:
        """Reset every connection, and every new one at once."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """Reset every connection; new ones are made."""
        for pair in [*self._pairs]:
            _close(pair)

    def _serve(self, listener: socket.socket, port: int) -> None:
        while not self._ended:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            if self._refusing:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                near.close()
                continue
            threading.Thread(target=self._connect, args=(near, port), daemon=True).start()

    def _connect(self, near: socket.socket, port: int) -> None:
        self.there.open.wait()
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError:
            near.close()
            return
        pair = (near, far)
        self._pairs.add(pair)
        threading.Thread(target=self._pump, args=(far, near, self.back, pair), daemon=True).start()
        self._pump(near, far, self.there, pair)

    def _pump(self, source: socket.socket, sink: socket.socket, way: Way, pair: tuple[socket.socket, ...]) -> None:
        """Carry one direction of a connection until either end closes it."""
        with suppress(OSError), source.makefile("rb") as stream:
            greeted, course = 0, Course(way)
            while greeted < GREETING and (data := stream.read1(GREETING - greeted)):
                sink.sendall(data)  # in pieces: each side waits for the first bytes of the other
                greeted += len(data)
            while (frame := read(stream.read)) is not None:
                way.open.wait()
                if way.torn and len(frame.body) > 255:
                    way.torn -= 1
                    sink.sendall(framed(frame)[: len(frame.body) // 2])
                    break
                for data in course.carried(frame):
                    sink.sendall(data)
                    if way.rate:
                        time.sleep(len(data) / way.rate)
        self._pairs.discard(pair)
        _close(pair)


def read(take: Callable[[int], bytes]) -> Wire | None:
    """The next frame of a stream; None where it ends."""
    flags = take(1)
    if not flags:
        return None
    size = take(8 if flags[0] & LONG else 1)
    length = int.from_bytes(size, "big")
    body = take(length) if size else b""
    return Wire(flags[0], body) if size and len(body) == length else None


def framed(frame: Wire) -> bytes:
    """A frame as it travels."""
    long = len(frame.body) > 255
    flags = frame.flags | LONG if long else frame.flags & ~LONG
    return bytes((flags,)) + len(frame.body).to_bytes(8 if long else 1, "big") + frame.body


def _listener(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=64)


def _close(pair: Iterable[socket.socket]) -> None:
    for end in pair:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.shutdown(socket.SHUT_RDWR)
        end.close()
