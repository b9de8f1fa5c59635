"""What the channels of one process share: the ZeroMQ context, the memory hubs, and the wish to stop."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.transport.hub import Hub

if TYPE_CHECKING:
    import zmq

    from pipeline.transport.guard import Guard
    from pipeline.transport.writer import Writer


def guarding(keys: str, insecure: bool) -> Path | None:
    """What a context needs to know: None, where it was said that no keys are needed. No folder holds no keys."""
    return None if insecure else Path(keys or os.devnull)


class Context:
    """Made once per process and handed to every channel; `close` it last.

    Args:
        stop: Set when the line stops. A producer that waits for room then goes on for `drain` seconds;
            after that its records are dropped as `shutdown`.
        drain: Seconds.
        keys: Folder of the keys that tcp edges are encrypted and authenticated with; without it they are neither.
        host: Whose keys in it are this host's own.
        state: Folder of what outlives the line, where durable edges have their spools; without it they drop.

    Attributes:
        away: What feeds this process ended because the line was stopped on this host, not because it is over.
    """

    def __init__(
        self,
        stop: threading.Event | None = None,
        drain: float = 5.0,
        keys: Path | None = None,
        host: str = "",
        *,
        state: Path | None = None,
    ) -> None:
        self.stop = stop or threading.Event()
        self.away = False
        self._drain = drain
        self._lock = threading.Lock()
        self._until: float | None = None
        self._zmq: zmq.Context[zmq.Socket[bytes]] | None = None
        self._hubs: dict[str, Hub] = {}
        self._keys, self._host = keys, host
        self._guard: Guard | None = None
        self.state = state
        self._writer: Writer | None = None

    @property
    def given_up(self) -> bool:
        """The line stops and the time to drain is over."""
        if not self.stop.is_set():
            return False
        if self._until is None:
            self._until = time.monotonic() + self._drain
        return time.monotonic() >= self._until

    @property
    def zmq(self) -> zmq.Context[zmq.Socket[bytes]]:
        """The ZeroMQ context; made when it is first asked for."""
        import zmq

        with self._lock:
            if self._zmq is None:
                self._zmq = zmq.Context(io_threads=1)
            return self._zmq

    @property
    def guard(self) -> Guard | None:
        """Who guards tcp sockets; made when the first of them asks, None where there are no keys."""
        if self._keys is None:
            return None
        from pipeline.transport.guard import Guard

        context = self.zmq
        with self._lock:
            self._guard = self._guard or Guard(context, self._keys, self._host)
            return self._guard

    @property
    def writer(self) -> Writer:
        """Who uses the disk for durable edges; made when the first of them asks."""
        from pipeline.transport.writer import Writer

        with self._lock:
            self._writer = self._writer or Writer()
            return self._writer

    def hub(self, address: str) -> Hub:
        """The meeting place of a lane's memory edges; either side may come first."""
        with self._lock:
            return self._hubs.setdefault(address, Hub())

    def close(self) -> None:
        """End the ZeroMQ context, and with it every socket that was left open: this never hangs."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if self._guard is not None:
                self._guard.end()
                self._guard = None
            if self._zmq is not None:
                self._zmq.destroy(linger=0)
                self._zmq = None
