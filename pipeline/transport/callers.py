"""What a socket needs that connects to a peer over tcp: its keys, and somebody who notices when it is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import zmq

from pipeline.keys import Ring, brief
from pipeline.notices import board

REST_S = 0.05  # after a handshake that failed; doubles
REST_MOST_S = 1.0
DOUBT = 3  # failures without a reason, in a row: before, a peer may just have been starting

Socket = zmq.Socket[bytes]
Told = Callable[[int, str], None]


class Hall(Protocol):
    """What a caller needs of its guard."""

    ring: Ring

    def call(self, socket: Socket, host: str, told: Told) -> bool:
        """Speak with nobody but a peer over what is connected from now on."""
        ...

    def forget(self, caller: Caller) -> None:
        """It calls no more."""
        ...


class Caller:
    """One edge's call to a peer; its outbox asks, the guard's thread tells."""

    def __init__(self, guard: Hall, host: str, address: str) -> None:
        self._guard, self._host, self._address = guard, host, address
        self._notice = f"peer {address}"
        self._failures = 0
        self._again = 0.0  # when to open the socket anew; 0: not at all

    @property
    def stale(self) -> bool:
        """Whether the socket is of no use any more and should be opened anew, now."""
        return bool(self._again) and time.monotonic() >= self._again

    def secure(self, socket: Socket) -> bool:
        """Prepare a new socket; False where it must not be connected, because a key is missing."""
        self._again = 0.0
        if self._guard.call(socket, self._host, self.told):
            return True
        board.raise_(self._notice, self._lacking())
        return False

    def told(self, event: int, _: str) -> None:
        """What became of a handshake; said by the guard's thread."""
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._failures = 0
            board.settle(self._notice)
            return
        self._failures += 1
        if event != zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL or self._failures >= DOUBT:
            board.raise_(self._notice, self._words(event))
        self._again = time.monotonic() + min(REST_S * 2 ** min(self._failures, 10), REST_MOST_S)

    def compare(self, old: Ring, new: Ring) -> None:
        """The keys have changed; said by the guard's thread."""
        if old.pair != new.pair or old.allowed.get(self._host) != new.allowed.get(self._host):
            self._failures = 0
            self._again = time.monotonic()

    def close(self) -> None:
        """The edge has ended."""
        self._guard.forget(self)
        board.settle(self._notice)

    def _lacking(self) -> str:
        ring, host = self._guard.ring, self._host
        if ring.pair is None:
            return f"host '{ring.host}' has no key of its own: make one with `kensa keys init --host {ring.host}`"
        return (
            f"nothing is sent to host '{host}' at {self._address}: no key of it is allowed here; "
            f"carry {host}.public here and type `kensa keys add {host}.public`"
        )

    def _words(self, event: int) -> str:
        ring, host, address = self._guard.ring, self._host, self._address
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            own = ring.pair.public.hex() if ring.pair else ""
            return (
                f"host '{host}' at {address} refuses us: it does not allow the key of '{ring.host}'; "
                f"on '{host}' type `kensa keys add {own} --host {ring.host}`"
            )
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return f"who answers at {address} speaks without encryption: is host '{host}' run with --insecure?"
        return (
            f"who answers at {address} is not host '{host}': it does not hold the key {brief(ring.allowed[host])}; "
            f"if '{host}' has a new one, carry {host}.public here and type `kensa keys add {host}.public`"
            if host in ring.allowed
            else self._lacking()
        )
