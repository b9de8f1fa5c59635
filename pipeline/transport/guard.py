"""Who may come in over tcp, and whether who answers is who we mean: CURVE keys, looked after by one thread.

The guard answers ZeroMQ's question about every new connection (RFC 27), follows what becomes of handshakes, and reads
the keys folder again when it changes. Whoever is refused is counted and told on the board of notices, on both sides:
ZeroMQ itself tells nobody and, after some refusals, never tries again.

https://rfc.zeromq.org/spec/27/, https://rfc.zeromq.org/spec/26/
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from struct import Struct as Layout

import zmq

from pipeline import keys
from pipeline.keys import KeysError, Ring
from pipeline.notices import board
from pipeline.transport.callers import Caller, Socket, Told
from pipeline.transport.refusals import Refusals

LOOK_S = 0.5  # between two looks at the keys folder
DOMAIN = b"kensa"  # named, so that a socket whose guard is gone refuses everybody
ZAP = "inproc://zeromq.zap.01"
# Who speaks without encryption hangs up as soon as it sees that we do not, often before we have seen that it does.
STRANGE = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_MONITOR_STOPPED
OUTCOMES = STRANGE | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_SUCCEEDED

_event = Layout("=HI").unpack


class Guard(threading.Thread):
    """Guards every tcp socket of one ZeroMQ context.

    Args:
        context: The context.
        folder: The keys folder.
        host: Whose keys in it are this host's own.

    Attributes:
        ring: What the folder says now; what it said last where it cannot be trusted now.
        cuts: Changes with which somebody lost what they had: sockets that were opened before must be opened anew.
        refused: Connections that were refused, by reason: `unknown`, `revoked`, `plain`.
    """

    def __init__(self, context: zmq.Context[Socket], folder: Path, host: str) -> None:
        super().__init__(name="guard", daemon=True)
        self.ring = Ring(host)
        self.cuts = 0
        self._folder = folder
        self._stamp: tuple[object, ...] = ()
        self._refusals = Refusals()
        self._lock = threading.Lock()
        self._new: list[tuple[Socket, Told]] = []
        self._followed: list[Socket] = []
        self._callers: list[Caller] = []
        self._nudge = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._over = False
        self._context = context
        self._door = context.socket(zmq.REP)
        self._door.bind(ZAP)
        self._look()
        self.start()

    @property
    def refused(self) -> Counter[str]:
        """Connections that were refused so far, by reason."""
        return self._refusals.counts

    def serve(self, socket: Socket) -> bool:
        """Let only peers in by what is bound from now on; False where this host has no key: bind nothing."""
        pair = self.ring.pair
        if pair is None:
            return False
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret.raw)
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        self._follow(socket, STRANGE, self._refusals.stranger)
        return True

    def caller(self, host: str, address: str) -> Caller:
        """What a socket needs that connects to a peer."""
        caller = Caller(self, host, address)
        with self._lock:
            self._callers.append(caller)
        return caller

    def call(self, socket: Socket, host: str, told: Told) -> bool:
        """Speak with nobody but a peer over what is connected from now on; False where a key is missing."""
        ring = self.ring
        known = ring.allowed.get(host)
        if ring.pair is None or known is None:
            return False
        socket.setsockopt(zmq.CURVE_PUBLICKEY, ring.pair.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, ring.pair.secret.raw)
        socket.setsockopt(zmq.CURVE_SERVERKEY, known)
        socket.setsockopt(zmq.RECONNECT_STOP, zmq.RECONNECT_STOP_HANDSHAKE_FAILED)  # the caller tries again, rested
        self._follow(socket, OUTCOMES, told)
        return True

    def forget(self, caller: Caller) -> None:
        """It calls no more."""
        with self._lock:
            if caller in self._callers:
                self._callers.remove(caller)

    def end(self) -> None:
        """Stop; sockets that are still bound then refuse everybody.

        What is followed must be told so first: libzmq waits for ever for somebody to tell of a handshake.
        """
        for socket in self._followed:
            if not socket.closed:
                socket.monitor(None, 0)
        self._over = True
        os.eventfd_write(self._nudge, 1)
        self.join()
        os.close(self._nudge)

    def run(self) -> None:
        """Guard until `end`."""
        poller, monitors, due = zmq.Poller(), dict[Socket, Told](), 0.0
        poller.register(self._door, zmq.POLLIN)
        poller.register(self._nudge, zmq.POLLIN)
        while not self._over:
            ready = dict(poller.poll(max(0, round((due - time.monotonic()) * 1000))))
            if self._nudge in ready:
                os.eventfd_read(self._nudge)
                self._welcome(poller, monitors)
            if self._door in ready:
                self._answer()
            for monitor in [one for one in monitors if one in ready]:
                self._hear(monitor, poller, monitors)
            if time.monotonic() >= due:
                due = time.monotonic() + LOOK_S
                self._look()
                self._refusals.settle(self.ring)
        for socket in (*monitors, self._door):
            socket.close(0)

    def _follow(self, socket: Socket, events: int, told: Told) -> None:
        """Have this thread told of handshakes; ends with the socket."""
        address = f"inproc://guard-{id(self)}-{time.monotonic_ns()}"
        socket.monitor(address, events)
        monitor = self._context.socket(zmq.PAIR)
        monitor.connect(address)
        with self._lock:
            self._new.append((monitor, told))
            self._followed = [one for one in self._followed if not one.closed] + [socket]
        os.eventfd_write(self._nudge, 1)

    def _welcome(self, poller: zmq.Poller, monitors: dict[Socket, Told]) -> None:
        with self._lock:
            new, self._new = self._new, []
        for monitor, told in new:
            monitors[monitor] = told
            poller.register(monitor, zmq.POLLIN)

    @staticmethod
    def _hear(monitor: Socket, poller: zmq.Poller, monitors: dict[Socket, Told]) -> None:
        """One thing that became of a handshake, or the end of the socket it is told of."""
        said, endpoint = monitor.recv_multipart()
        event, _ = _event(said)
        if event != zmq.EVENT_MONITOR_STOPPED:
            monitors[monitor](event, endpoint.decode("ascii", "replace"))
            return
        poller.unregister(monitor)
        del monitors[monitor]
        monitor.close(0)

    def _answer(self) -> None:
        """Whether who holds a key may come in; what is asked comes from libzmq, the key from a stranger."""
        version, request, _, address, _, mechanism, *credentials = self._door.recv_multipart()
        key = credentials[0] if mechanism == b"CURVE" and len(credentials) == 1 else b""
        ring = self.ring
        host = "" if key in ring.revoked else ring.owner(key)
        if not host:
            self._refusals.key(address.decode("ascii", "replace"), key, ring)
        status, text = (b"200", b"") if host else (b"400", b"not allowed")
        self._door.send_multipart([version, request, status, text, host.encode(), b""])

    def _look(self) -> None:
        """Read the folder if it has changed; what cannot be trusted changes nothing, and is told."""
        now = None
        with suppress(OSError):
            now = keys.stamp(self._folder)
        if now == self._stamp and now is not None:
            return
        try:
            ring = keys.read(self._folder, self.ring.host)
        except (KeysError, OSError) as error:
            board.raise_("keys", f"keys: {error}; until then nothing that changes in {self._folder} is heard of")
            return
        board.settle("keys")
        self._stamp = now or ()
        self._take(ring)

    def _take(self, ring: Ring) -> None:
        old, self.ring = self.ring, ring
        before, after = {*old.allowed.items()}, {*ring.allowed.items()}
        if before - after or old.pair != ring.pair:
            self.cuts += 1
        with self._lock:
            callers = [*self._callers]
        for caller in callers:
            caller.compare(old, ring)
